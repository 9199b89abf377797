-- Notes that a user is no longer in a room on a server.
-- KEYS: writes, places of the server, users, rooms, versions
-- ARGV: server, room, user, '1' if the server is dead
-- Returns 1 if the user is now on no server, otherwise 0; the number of the server's
-- writes; and the user's name if the first is 1.
local writes = 0
if ARGV[4] ~= '1' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  writes = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
end
redis.call('SREM', KEYS[2], cjson.encode({ARGV[2], ARGV[3]}))
local s = redis.call('HGET', KEYS[3], ARGV[3])
if not s then
  return {0, writes, ''}
end
local u = cjson.decode(s)
local i = 1
while u[i] and u[i] ~= ARGV[1] do
  i = i + 3
end
if not u[i] then
  return {0, writes, ''}
end
local name = u[i + 2]
for _ = 1, 3 do
  table.remove(u, i)
end
changed(KEYS[5], ARGV[2])
if u[1] then
  redis.call('HSET', KEYS[3], ARGV[3], cjson.encode(u))
  return {0, writes, ''}
end
redis.call('HDEL', KEYS[3], ARGV[3])
local n = redis.call('HLEN', KEYS[3])
if n > 0 then
  redis.call('HSET', KEYS[4], ARGV[2], n)
else
  redis.call('HDEL', KEYS[4], ARGV[2])
  redis.call('HDEL', KEYS[5], ARGV[2])
end
return {1, writes, name}
