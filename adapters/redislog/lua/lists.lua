-- The entries of a room. Messages and the entries that amend them are in two lists, each
-- in the order of the offsets. A list is small, and its elements can be replaced, so
-- nothing is left of an erased entry. An element is one string:
--
--   OFFSET ' ' TIME ' ' FLAGS JSON             a message
--   OFFSET ' ' TIME ' ' FLAGS TARGET ',' BEFORE JSON   an entry that amends the message TARGET
--
-- BEFORE is the offset of the previous entry that has amended the same message, or 0. So
-- the last one leads to all of them. An edit and a deletion have no text there. The JSON of
-- an edited message has, before its text and data, "edited":[OFFSET,TIME] of the last edit.
-- Nothing follows the flags d and g. FLAGS are letters:
--   p  for two users only
--   d  deleted: nothing but the offset and the time is left
--   s  of a message: it has reactions, which are in the hash of states
--   e  of a message: it was edited
--   o  of a message: a reaction has more users than the state lists
--   l  of a message: a server of the previous version has written the JSON, in which the
--      id comes after the text
--   e  of an entry that amends: an edit, whose text is that of the target
--   r  a reaction
--   x  a deletion
--   g  only the first element of a list: the place of the last removed entry, if it is
--      needed to know how far back the list goes
--
-- In a room without amending entries, the offsets of messages are dense, so an offset gives
-- the place of its message in the list. With some amending entries, a search looks at a few
-- elements.

-- The keys of all scripts that use this file.
local entries, amends, states, index = KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local stream, streamindex, users = KEYS[7], KEYS[8], KEYS[9]

local function split(e)
  local offset, time, flags, target, at = string.match(e, '^(%d+) (%d+) (%l*)(%d*),?%d*()')
  return tonumber(offset), time, flags, tonumber(target), at
end

local function offsetof(e)
  return tonumber(string.match(e, '^%d+'))
end

-- list returns what seek needs to know of a list: its length, and its first and last offset.
local function list(key)
  local l = {key = key, n = redis.call('LLEN', key), first = 0, last = 0}
  if l.n > 0 then
    l.first = offsetof(redis.call('LINDEX', key, 0))
    l.last = l.n == 1 and l.first or offsetof(redis.call('LINDEX', key, -1))
  end
  return l
end

-- seek returns the index of the first element whose offset is at least offset. Offsets
-- grow by at least 1 from element to element. So a list without holes has one candidate,
-- and a list with some holes has few.
local function seek(l, offset)
  if l.n == 0 or offset <= l.first then
    return 0
  elseif offset > l.last then
    return l.n
  end
  local low, high = math.max(0, l.n - 1 - (l.last - offset)), math.min(l.n - 1, offset - l.first)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local o = offsetof(redis.call('LINDEX', l.key, middle))
    if o < offset then
      low, high = middle + 1, math.min(high, middle + offset - o)
    else
      low, high = math.max(low, middle - (o - offset)), middle
    end
  end
  return low
end

-- find returns the element with an offset and its index, or nothing.
local function find(l, offset)
  if offset >= l.first and offset <= l.last then
    local i = seek(l, offset)
    local e = redis.call('LINDEX', l.key, i)
    if e and offsetof(e) == offset then
      return e, i
    end
  end
end

-- pad formats an offset so that the order of the bytes is the order of the offsets.
local function pad(n)
  return string.format('%016.0f', n)
end
