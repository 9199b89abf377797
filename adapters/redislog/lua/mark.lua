-- Raises how far a user has read a room.
-- KEYS: age, head, entries, amends, states, index, old log, old index, users, markers
-- ARGV: fresh epoch, newest entry seen or '', '1' if the room is watched, user, offset, life
--       of the room
-- Returns the offset, and 1 if this has raised it.
local _, h = open(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
if not h or h.offset == 0 then
  return {'0', 0}
end
local epoch, offset = string.match(redis.call('HGET', KEYS[10], ARGV[4]) or '', '^(%S+) (%d+)$')
local read = epoch == h.epoch and tonumber(offset) or 0
local to = math.min(tonumber(ARGV[5]), h.offset)
if to <= read then
  return {int(read), 0}
end
redis.call('HSET', KEYS[10], ARGV[4], h.epoch .. ' ' .. int(to))
redis.call('PEXPIRE', KEYS[10], int(ARGV[6] * 1.25))
return {int(to), 1}
