-- Entries by their offsets, from either list.

-- held returns the element with an offset from either list, or nothing. last is the room's last
-- offset. If all later entries are messages, or all amend one, the first or the second look
-- finds it.
local function held(offset, last)
  local e
  for _, key in ipairs({entries, amends}) do
    e = redis.call('LINDEX', key, int(offset - last - 1))
    if e and offsetof(e) == offset and not string.find(e, '^%d+ %d+ g') then
      return e
    end
  end
  e = find(list(entries), offset) or find(list(amends), offset)
  return e and not string.find(e, '^%d+ %d+ g') and e
end

local function timeat(offset, last)
  local e = held(offset, last)
  return e and tonumber(string.match(e, '^%d+ (%d+)'))
end

-- answer returns the element at an offset, or '' if it is not held or was deleted. For an edit
-- it also returns the element of its message.
local function answer(offset, last)
  local e = held(offset, last)
  if not e then
    return '', ''
  end
  local _, _, flags, target = split(e)
  if string.find(flags, 'd', 1, true) then
    return '', ''
  elseif not target or not string.find(flags, 'e', 1, true) then
    return e, ''
  end
  local message = find(list(entries), target)
  return message and e or '', message or ''
end
