-- Finds the entry that was stored with an id. A lookup creates no keys.
-- KEYS: as for append
-- ARGV: id
-- Returns an empty list if the id is not known; otherwise 1, epoch, offset, time, and the
-- entry as answer returns it.
local h = load(KEYS[2])
if not h or h.offset == 0 then
  return {}
end
local place = known(KEYS[10], KEYS[11], {ARGV[1]})
if not place then
  return {}
elseif not h.moved then
  takeover(KEYS[2], h)
end
local offset, time = string.match(place, '^(%d+) (%d+)$')
return {1, h.epoch, offset, time, answer(tonumber(offset), h.offset)}
