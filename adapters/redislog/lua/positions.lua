-- Returns the positions of rooms.
-- KEYS: age, head of each
-- ARGV: fresh epoch, life of the head of a room without entries, '1' for each room that
--       is watched and '0' for the others, newest entry seen of each or ''
-- Returns epoch and offset of each.
local at = {}
local now, life = clock(), tonumber(ARGV[2])
local b = bucket(KEYS[1], ARGV[1])
for i = 2, #KEYS do
  local h = load(KEYS[i])
  if lost(b, h, ARGV[i + 2], nil) then
    renewed(b, h, KEYS[i], ARGV[1])
  end
  -- A watched room gets a head, so that it keeps its epoch.
  local watched = string.sub(ARGV[3], i - 1, i - 1) == '1'
  if watched and (not h or h.offset == 0 and now >= tonumber(h.due)) then
    h = h or begin(b, ARGV[1], life / 2)
    h.due = int(now + life / 4)
    save(KEYS[i], h, life)
  end
  h = h or begin(b, ARGV[1], life / 2)
  at[#at + 1] = h.epoch
  at[#at + 1] = int(h.offset)
end
return at
