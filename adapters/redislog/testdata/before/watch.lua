-- Extends the life of a watched room.
-- KEYS: age, head, log, users, index
-- ARGV: fresh epoch, life, '1' if the server watches the room already, life of the head
--       of a room without entries, newest entry seen or ''
-- Returns the age of the bucket.
local b, h = open(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[5], ARGV[3])
local life = tonumber(ARGV[4])
h = h or begin(b, ARGV[1], life / 2)
if h.offset > 0 then
  life = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[3], int(life * 1.25))
  redis.call('PEXPIRE', KEYS[5], int(life * 1.25))
  h.due = clock() + life / 4
  save(KEYS[2], h, life * 1.25)
else
  h.due = clock() + life / 4
  save(KEYS[2], h, life)
end
return b.age
