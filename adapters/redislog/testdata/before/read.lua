-- Reads a range of a room's entries.
-- KEYS: age, head, log, index, users
-- ARGV: fresh epoch, from or 0, before or 0, limit, life of the epoch of rooms without
--       a head, newest entry seen or '', '1' if the room is watched. To read only what
--       one reader may see, also: the reader, the reader's key in the index or '',
--       maximum number of entries to read where there is no index
-- Returns epoch, last offset, first offset and the entries: oldest first if there is a
-- from, otherwise newest first. If it stopped at the maximum, also the from or before to
-- continue with.
local b, h = open(KEYS[1], KEYS[2], KEYS[3], KEYS[5], ARGV[1], ARGV[6], ARGV[7])
h = h or begin(b, ARGV[1], ARGV[5] / 2) -- not stored; the next reader gets the same epoch
if h.offset == 0 then
  return {h.epoch, '0', '1', {}}
end
local log, index = KEYS[3], KEYS[4]
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
first = first and string.match(first[1], '^%d+') or int(h.offset + 1)
local entries = {}
if ARGV[4] == '0' then
  return {h.epoch, int(h.offset), first, entries}
end
local from, before, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not ARGV[8] then
  if from ~= 0 then
    entries = redis.call('XRANGE', log, ARGV[2], '+', 'COUNT', ARGV[4])
  elseif before ~= 0 then
    entries = redis.call('XREVRANGE', log, '(' .. ARGV[3] .. '-0', '-', 'COUNT', ARGV[4])
  else
    entries = redis.call('XREVRANGE', log, '+', '-', 'COUNT', ARGV[4])
  end
  return {h.epoch, int(h.offset), first, entries}
end

local reader, name, most = ARGV[8], ARGV[9], tonumber(ARGV[10])

local function visible(e)
  local text = e[2][4]
  if string.sub(text, 1, 17) ~= '{"type":"private"' then
    return true
  elseif reader == '' then
    return false
  end
  local event = cjson.decode(text)
  return event.user == reader or event.to == reader
end

-- The reader's private entries in reading order, and where the walk begins.
local known = trusted(index, log, h.offset)
local own, at = {}, nil
local forward = from ~= 0
local oldest, newest = tonumber(first), h.offset
if forward then
  at = math.max(from, oldest)
else
  at = before ~= 0 and math.min(before - 1, newest) or newest
end
if known and name ~= '' then
  local mine = 'u' .. name
  if forward then
    own = redis.call('ZRANGEBYLEX', index, '[' .. mine .. pad(at), '(' .. mine .. ':', 'LIMIT', 0, limit)
  else
    own = redis.call('ZREVRANGEBYLEX', index, '[' .. mine .. pad(at), '[' .. mine .. pad(oldest), 'LIMIT', 0, limit)
  end
end

-- Each turn of the loop handles one run from at on. In a private run it takes only the
-- reader's own entries. Between two private runs there is an entry to return, so there
-- are at most 2 * limit turns.
local i, looked = 1, 0
while #entries < limit and at >= oldest and at <= newest do
  local begun, kind, ended
  if known then
    begun, kind = run(index, at)
    ended = forward and nextrun(index, at)
  end
  begun = math.max(begun or oldest, oldest)
  ended = (ended or newest + 1) - 1
  local beyond = forward and ended + 1 or begun - 1
  if kind == 'p' then
    while own[i] and #entries < limit do
      local o = tonumber(string.sub(own[i], 18))
      if forward and o > ended or not forward and o < begun then
        break
      end
      entries[#entries + 1] = redis.call('XRANGE', log, int(o), int(o))[1]
      i = i + 1
    end
    at = beyond
  else
    local want = math.min(limit - #entries, most)
    local found
    if forward then
      found = redis.call('XRANGE', log, int(at), int(ended), 'COUNT', int(want))
    else
      found = redis.call('XREVRANGE', log, int(at), int(begun), 'COUNT', int(want))
    end
    for _, e in ipairs(found) do
      if visible(e) then
        entries[#entries + 1] = e
      else
        looked = looked + 1
      end
    end
    if #found < want then
      at = beyond
    else
      at = tonumber(string.match(found[want][1], '^%d+')) + (forward and 1 or -1)
    end
    if looked >= most then
      return {h.epoch, int(h.offset), first, entries, int(forward and at or at + 1)}
    end
  end
end
return {h.epoch, int(h.offset), first, entries}
