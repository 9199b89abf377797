-- Returns what stands at the offset of an entry that a server has seen.
-- KEYS: age, head, log
-- ARGV: fresh, offset
-- Returns age, epoch or '', last offset, and time and event of the entry, each or ''.
local a = bucket(KEYS[1], ARGV[1]).age
local h = load(KEYS[2])
if not h then
  return {a, '', '0', '', ''}
end
local e = redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2])[1]
return {a, h.epoch, int(h.offset), e and e[2][2] or '', e and e[2][4] or ''}
