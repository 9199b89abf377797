-- Begins a new age of the bucket if it is in the one that was seen.
-- KEYS: age; ARGV: fresh age, age seen
-- Returns the age.
local a = age(KEYS[1], ARGV[1])
if a == ARGV[2] then
  a = ARGV[1]
  redis.call('SET', KEYS[1], a)
end
return a
