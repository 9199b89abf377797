-- Returns some of the places (room and user) of a dead server. Without any, it removes
-- the server from the dead ones.
-- KEYS: dead servers, places of the server; ARGV: server, limit
local places = redis.call('SRANDMEMBER', KEYS[2], ARGV[2])
if #places == 0 then
  redis.call('SREM', KEYS[1], ARGV[1])
end
return places
