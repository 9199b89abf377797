-- Lists users of a room.
-- KEYS: users; ARGV: limit
-- Returns how many users there are, then user and record of each listed one.
local list = {redis.call('HLEN', KEYS[1])}
local limit = tonumber(ARGV[1])
if limit <= 0 then
  return list
end
local seen, cursor = {}, '0'
repeat
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', math.min(limit, 1000))
  cursor = page[1]
  for i = 1, #page[2], 2 do
    local user = page[2][i]
    if not seen[user] and #list < 2 * limit then
      seen[user] = true
      list[#list + 1] = user
      list[#list + 1] = page[2][i + 1]
    end
  end
until cursor == '0' or #list >= 2 * limit
return list
