-- Extends a server's lease and ends those that ran out.
-- KEYS: leases, writes, dead servers, last beat
-- ARGV: server, ttl, number of the server's writes as it knows
-- Returns whether the server is held, the number of its writes, and all dead servers.
local now, ttl = clock(), tonumber(ARGV[2])
local function expired()
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now))
end

-- While Redis was away nobody could keep a promise.
local last = redis.call('GET', KEYS[4])
if last and now - last >= ttl then
  for _, server in ipairs(expired()) do
    redis.call('ZADD', KEYS[1], int(now + ttl), server)
  end
end
redis.call('SET', KEYS[4], int(now))

local held, known = 1, tonumber(ARGV[3])
local writes = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
if writes < known then
  held = 0 -- what is left under this name runs out
else
  if writes == 0 then
    writes = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
  end
  redis.call('ZADD', KEYS[1], int(now + ttl), ARGV[1])
end
for _, server in ipairs(expired()) do
  redis.call('ZREM', KEYS[1], server)
  redis.call('HDEL', KEYS[2], server)
  redis.call('SADD', KEYS[3], server)
end
return {held, writes, redis.call('SMEMBERS', KEYS[3])}
