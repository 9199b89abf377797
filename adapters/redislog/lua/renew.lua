-- Begins a new epoch if the room's epoch is still the one that the caller has seen.
-- KEYS: age, head
-- ARGV: fresh epoch, epoch seen
-- Returns the epoch.
local b, h = bucket(KEYS[1], ARGV[1]), load(KEYS[2])
if not h then
  if b.epoch == ARGV[2] then
    turn(b, ARGV[1])
  end
  return b.epoch
end
if h.epoch == ARGV[2] then
  h.epoch = ARGV[1]
  save(KEYS[2], h)
end
return h.epoch
