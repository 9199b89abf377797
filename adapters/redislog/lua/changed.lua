-- changed gives a room a new version. The counter of a bucket's versions is in the field
-- '\255', which is not the name of any room. The counter starts at the current time,
-- because a counter may be lost and must not repeat.
local function changed(key, room)
  local n = redis.call('HINCRBY', key, '\255', 1)
  if n == 1 then
    n = clock() * 1000
    redis.call('HSET', key, '\255', int(n))
  end
  redis.call('HSET', key, room, int(n))
end
