-- Counts the messages that a user has not read.
-- KEYS: as for mark
-- ARGV: fresh epoch, newest entry seen or '', '1' if the room is watched, life of the epoch of
--       rooms without a head, user, user as JSON or '', maximum to count, maximum number of
--       other messages to look at, offset to continue from or ''
-- Returns epoch, offset read up to, last offset, and the number. If it stopped at the second
-- maximum, also the offset to continue from.
local b, h = open(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
h = h or begin(b, ARGV[1], ARGV[4] / 2) -- not stored
if h.offset == 0 then
  return {h.epoch, '0', '0', 0}
end
local epoch, offset = string.match(redis.call('HGET', KEYS[10], ARGV[5]) or '', '^(%S+) (%d+)$')
local read = epoch == h.epoch and offset or '0'
local user = ARGV[6]

-- walk finds only those private messages that the user has sent or received.
local function counts(e, flags, json)
  if flags == 'd' or flags == 'g' then
    return false
  end
  local text = string.sub(e, json)
  if not string.find(flags, 'p', 1, true) then
    return not isfrom(text, user)
  end
  local f = parts(text, false)
  return user ~= '' and f.to == user and f.user ~= user
end

local view = {runs = 'b', own = user ~= '' and 'u' .. userkey(user), shown = counts}
local from = ARGV[9] ~= '' and tonumber(ARGV[9]) or read + 1
local _, found, goon = walk(list(entries), true, from, h.offset, tonumber(ARGV[7]), view, tonumber(ARGV[8]))
if goon then
  return {h.epoch, read, int(h.offset), #found, int(goon)}
end
return {h.epoch, read, int(h.offset), #found}
