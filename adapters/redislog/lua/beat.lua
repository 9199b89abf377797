-- Extends a server's lease, and ends the leases whose time is over.
-- KEYS: leases, writes, dead servers, last beat, removed servers
-- ARGV: server, ttl, number of writes that the server knows of
-- Returns 1 if the server's users are still held, otherwise 0; the number of its writes;
-- and all dead servers.
local now, ttl = clock(), tonumber(ARGV[2])
local function expired()
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now))
end

-- No lease runs while no server could beat. Servers beat three times per ttl, so while one
-- lives, the time between two beats is below half of ttl. A longer gap extends all leases, at
-- most to ttl from now. If the clock was set back, all leases move with it.
local last = redis.call('GET', KEYS[4])
local gap = last and now - last or 0
if gap < 0 or gap > ttl / 2 then
  local leases = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf', 'WITHSCORES')
  for i = 1, #leases, 2 do
    local till = tonumber(leases[i + 1])
    local longer = till + gap
    if gap > 0 then
      longer = math.max(till, math.min(longer, now + ttl))
    end
    redis.call('ZADD', KEYS[1], int(longer), leases[i])
  end
end
redis.call('SET', KEYS[4], int(now))

local held, known = 1, tonumber(ARGV[3])
local writes = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
if writes < known then
  held = 0 -- what is left of this server is removed when its lease ends
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
  redis.call('ZADD', KEYS[5], int(now), server)
end
for _, server in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', int(now - 3600000))) do
  redis.call('ZREM', KEYS[5], server)
end
return {held, writes, redis.call('SMEMBERS', KEYS[3])}
