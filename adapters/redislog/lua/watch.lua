-- Extends the life of a watched room.
-- KEYS: age, head, entries, amends, states, index, old log, old index, users, markers
-- ARGV: fresh epoch, life, '1' if the server watches the room already, life of the head
--       of a room without entries, newest entry seen or ''
-- Returns the age of the bucket.
local b, h = open(KEYS[1], KEYS[2], ARGV[1], ARGV[5], ARGV[3])
local life = tonumber(ARGV[4])
h = h or begin(b, ARGV[1], life / 2)
if h.offset > 0 then
  life = tonumber(ARGV[2])
  for _, key in ipairs({entries, amends, states, index, KEYS[10]}) do
    redis.call('PEXPIRE', key, int(life * 1.25))
  end
  h.due = int(clock() + life / 4)
  save(KEYS[2], h, life * 1.25)
else
  h.due = int(clock() + life / 4)
  save(KEYS[2], h, life)
end
return b.age
