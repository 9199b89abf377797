-- Servers of the previous version kept the entries of a room in a stream, and an index of the
-- private ones. While such servers run beside those of this version, they append to the stream,
-- and write the head without the zero before mark. The first script that finds such a head moves
-- the entries of the stream to the lists. Old servers then see no history before their own next
-- entry, and report gaps. They lose and change nothing.

-- clear removes all entries of a room.
local function clear()
  redis.call('DEL', entries, amends, states, index, stream, streamindex)
end

-- takeover moves the entries that old servers have appended to the lists. The work is limited by
-- what old servers keep.
local function takeover(head, h)
  h.moved, h.mark = true, '0' .. h.mark
  if h.offset == 0 then
    clear()
    return save(head, h)
  end
  local e = redis.call('XRANGE', stream, '-', '+', 'COUNT', 200)
  local first = e[1] and tonumber(string.match(e[1][1], '^%d+')) or h.offset + 1
  local newest = math.max(list(entries).last, list(amends).last)
  if newest ~= first - 1 then
    -- The lists belong to a room whose head was lost, or entries between are missing.
    redis.call('DEL', entries, amends, states, index)
  end
  local life = int(math.max(redis.call('PTTL', head), 1))
  while e[1] do
    local moved = {}
    for i, item in ipairs(e) do
      local offset, json = string.match(item[1], '^%d+'), item[2][4]
      local flags, from, to = 'l', nil, nil
      if string.sub(json, 1, 17) == '{"type":"private"' then
        local f = parts(json, true)
        flags, from, to = 'pl', f.user or '', f.to or ''
      end
      notemessage(tonumber(offset), from, to)
      moved[i] = table.concat({offset, item[2][2], flags .. json}, ' ')
    end
    redis.call('RPUSH', entries, unpack(moved))
    e = redis.call('XRANGE', stream, '(' .. e[#e][1], '+', 'COUNT', 200)
  end
  redis.call('DEL', stream, streamindex)
  for _, key in ipairs({entries, amends, states, index}) do
    redis.call('PEXPIRE', key, life)
  end
  save(head, h)
end

-- open returns the bucket and the head of a room (nil if it has none). Before that it takes over
-- what old servers have appended, compares the room with what the caller has seen, and begins a
-- new epoch if entries are lost. watched is '1' if the caller watches the room.
local function open(agekey, head, fresh, seen, watched)
  local b, h = bucket(agekey, fresh), load(head)
  if h and not h.moved then
    takeover(head, h)
  end
  if lost(b, h, seen, timeat) then
    renewed(b, h, head, fresh)
  elseif h and h.age ~= b.age then
    -- The bucket has lost writes since the last check. The servers that use a room
    -- compare it themselves. A room that is not in use may have lost its last entries.
    if watched ~= '1' and redis.call('EXISTS', users) == 0 then
      h.epoch = fresh
    end
    h.age = b.age
    save(head, h)
  end
  return b, h
end
