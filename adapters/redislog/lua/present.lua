-- Returns the record of a user, or ''.
-- KEYS: users; ARGV: user
return redis.call('HGET', KEYS[1], ARGV[1]) or ''
