-- The common parts of appending and amending.

-- grow counts the bytes of added messages. When both halves of the messages are too large, it
-- removes the older half. last is the last offset of a message.
local function grow(h, bytes, most)
  h.size = math.max(0, h.size + bytes)
  if h.size >= tonumber(most) / 2 then
    local l = list(entries)
    local n = seek(l, tonumber(h.mark))
    if n == l.n then
      n = math.floor(n / 2) -- only edits have made the messages larger
    end
    if n > 0 then
      eraser().messages(n)
    end
    h.mark, h.size = '0' .. int(h.offset + 1), 0
  end
end

-- mortal reports whether one of the room's optional keys has no time to live.
local function mortal()
  for _, key in ipairs({amends, states, index}) do
    if redis.call('PTTL', key) == -1 then
      return true
    end
  end
end

-- finish stores the head. If that is due, or if new is true because a key was created, it also
-- sets how long the room lives.
local function finish(head, h, now, life, new)
  life = tonumber(life)
  if now >= tonumber(h.due) or new then
    h.due = int(now + life / 4)
    save(head, h, life * 1.25)
    for _, key in ipairs({entries, amends, states, index}) do
      redis.call('PEXPIRE', key, int(life * 1.25))
    end
  else
    save(head, h)
  end
end
