-- Publishes an event that is not stored.
-- KEYS: age (for its slot); ARGV: feed, event
return redis.call('SPUBLISH', ARGV[1], ARGV[2])
