-- Returns the versions of rooms: numbers that change whenever the users of the room
-- change, or false for a room without users.
-- KEYS: versions; ARGV: rooms
return redis.call('HMGET', KEYS[1], unpack(ARGV))
