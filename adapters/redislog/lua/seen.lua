-- Comparing the entries that servers have seen with those in Redis.

-- lost reports whether a room lacks an entry that a server has seen in it. seen is the epoch,
-- offset and time of that entry, or ''. timeat returns the time of the entry at an offset.
-- Without timeat, only the room's last entry is compared.
local function lost(b, h, seen, timeat)
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
  local found = timeat and timeat(offset, h.offset)
  return found and found ~= time
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
