-- Notes that a user is in a room on a server.
-- KEYS: leases, writes, places of the server, users, rooms, versions, removed servers
-- ARGV: server, room, user, name, connections, length of a lease for a server without one
-- Returns 1 if the user was on no server before, otherwise 0; and the number of the
-- server's writes.
if redis.call('ZSCORE', KEYS[7], ARGV[1]) then
  return {0, 0} -- the server was removed; it sees that from the small number of writes
end
local writes = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[1], int(clock() + ARGV[6]), ARGV[1])
end
-- A user is kept as [server, connections, name, server, connections, name, ...], in the order of
-- the servers' last writes. The last name is the user's.
local s = redis.call('HGET', KEYS[4], ARGV[3])
local u = s and cjson.decode(s) or {}
local i = 1
while u[i] and u[i] ~= ARGV[1] do
  i = i + 3
end
for _ = 1, 3 do
  table.remove(u, i)
end
for _, v in ipairs({ARGV[1], tonumber(ARGV[5]), ARGV[4]}) do
  table.insert(u, v)
end
local t = cjson.encode(u)
if t ~= s then
  redis.call('HSET', KEYS[4], ARGV[3], t)
  changed(KEYS[6], ARGV[2])
end
redis.call('SADD', KEYS[3], cjson.encode({ARGV[2], ARGV[3]}))
if not s then
  redis.call('HSET', KEYS[5], ARGV[2], redis.call('HLEN', KEYS[4]))
end
return {s and 0 or 1, writes}
