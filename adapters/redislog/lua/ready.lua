-- ready reports whether a room has entries and needs nothing of what open and finish do: it
-- is the one that the caller has seen, its entries are in the lists, and its time to live
-- need not be set. It may be wrong in saying no.
local function ready(b, h, seen, now)
  if not h or not h.moved or h.offset == 0 or h.age ~= b.age or now >= tonumber(h.due) then
    return false
  end
  local epoch, offset, time = string.match(seen, '^(%S+) (%d+) (%d+)$')
  if epoch ~= h.epoch then
    return true
  elseif tonumber(offset) == h.offset then
    return tonumber(time) == h.time
  end
  -- Mostly, all entries since then are messages, or all amend one.
  local i, start = int(offset - h.offset - 1), offset .. ' ' .. time .. ' '
  return string.sub(redis.call('LINDEX', KEYS[3], i) or '', 1, #start) == start
    or string.sub(redis.call('LINDEX', KEYS[4], i) or '', 1, #start) == start
end

