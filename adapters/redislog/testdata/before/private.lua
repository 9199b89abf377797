-- An index of private entries: with it, a script finds the entries that one user may see
-- without reading the private entries of others.
--
-- The index of a room is a sorted set. All its scores are 0, so its members are sorted
-- by their bytes. Only rooms with private entries have an index. Its members are
--   'u' USER OFFSET   for each of the two users of a private entry (USER of 16 bytes)
--   'b' OFFSET 'p'    a run of private entries begins here
--   'b' OFFSET 'o'    a run of other entries begins here
-- with offsets of 16 digits. The first run is private. The entries before it are older
-- than the index, and the index does not contain them.

local function pad(n)
  return string.format('%016.0f', n)
end

-- run returns where the run begins that contains offset, and 'p' or 'o' for its kind. It
-- returns nothing for an entry that is older than the index.
local function run(index, offset)
  local b = redis.call('ZREVRANGEBYLEX', index, '[b' .. pad(offset) .. 'p', '[b', 'LIMIT', 0, 1)[1]
  if b then
    return tonumber(string.sub(b, 2, 17)), string.sub(b, 18)
  end
end

-- nextrun returns where the first run after offset begins.
local function nextrun(index, offset)
  local b = redis.call('ZRANGEBYLEX', index, '[b' .. pad(offset + 1), '(c', 'LIMIT', 0, 1)[1]
  return b and tonumber(string.sub(b, 2, 17))
end

-- foreign reports whether a server of an older version has appended the last entry. Such
-- a server does not maintain the index, and its private entries lack the field 'p'.
local function foreign(log)
  local e = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return e and e[2][5] ~= 'p'
end

-- trusted reports whether the index contains every entry up to last.
local function trusted(index, log, last)
  local _, kind = run(index, last)
  return kind == 'o' or kind == 'p' and not foreign(log)
end

-- note adds the entry at offset to the index, before the entry is appended. users are the
-- two users of a private entry ('' for none), or nil for a public entry. It reports
-- whether the index has changed; a public entry after a public one does not change it.
local function note(index, log, offset, users)
  local _, kind = run(index, offset - 1)
  if kind == 'p' and foreign(log) then
    redis.call('DEL', index)
    kind = nil
  end
  if not users then
    if kind == 'p' then
      redis.call('ZADD', index, 0, 'b' .. pad(offset) .. 'o')
    end
    return kind == 'p'
  end
  if kind ~= 'p' then
    redis.call('ZADD', index, 0, 'b' .. pad(offset) .. 'p')
  end
  for _, user in ipairs(users) do
    if user ~= '' then
      redis.call('ZADD', index, 0, 'u' .. user .. pad(offset))
    end
  end
  return true
end

-- prune removes from the index what is below first: all runs before the run of first,
-- and some of the users' entries at random. When half of the users' entries are old,
-- prune removes more of them than note adds, so the index stays as small as the log.
local function prune(index, first)
  local begun = run(index, first)
  if begun then
    redis.call('ZREMRANGEBYLEX', index, '[b', '(b' .. pad(begun))
  end
  for _, m in ipairs(redis.call('ZRANDMEMBER', index, 6)) do
    if string.sub(m, 1, 1) == 'u' and tonumber(string.sub(m, 18)) < first then
      redis.call('ZREM', index, m)
    end
  end
end
