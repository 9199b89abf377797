-- Reading a range of one list.

-- segments returns the runs of a list between the offsets at and till, in reading order, as
-- {from, to, kind}. It returns at most most of them. If there are more, it also returns where
-- the next begins.
local function segments(runs, at, till, most)
  local found = {}
  if at <= till then
    local _, kind = run(runs, at)
    local next = redis.call('ZRANGEBYLEX', index, '[' .. runs .. pad(at + 1), '[' .. runs .. pad(till) .. 'z', 'LIMIT', 0, most)
    for i, b in ipairs(next) do
      local o = tonumber(string.sub(b, 2, 17))
      found[i] = {at, o - 1, kind}
      at, kind = o, string.sub(b, 18)
    end
    if #next == most then
      return found, at
    end
    found[#found + 1] = {at, till, kind}
  else
    local next = redis.call('ZREVRANGEBYLEX', index, '[' .. runs .. pad(at) .. 'z', '[' .. runs, 'LIMIT', 0, most)
    for i, b in ipairs(next) do
      local o = tonumber(string.sub(b, 2, 17))
      found[i] = {at, math.max(o, till), string.sub(b, 18)}
      at = o - 1
      if at < till then
        return found
      end
    end
    if #next == most then
      return found, at
    end
    found[#found + 1] = {at, till, 'o'}
  end
  return found
end

-- walk collects at most want entries of a list from the offset at to the offset till. till is
-- smaller than at when reading backward. A view says which entries are shown. Its fields are
-- runs, the prefix of the runs, or nil if all are shown; shown, a function that decides by the
-- flags of an element and the place of its JSON; and own, the prefix of the reader's private
-- entries in the index, or nil. With runs, each look at the list gives an entry. The exceptions
-- are runs that Redis has evicted, and entries that shown leaves out for another reason. walk
-- looks at most at most such entries, and then returns where to continue. It returns offsets and
-- elements in reading order.
local function walk(l, forward, at, till, want, view, most)
  local offsets, found, hidden = {}, {}, 0
  if forward then
    at, till = math.max(at, l.first), math.min(till, l.last)
  else
    at, till = math.min(at, l.last), math.max(till, l.first)
  end
  if l.n == 0 or forward and at > till or not forward and at < till or want <= 0 then
    return offsets, found
  end
  local function take(e)
    local o, flags, json = string.match(e, '^(%d+) %d+ (%l*)[%d,]*()')
    if not view.shown or view.shown(e, flags, json) then
      offsets[#offsets + 1], found[#found + 1] = tonumber(o), e
    else
      hidden = hidden + 1
    end
    return tonumber(o)
  end

  -- mine returns the reader's private entries from an offset on, at most want of them.
  local function mine(from)
    local command = forward and 'ZRANGEBYLEX' or 'ZREVRANGEBYLEX'
    return redis.call(command, index, '[' .. view.own .. pad(from), '[' .. view.own .. pad(till), 'LIMIT', 0, want)
  end
  local private, m = view.own and mine(at) or {}, 1
  -- own collects the reader's own entries of a segment. If it has looked at most hidden entries,
  -- it returns where to continue.
  local function own(from, to)
    while private[m] and #found < want do
      local o = tonumber(string.sub(private[m], 18))
      if forward and o > to or not forward and o < to then
        return
      end
      local e = find(l, o)
      if e then
        take(e)
      end
      m = m + 1
      local beyond = forward and o + 1 or o - 1
      if m > want and (forward and beyond <= till or not forward and beyond >= till) then
        private, m = mine(beyond), 1
      end
      if hidden >= most then
        return beyond
      end
    end
  end
  -- others collects the entries of a segment. If it has looked at most hidden entries, it
  -- returns where to continue.
  local function others(from, to)
    while #found < want and (forward and from <= to or not forward and from >= to) do
      local n, part = math.min(want - #found, most), nil
      if forward then
        local i = seek(l, from)
        part = redis.call('LRANGE', l.key, i, i + n - 1)
      else
        local i = seek(l, from + 1)
        part = i > 0 and redis.call('LRANGE', l.key, math.max(i - n, 0), i - 1) or {}
      end
      for k = 1, #part do
        local e = part[forward and k or #part + 1 - k]
        local o = offsetof(e)
        if forward and o > to or not forward and o < to then
          return
        end
        take(e)
        from = forward and o + 1 or o - 1
      end
      if #part < n then
        return
      elseif hidden >= most then
        return from
      end
    end
  end

  local parts, next = {{at, till, 'o'}}, nil
  if view.runs then
    parts, next = segments(view.runs, at, till, 2 * want + 2)
  end
  repeat
    for _, s in ipairs(parts) do
      if #found >= want then
        return offsets, found
      elseif s[3] == 'p' then
        local goon = own(s[1], s[2])
        if goon then
          return offsets, found, goon
        end
      else
        local goon = others(s[1], s[2])
        if goon then
          return offsets, found, goon
        end
      end
    end
    parts = nil
    if next and #found < want then
      parts, next = segments(view.runs, next, till, 2 * want + 2)
    end
  until not parts
  return offsets, found
end
