-- Appends an entry that amends a message, changes the message, and publishes the entry.
-- KEYS: as for append
-- ARGV: fresh epoch, id or '', feed, entries that amend to keep, bytes of messages to keep,
--       life of the room, window of the ids, maximum number of ids, newest entry seen or '',
--       '1' if the room is watched, type, target, '1' for a moderator, user's id as JSON or
--       ''; the entry's JSON in two parts, with a place for the receiver between them: from
--       after the type to the username, and from the id on; for an edit the JSON of text and
--       data; for a reaction its text, the user's id, '1' to remove it, and the maximum
--       numbers of different reactions and of listed users; the trace, if there is one, which
--       is published and not stored
-- Returns 0, epoch, offset, time, receiver as JSON or ''; for a repeated id 1, epoch, offset,
-- time, and the first entry as answer returns it; for a reaction that changes nothing 2,
-- epoch, and offset and time of the last entry that has amended the message; 3 for no such
-- message; 4 for too many reactions.
local now = clock()
local b, h, few = bucket(KEYS[1], ARGV[1]), load(KEYS[2]), nil
local quick = h and ready(b.age, h, ARGV[9], now, KEYS[3], KEYS[4])
local function seldom()
  few = few or rest()
  return few
end
if not quick then
  b, h = seldom().open(KEYS[1], KEYS[2], ARGV[1], ARGV[9], ARGV[10])
end
if not h or h.offset == 0 then
  return {3}
end
local id = ARGV[2]
local stored = id ~= '' and known(KEYS[10], KEYS[11], {id})
if stored then
  local first, at = string.match(stored, '^(%d+) (%d+)$')
  return {1, h.epoch, first, at, seldom().answer(tonumber(first), h.offset)}
end

-- Find the message. In a room without earlier amending entries, the second look finds it.
local kind, target, user = ARGV[11], tonumber(ARGV[12]), ARGV[14]
local place = target - offsetof(redis.call('LINDEX', entries, 0) or '0')
local message = place >= 0 and redis.call('LINDEX', entries, int(place))
if not message or offsetof(message) ~= target then
  message, place = find(list(entries), target)
end
if not message then
  return {3}
end
local _, sent, flags, _, begin = split(message)
if flags == 'd' or flags == 'g' then
  return {3}
end
local json = string.sub(message, begin)

-- Check that the user may do this to the message.
local private, to, own = string.find(flags, 'p', 1, true), nil, false
if private then
  local f = parts(json, false)
  local author, receiver = f.user or '', f.to or ''
  if user == '' or user ~= author and user ~= receiver then
    return {3}
  end
  own = user == author
  to = own and receiver or author
  if to == '' then
    to = user
  end
else
  own = isfrom(json, user)
end
if kind ~= 'reaction' and not own and not (kind == 'delete' and ARGV[13] == '1') then
  return {3}
end

-- The state of the message.
local before, changed = edited(flags, json)
local reactions, over, noted = '', false, string.find(flags, 's', 1, true)
if noted then
  local o, t, r = string.match(redis.call('HGET', states, ARGV[12]) or '0 0 ', '^(%d+) (%d+) (.*)$')
  if tonumber(o) > before then
    before, changed = tonumber(o), t
  end
  reactions = r
end
if kind == 'reaction' then
  reactions, over = react(target, reactions, ARGV[18], ARGV[19], ARGV[20] == '1', tonumber(ARGV[21]), tonumber(ARGV[22]))
  if reactions == nil then
    if before == 0 then
      before, changed = target, sent
    end
    return {2, h.epoch, int(before), changed}
  elseif not reactions then
    return {4}
  end
end

-- Make the entry.
h.offset = h.offset + 1
h.time = math.max(h.time, now)
local offset, time = int(h.offset), int(h.time)
local head, letter = nil, 'r'
if kind == 'edit' then
  letter = 'e'
elseif kind == 'delete' then
  letter = 'x'
end
if private then
  head, letter = '{"type":"private"' .. ARGV[15] .. ',"to":' .. to .. ',"amends":"' .. kind .. '"', letter .. 'p'
else
  head = '{"type":"' .. kind .. '"' .. ARGV[15]
end
local newest = redis.call('LINDEX', amends, -1)
if private or not newest or string.find(newest, '^%d+ %d+ %l*[pdg]') then
  seldom().note('c', h.offset, private ~= nil)
end
if private then
  local key = few.userkey
  redis.call('ZADD', index, 0, 'v' .. key(user) .. pad(h.offset), 0, 'v' .. key(to) .. pad(h.offset))
end
local tail = ARGV[16] .. '}'
local n = redis.call('RPUSH', amends, offset .. ' ' .. time .. ' ' .. letter .. ARGV[12] .. ',' .. int(before) .. head .. tail)

-- Store the changed message.
local bytes, new = 0, n == 1 or private
if kind == 'edit' then
  local after = textless(json, string.find(flags, 'l', 1, true)) .. ',"edited":[' .. offset .. ',' .. time .. ']' .. ARGV[17] .. '}'
  bytes = #after - #json
  if not string.find(flags, 'e', 1, true) then
    flags = string.gsub(flags, 'l', '') .. 'e'
  end
  redis.call('LSET', entries, int(place), ARGV[12] .. ' ' .. sent .. ' ' .. flags .. after)
elseif kind == 'reaction' then
  local with = flags .. (noted and '' or 's') .. (over and not string.find(flags, 'o', 1, true) and 'o' or '')
  if with ~= flags then
    redis.call('LSET', entries, int(place), ARGV[12] .. ' ' .. sent .. ' ' .. with .. json)
  end
  local fresh = redis.call('HSET', states, ARGV[12], offset .. ' ' .. time .. ' ' .. reactions)
  new = new or fresh == 1 or over
else
  local erase, messages = seldom().eraser(), list(entries)
  if private then
    erase.unlist('u', target, json)
  end
  erase.forget(target, flags, json)
  redis.call('LSET', entries, int(place), ARGV[12] .. ' ' .. sent .. ' d')
  erase.hide(messages, place, 'b', target)
  erase.hide(messages, place, 'd', target)
  bytes, new = -#json, true
end

if n >= ARGV[4] + 64 then
  seldom().eraser().amendments(tonumber(ARGV[4]))
end
h.size = math.max(0, h.size + bytes)
if h.size >= ARGV[5] / 2 then
  seldom().grow(h, 0, ARGV[5])
end
if id ~= '' then
  remember(h, now, KEYS[10], KEYS[11], {id}, {[id] = offset .. ' ' .. time}, ARGV[7], ARGV[8])
end
if not quick or new then
  seldom().finish(KEYS[2], h, now, ARGV[6], new and few.mortal())
else
  save(KEYS[2], h)
end
if ARGV[23] then
  head = '{"trace":"' .. ARGV[23] .. '",' .. string.sub(head, 2)
end
redis.call('SPUBLISH', ARGV[3], h.epoch .. ' ' .. offset .. ' ' .. time .. ' ' .. head .. ARGV[17] .. tail)
return {0, h.epoch, offset, time, to or ''}
