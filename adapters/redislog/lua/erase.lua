-- Erasing entries, and trimming a room. eraser returns the functions. Few runs of a script need
-- them.

local function eraser()
  local erase = {}

  -- hide marks the entry at an offset, with the index i in a list, as hidden in the runs.
  function erase.hide(l, i, runs, offset)
    local begun, kind = run(runs, offset)
    if kind == 'p' then
      return
    end
    local beyond = redis.call('ZRANGEBYLEX', index, '[' .. runs .. pad(offset + 1), '(' .. runs .. ':', 'LIMIT', 0, 1)[1]
    local before = i > 0 and offsetof(redis.call('LINDEX', l.key, i - 1))
    local after = i < l.n - 1 and offsetof(redis.call('LINDEX', l.key, i + 1))
    if begun and not (before and before >= begun) then
      redis.call('ZREM', index, runs .. pad(begun) .. kind) -- this run has no entry before offset
      begun, kind = run(runs, offset)
    end
    if kind ~= 'p' then
      redis.call('ZADD', index, 0, runs .. pad(offset) .. 'p')
    end
    if after and not (beyond and after >= tonumber(string.sub(beyond, 2, 17))) then
      redis.call('ZADD', index, 0, runs .. pad(offset + 1) .. 'o')
    elseif beyond and string.sub(beyond, 18) == 'p' then
      redis.call('ZREM', index, beyond) -- the two runs become one
    end
  end

  -- unlist removes a private entry from the lists of its two users.
  function erase.unlist(kind, offset, json)
    local f = parts(json)
    for _, user in ipairs({f.user or '', f.to or ''}) do
      redis.call('ZREM', index, kind .. userkey(user) .. pad(offset))
    end
  end

  -- forget erases everything about a message except its element: the reactions, and the entries
  -- that have amended it. The work depends only on what is erased.
  function erase.forget(offset, flags, json)
    local o = edited(flags, json)
    if string.find(flags, 's', 1, true) then
      local state = redis.call('HGET', states, int(offset))
      o = math.max(o, tonumber(string.match(state or '', '^%d+') or 0))
      redis.call('HDEL', states, int(offset))
    end
    if string.find(flags, 'o', 1, true) then
      redis.call('ZREMRANGEBYLEX', index, '[g' .. pad(offset), '(g' .. pad(offset) .. ':')
    end
    local l = o > 0 and list(amends)
    while o > 0 do
      local e, i = find(l, o)
      local time, of, before, at = string.match(e or '', '^%d+ (%d+) (%l+)%d+,(%d+)()')
      if not time then
        return -- the entries before it are gone
      end
      if string.find(of, 'p', 1, true) then
        erase.unlist('v', o, string.sub(e, at))
      end
      redis.call('LSET', amends, i, int(o) .. ' ' .. time .. ' d')
      erase.hide(l, i, 'c', o)
      o = tonumber(before)
    end
  end

  -- prune removes the runs before the run of first.
  function erase.prune(runs, first)
    local begun = run(runs, first)
    if begun then
      redis.call('ZREMRANGEBYLEX', index, '[' .. runs, '(' .. runs .. pad(begun))
    end
  end

  -- drop removes the n oldest amending entries. It returns the last of them.
  function erase.drop(n)
    local last
    while n > 0 do
      for _, e in ipairs(redis.call('LPOP', amends, math.min(n, 200))) do
        local offset, _, flags, _, at = split(e)
        if string.find(flags, 'p', 1, true) then
          erase.unlist('v', offset, string.sub(e, at))
        end
        last = e
      end
      n = n - 200
    end
    return last
  end

  -- messages removes the n oldest messages, and erases the entries that have amended them.
  function erase.messages(n)
    if redis.call('EXISTS', index, states, amends) == 0 then
      redis.call('LTRIM', entries, n, -1)
      return
    end
    local gone, when
    while n > 0 do
      for _, e in ipairs(redis.call('LPOP', entries, math.min(n, 200)) or {}) do
        local offset, time, flags, _, at = split(e)
        gone, when = offset, time
        if flags ~= '' and flags ~= 'd' and flags ~= 'l' and flags ~= 'g' then
          local json = string.sub(e, at)
          if string.find(flags, 'p', 1, true) then
            erase.unlist('u', offset, json)
          end
          erase.forget(offset, flags, json)
        end
      end
      n = n - 200
    end
    local first = list(entries).first
    if first > gone + 1 then
      redis.call('LPUSH', entries, int(gone) .. ' ' .. when .. ' g') -- all entries between them amend
    end
    local l = list(amends)
    local before = seek(l, gone + 1)
    if before > 0 then
      erase.drop(before)
      l = list(amends)
    end
    erase.prune('b', first)
    erase.prune('d', first)
    erase.prune('c', math.max(gone + 1, l.first))
  end

  -- amendments removes the oldest amending entries. It keeps at most most of them, and an
  -- element that says where they begin.
  function erase.amendments(most)
    local last, time = split(erase.drop(redis.call('LLEN', amends) - most))
    redis.call('LPUSH', amends, int(last) .. ' ' .. time .. ' g')
    erase.prune('c', last + 1)
  end

  return erase
end
