-- Begins a new epoch if the room is in the one that was seen.
-- KEYS: age, head
-- ARGV: fresh epoch, epoch seen, life of a head without entries
-- Returns the epoch.
local h = load(KEYS[2])
if not h then
  h = begin(KEYS[1], ARGV[1])
  save(KEYS[2], h, tonumber(ARGV[3]))
elseif h.epoch == ARGV[2] then
  h.epoch = ARGV[1]
  save(KEYS[2], h)
end
return h.epoch
