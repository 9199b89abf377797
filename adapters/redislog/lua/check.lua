-- Returns the element at the offset of an entry that a server has seen.
-- KEYS: age, head, entries, amends, states, index, old log, old index, users
-- ARGV: fresh, offset
-- Returns age, epoch or '', last offset, and the element or ''.
local a = bucket(KEYS[1], ARGV[1]).age
local h = load(KEYS[2])
if not h then
  return {a, '', '0', ''}
elseif not h.moved then
  takeover(KEYS[2], h)
end
return {a, h.epoch, int(h.offset), held(tonumber(ARGV[2]), h.offset) or ''}
