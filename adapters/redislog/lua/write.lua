-- What appending and amending have in common.

-- grow counts bytes of messages that were added, and removes the older half of the
-- messages when both halves are too large. last is the last offset of a message.
local function grow(h, bytes, most)
  h.size = math.max(0, h.size + bytes)
  if h.size >= tonumber(most) / 2 then
    local l = list(entries)
    local n = seek(l, tonumber(h.mark))
    if n == l.n then
      n = math.floor(n / 2) -- edits alone have made them larger
    end
    if n > 0 then
      eraser().messages(n)
    end
    h.mark, h.size = '0' .. int(h.offset + 1), 0
  end
end

-- mortal reports whether one of the keys that a room has not always lacks a time to live.
local function mortal()
  for _, key in ipairs({amends, states, index}) do
    if redis.call('PTTL', key) == -1 then
      return true
    end
  end
end

-- finish stores the head. When that is due, or new is true because a key was created, it
-- also sets how long the room lives.
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
