-- Returns the version of Redis as 0xMMmmpp, or 0 before version 7.
-- KEYS: age (for its slot)
return redis.REDIS_VERSION_NUM or 0
