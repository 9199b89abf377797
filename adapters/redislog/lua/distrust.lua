-- Begins a new age of the bucket if its age is still the one that the caller has seen.
-- KEYS: age; ARGV: fresh age, age seen
-- Returns the age.
local b = bucket(KEYS[1], ARGV[1])
if b.age == ARGV[2] then
  b.age = ARGV[1]
  turn(b, ARGV[1])
end
return b.age
