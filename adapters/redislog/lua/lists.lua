-- The entries of a room. Messages and the entries that amend them are in two lists, each
-- in the order of the offsets: a list is small, and what is in it can be replaced, so
-- that nothing is left of what is erased. An element is one string:
--
--   OFFSET ' ' TIME ' ' FLAGS JSON             a message
--   OFFSET ' ' TIME ' ' FLAGS TARGET ',' BEFORE JSON   an entry that amends the message TARGET
--
-- BEFORE is the offset of the entry that has amended the message before it, or 0: from the
-- last one, all of them are found. An edit and a deletion have no text there. The JSON of an
-- edited message has, before its text and data, "edited":[OFFSET,TIME] of the last edit.
-- Nothing follows the flags d and g. FLAGS are letters:
--   p  for two users only
--   d  deleted: nothing but the offset and the time is left
--   s  of a message: somebody has given a reaction, and the hash of states has it
--   e  of a message: it was edited
--   o  of a message: more users have given a reaction than the state lists
--   l  of a message: a server of the version before has written the JSON, in which the
--      id stands behind the text
--   e  of an entry that amends: an edit, whose text is that of the target
--   r  a reaction
--   x  a deletion
--   g  only at the head of a list: the last of those that were given up, where it is needed
--      to know how far the list goes back
--
-- A room without amending entries has no holes in its messages, so an offset says where in
-- the list its message is. With some of them, a few elements are looked at.

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

-- list returns what seek needs of a list: its length and its first and last offset.
local function list(key)
  local l = {key = key, n = redis.call('LLEN', key), first = 0, last = 0}
  if l.n > 0 then
    l.first = offsetof(redis.call('LINDEX', key, 0))
    l.last = l.n == 1 and l.first or offsetof(redis.call('LINDEX', key, -1))
  end
  return l
end

-- seek returns the index of the first element whose offset is at least offset. Offsets
-- grow by at least 1 from element to element: that leaves one candidate in a list without
-- holes, and few in one with some.
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

-- pad formats an offset so that offsets are sorted by their bytes.
local function pad(n)
  return string.format('%016.0f', n)
end
