-- Returns the rooms that have users, each followed by their number.
-- KEYS: rooms
return redis.call('HGETALL', KEYS[1])
