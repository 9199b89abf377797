-- Appends messages for everyone to rooms in which nothing must be set up, moved, erased or
-- compared in depth. That is nearly all messages. Each run of a script and each command in it
-- costs time, so this script does little, and does it for many messages in one run.
-- KEYS: for each room age, head, entries, amends, index, ids, older ids
-- ARGV: messages to keep, bytes to keep, window of the ids, maximum number of ids; then for
--       each room its feed, the newest entry seen or '', the number of messages, and for each
--       message its id or '', and its event
-- Returns for each room 'EPOCH OFFSET TIME' with the first new offset; or '' if the messages
-- need append.lua, and nothing was changed; or an error.
local now, most = clock(), tonumber(ARGV[1])

local function add(k, a, n)
  local head, entries, amends, index, ids, older = unpack(KEYS, k + 1, k + 6)
  local found = {redis.call('GET', KEYS[k]), redis.call('GET', head)}
  local age, h = found[1] and string.match(found[1], '^%S+'), found[2] and parse(found[2])
  if not h or not ready(age, h, ARGV[a + 1], now, entries, amends) then
    return ''
  end
  if redis.call('EXISTS', amends, index) > 0 then
    -- A run of hidden messages would end here. With the oldest messages, more may have to go.
    local run = redis.call('ZREVRANGEBYLEX', index, '(c', '[b', 'LIMIT', 0, 1)[1]
    if run and string.byte(run, -1) == 112 or redis.call('LLEN', entries) + n >= most + 64 then
      return ''
    end
  end

  local epoch, first, time = h.epoch, int(h.offset + 1), int(math.max(h.time, now))
  local named, places, values, size = {}, {}, {}, h.size
  for i = 1, n do
    local id, event = ARGV[a + 2 * i + 1], ARGV[a + 2 * i + 2]
    local place = (i == 1 and first or int(h.offset + i)) .. ' ' .. time
    if id ~= '' then
      if places[id] then
        return ''
      end
      named[#named + 1], places[id] = id, place
    end
    values[i], size = place .. ' ' .. event, size + #event + 64
  end
  if size >= ARGV[2] / 2 or named[1] and known(ids, older, named) then
    return ''
  end

  local length = redis.call('RPUSH', entries, unpack(values))
  if length == n then
    redis.call('PEXPIRE', entries, redis.call('PTTL', head)) -- Redis had evicted it
  elseif length >= most + 64 then
    redis.call('LTRIM', entries, length - most, -1)
  end
  if named[1] then
    remember(h, now, ids, older, named, places, ARGV[3], ARGV[4])
  end
  -- What save does, with fewer numbers to format.
  redis.call('SET', head, epoch .. ' ' .. (n == 1 and first or int(h.offset + n)) .. ' ' .. time .. ' ' .. h.turned .. ' '
    .. h.due .. ' ' .. int(size) .. ' ' .. h.mark .. ' ' .. h.age, 'KEEPTTL')
  for i = 1, n do
    redis.call('SPUBLISH', ARGV[a], epoch .. ' ' .. values[i])
  end
  return epoch .. ' ' .. first .. ' ' .. time
end

local replies, a = {}, 5
for k = 1, #KEYS, 7 do
  local n = tonumber(ARGV[a + 2])
  local ok, reply = pcall(add, k, a, n)
  if not ok then
    -- The rooms share nothing but this run, so a failure of one is not one of all.
    reply = redis.error_reply(type(reply) == 'table' and reply.err or tostring(reply))
  end
  replies[#replies + 1], a = reply, a + 3 + 2 * n
end
return replies
