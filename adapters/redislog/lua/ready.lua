-- ready reports whether open and finish have nothing to do for a room: it has entries, it is the
-- room that the caller has seen, its entries are in the lists, and its time to live need not be
-- set. Sometimes it says no although nothing is to do. age is that of the bucket.
local function ready(age, h, seen, now, entries, amends)
  if not h.moved or h.offset == 0 or h.age ~= age or now >= tonumber(h.due) then
    return false
  end
  local epoch, offset, time = string.match(seen, '^(%S+) (%d+) (%d+)$')
  if epoch ~= h.epoch then
    return true
  elseif tonumber(offset) == h.offset then
    return tonumber(time) == h.time
  end
  -- Usually all later entries are messages, or all amend one.
  local i, start = int(offset - h.offset - 1), offset .. ' ' .. time .. ' '
  return string.sub(redis.call('LINDEX', entries, i) or '', 1, #start) == start
    or string.sub(redis.call('LINDEX', amends, i) or '', 1, #start) == start
end

