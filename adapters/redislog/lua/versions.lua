-- Returns the versions of who is in rooms, each a number that is another one after
-- every change, or false for a room with nobody in it.
-- KEYS: versions; ARGV: rooms
return redis.call('HMGET', KEYS[1], unpack(ARGV))
