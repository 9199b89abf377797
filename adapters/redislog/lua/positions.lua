-- Gives the positions of rooms.
-- KEYS: age, head of each
-- ARGV: fresh epoch, life of the head of a room without entries, of a watched one,
--       '1' for each room that is watched and '0' for the others
-- Returns epoch and offset of each.
local at = {}
for i = 2, #KEYS do
  local epoch, offset
  local s = redis.call('GET', KEYS[i])
  if s then
    epoch, offset = string.match(s, '^(%S+) (%d+)')
  else
    local h = begin(KEYS[1], ARGV[1])
    save(KEYS[i], h, tonumber(string.sub(ARGV[4], i - 1, i - 1) == '1' and ARGV[3] or ARGV[2]))
    epoch, offset = h.epoch, '0'
  end
  at[#at + 1] = epoch
  at[#at + 1] = offset
end
return at
