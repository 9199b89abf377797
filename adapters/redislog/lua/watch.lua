-- Sees to it that a room that is watched lives on.
-- KEYS: age, head, log, users, index
-- ARGV: fresh epoch, life, '1' if the server watches the room already
-- Returns the age of the bucket.
local a = age(KEYS[1], ARGV[1])
local h = load(KEYS[2])
if not h then
  h = begin(KEYS[1], ARGV[1])
elseif h.age ~= a then
  -- Something was lost since. A room in use is compared by the servers that use it.
  -- Of any other, nobody can say whether its end was among what was lost.
  if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[4]) == 0 then
    h.epoch = ARGV[1]
  end
  h.age = a
end
local life = tonumber(ARGV[2])
h.due = clock() + life / 4
save(KEYS[2], h, life * 1.25)
redis.call('PEXPIRE', KEYS[3], int(life * 1.25))
redis.call('PEXPIRE', KEYS[5], int(life * 1.25))
return a
