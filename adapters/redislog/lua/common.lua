-- The common beginning of all scripts. A script uses the keys of one bucket only, so all
-- of its keys are in one slot of a cluster. Times are milliseconds of Redis' clock.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- int formats an integer below 2^53.
local function int(n)
  return string.format('%.0f', n)
end

-- A head is the state of a room, as one string of words in this order:
--   epoch   of the room
--   offset  of the last entry
--   time    of the last entry
--   turned  when the current set of ids was begun
--   due     when the time to live must be set again
--   size    bytes of messages added since mark
--   mark    first offset of the younger half of the bytes kept; with a zero before it if all
--           entries are in the lists of lists.lua. Servers of the previous version
--           append to a stream, and write it without the zero: see takeover.lua
--   age     of the bucket at the last check that the room had lost nothing
-- turned, due and mark stay text here, because they rarely change.
local words = '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)$'

local function parse(s)
  local epoch, offset, time, turned, due, size, mark, age = string.match(s, words)
  return {
    epoch = epoch, offset = tonumber(offset), time = tonumber(time), turned = turned,
    due = due, size = tonumber(size), mark = mark, age = age, moved = string.byte(mark) == 48,
  }
end

local function load(key)
  local s = redis.call('GET', key)
  return s and parse(s)
end

-- save stores a head with a time to live of ttl. Without ttl the old time to live stays.
local function save(key, h, ttl)
  local s = h.epoch .. ' ' .. int(h.offset) .. ' ' .. int(h.time) .. ' ' .. h.turned .. ' ' .. h.due .. ' '
    .. int(h.size) .. ' ' .. h.mark .. ' ' .. h.age
  if ttl then
    redis.call('SET', key, s, 'PX', int(ttl))
  else
    redis.call('SET', key, s, 'KEEPTTL')
  end
end

-- A bucket is what its rooms share, as one string of words in this order:
--   age     changes when a server finds that Redis has lost some of its last writes
--   epoch   of the rooms without a head: no event was written to them
--   used    when the first event was written in that epoch, or 0
local function bucket(key, fresh)
  local s = redis.call('GET', key)
  local age, epoch, used = string.match(s or '', '^(%S+) (%S+) (%d+)$')
  local b = {key = key, age = age or fresh, epoch = epoch or fresh .. '.0', used = tonumber(used or 0)}
  if not age then
    redis.call('SET', key, table.concat({b.age, b.epoch, '0'}, ' '))
  end
  return b
end
