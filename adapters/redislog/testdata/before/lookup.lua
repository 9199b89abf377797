-- Finds the event that was appended with an id. It writes nothing, so a lookup creates no
-- keys.
-- KEYS: head, log, ids, older ids
-- ARGV: id
-- Returns an empty list if the id is not known; otherwise epoch, offset, time, and the
-- event, or '' if the event is no longer kept.
local h = load(KEYS[1])
local seen = h and h.offset > 0 and (redis.call('HGET', KEYS[3], ARGV[1]) or redis.call('HGET', KEYS[4], ARGV[1]))
if not seen then
  return {}
end
local offset, time = string.match(seen, '^(%d+) (%d+)$')
local e = redis.call('XRANGE', KEYS[2], offset, offset)
return {h.epoch, offset, time, e[1] and e[1][2][4] or ''}
