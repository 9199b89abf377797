-- What the other scripts begin with. Every script sees the keys of one bucket only,
-- so it runs whole in one slot of a cluster. Times are milliseconds of Redis' clock.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- int writes a number that is an integer below 2^53.
local function int(n)
  return string.format('%.0f', n)
end

-- A head is the state of a room, as one string of words in this order:
--   epoch   of the room
--   offset  of the last entry
--   time    of the last entry
--   turned  when the present set of ids was begun
--   due     when the time to live is to be set again
--   size    bytes appended since mark
--   mark    first offset of the younger half of the bytes kept
--   age     of the bucket, when it was last known that the room had lost nothing
local words = '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)$'

local function parse(s)
  local epoch, offset, time, turned, due, size, mark, age = string.match(s, words)
  return {
    epoch = epoch, offset = tonumber(offset), time = tonumber(time), turned = tonumber(turned),
    due = tonumber(due), size = tonumber(size), mark = tonumber(mark), age = age,
  }
end

local function load(key)
  local s = redis.call('GET', key)
  return s and parse(s)
end

-- save stores a head, to live for ttl, or as long as before without one.
local function save(key, h, ttl)
  local s = table.concat({
    h.epoch, int(h.offset), int(h.time), int(h.turned), int(h.due), int(h.size), int(h.mark), h.age,
  }, ' ')
  if ttl then
    redis.call('SET', key, s, 'PX', int(ttl))
  else
    redis.call('SET', key, s, 'KEEPTTL')
  end
end

-- age returns the word of the bucket that changes when Redis is known to have lost
-- some of its last writes.
local function age(key, fresh)
  local a = redis.call('GET', key)
  if not a then
    a = fresh
    redis.call('SET', key, a)
  end
  return a
end

-- begin returns the head of a room that has none: nothing of it is left.
local function begin(agekey, fresh)
  return {
    epoch = fresh, offset = 0, time = 0, turned = 0, due = 0, size = 0, mark = 1, age = age(agekey, fresh),
  }
end

-- changed gives a room another version. The versions of a bucket are counted in a
-- field that no room's name is, from the time on, because a count may be lost.
local function changed(key, room)
  local n = redis.call('HINCRBY', key, '\255', 1)
  if n == 1 then
    n = clock() * 1000
    redis.call('HSET', key, '\255', int(n))
  end
  redis.call('HSET', key, room, int(n))
end
