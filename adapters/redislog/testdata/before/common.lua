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
--   size    bytes appended since mark
--   mark    first offset of the younger half of the bytes kept
--   age     of the bucket at the last check that the room had lost nothing
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

-- save stores a head with a time to live of ttl. Without ttl the old time to live stays.
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

local function keep(b)
  redis.call('SET', b.key, table.concat({b.age, b.epoch, int(b.used)}, ' '))
end

-- turn gives a new epoch to the rooms without a head.
local function turn(b, fresh)
  b.epoch, b.used = fresh .. '.0', 0
  keep(b)
end

-- begin returns a new head for a room without one. Such rooms share an epoch. It is
-- replaced some time after the first write in it, so that a room that was written to, and
-- then lost or expired, does not get the same epoch again.
local function begin(b, fresh, within)
  if b.used > 0 and clock() - b.used >= within then
    turn(b, fresh)
  end
  return {
    epoch = b.epoch, offset = 0, time = 0, turned = 0, due = 0, size = 0, mark = 1, age = b.age,
  }
end

-- changed gives a room a new version. The counter of a bucket's versions is in the field
-- '\255', which is not the name of any room. The counter starts at the current time,
-- because a counter may be lost and must not repeat.
local function changed(key, room)
  local n = redis.call('HINCRBY', key, '\255', 1)
  if n == 1 then
    n = clock() * 1000
    redis.call('HSET', key, '\255', int(n))
  end
  redis.call('HSET', key, room, int(n))
end

-- lost reports whether a room lacks an entry that a server has seen in it. seen is epoch,
-- offset and time of that entry, or ''. Without the log's key, only the room's last entry
-- is compared.
local function lost(b, h, seen, log)
  local epoch, offset, time = string.match(seen, '^(%S+) (%d+) (%d+)$')
  if not h then
    return epoch == b.epoch
  end
  if epoch ~= h.epoch then
    return false
  end
  offset, time = tonumber(offset), tonumber(time)
  if h.offset <= offset then
    return h.offset < offset or h.time ~= time
  end
  local e = log and redis.call('XRANGE', log, int(offset), int(offset))[1]
  return e and tonumber(e[2][2]) ~= time
end

-- renewed begins a new epoch of a room that has lost an entry. Other rooms of the bucket
-- may have lost entries too, so the bucket gets a new age.
local function renewed(b, h, head, fresh)
  if h then
    b.age, h.age, h.epoch = fresh, fresh, fresh
    save(head, h)
  end
  turn(b, fresh)
end

-- open returns the bucket and the head of a room (nil if it has none). Before that it
-- compares the room with what the caller has seen, and begins a new epoch if entries are
-- lost. watched is '1' if the caller watches the room.
local function open(agekey, head, log, users, fresh, seen, watched)
  local b, h = bucket(agekey, fresh), load(head)
  if lost(b, h, seen, log) then
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
