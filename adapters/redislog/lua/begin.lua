-- Rooms that begin, or begin a new epoch.

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
    epoch = b.epoch, offset = 0, time = 0, turned = '0', due = '0', size = 0, mark = '01', age = b.age, moved = true,
  }
end
