-- Reads a range of a room's entries.
-- KEYS: age, head, entries, amends, states, index, old log, old index, users
-- ARGV: fresh epoch, from or 0, before or 0, limit, life of the epoch of rooms without
--       a head, newest entry seen or '', '1' if the room is watched, '1' to read messages
--       only, '1' to read only what one reader may see, the reader as JSON or '', maximum
--       number of hidden entries to read where there is no index
-- Returns epoch, last offset, first offset and elements: oldest first if there is a from,
-- otherwise newest first; the states of the amended messages among them, if messages only
-- are read, otherwise the messages of the edits among them, or '' each. If it stopped at
-- the maximum, also the from or before to continue with.
local b, h = open(KEYS[1], KEYS[2], ARGV[1], ARGV[6], ARGV[7])
h = h or begin(b, ARGV[1], ARGV[5] / 2) -- not stored; the next reader gets the same epoch
if h.offset == 0 then
  return {h.epoch, '0', '1', {}, {}}
end
local from, before, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local only, visible, reader, most = ARGV[8] == '1', ARGV[9] == '1', ARGV[10], tonumber(ARGV[11])

-- The lists, and the first offset from which on every entry is held.
local messages, changes = list(entries), nil
local first = messages.n > 0 and messages.first or h.offset + 1
local dense = messages.n > 0 and messages.last == h.offset and messages.n == messages.last - first + 1
if not dense and messages.n > 0 and string.find(redis.call('LINDEX', entries, 0), '^%d+ %d+ g') then
  first = first + 1
end
if not only and not dense and messages.n > 0 then
  changes = list(amends)
  local e = changes.n > 0 and redis.call('LINDEX', amends, 0)
  if e and string.find(e, '^%d+ %d+ g') then
    first = math.max(first, changes.first + 1)
  end
  if messages.n - seek(messages, first) + changes.n - seek(changes, first) ~= h.offset - first + 1 then
    clear() -- Redis has evicted one of the lists
    messages, changes, first = list(entries), nil, h.offset + 1
  end
end
if limit <= 0 then
  return {h.epoch, int(h.offset), int(first), {}, {}}
end

local function shown(e, flags, json)
  if flags == '' then
    return true
  elseif string.find(flags, 'd', 1, true) then
    return false
  elseif not visible or not string.find(flags, 'p', 1, true) then
    return true
  elseif reader == '' then
    return false
  end
  local f = parts(string.sub(e, json))
  return f.user == reader or f.to == reader
end

-- The range, and the entries of both lists in it.
local forward = from ~= 0
local at, till = math.max(from, first), h.offset
if not forward then
  at, till = before ~= 0 and math.min(before - 1, h.offset) or h.offset, first
end
local key = visible and reader ~= '' and userkey(reader)
local view = {}
if visible then
  view = {runs = 'b', own = key and 'u' .. key, shown = shown}
elseif only then
  view = {runs = 'd', shown = shown}
end
local offsets, found, goon = walk(messages, forward, at, till, limit, view, most)
if changes then
  if visible then
    view = {runs = 'c', own = key and 'v' .. key, shown = shown}
  end
  local o, c, stop = walk(changes, forward, at, till, limit, view, most)
  -- Merge the entries, up to the offset that both searches have reached.
  local merged, i, k = {}, 1, 1
  if stop and (not goon or forward and stop < goon or not forward and stop > goon) then
    goon = stop
  end
  while #merged < limit and (offsets[i] or o[k]) do
    local message = offsets[i] and (not o[k] or forward == (offsets[i] < o[k]))
    local next = message and offsets[i] or o[k]
    if goon and (forward and next >= goon or not forward and next <= goon) then
      break
    end
    if message then
      merged[#merged + 1], i = found[i], i + 1
    else
      merged[#merged + 1], k = c[k], k + 1
    end
  end
  if #merged == limit then
    goon = nil
  end
  found = merged
end

-- The states or messages that belong to them.
local more = {}
if only and redis.call('EXISTS', states) == 1 then
  local amended = {}
  for _, e in ipairs(found) do
    local o = string.match(e, '^(%d+) %d+ %l*s')
    if o then
      amended[#amended + 1] = o
    end
  end
  for i = 1, #amended, 500 do
    for _, s in ipairs(redis.call('HMGET', states, unpack(amended, i, math.min(i + 499, #amended)))) do
      more[#more + 1] = s or ''
    end
  end
elseif changes then
  for _, e in ipairs(found) do
    local target = string.match(e, '^%d+ %d+ %l*e%l*(%d+)')
    if target then
      more[#more + 1] = find(messages, tonumber(target)) or ''
    end
  end
end
if goon then
  return {h.epoch, int(h.offset), int(first), found, more, int(forward and goon or goon + 1)}
end
return {h.epoch, int(h.offset), int(first), found, more}
