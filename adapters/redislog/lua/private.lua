-- What finds the entries that one user may see without a look at the others.
--
-- The index of a room is a sorted set, all of whose scores are 0, so that its members
-- stand in the order of their bytes. Only rooms with private entries have one. In it are
--   'u' USER OFFSET   for each of the two users of a private entry (USER of 16 bytes)
--   'b' OFFSET 'p'    a run of private entries begins here
--   'b' OFFSET 'o'    a run of other ones begins here
-- with offsets of 16 digits. Below its first run, which is private, an index says
-- nothing: there are the entries from before it was made.

local function pad(n)
  return string.format('%016.0f', n)
end

-- run returns where the run begins that the entry at offset is in, and 'p' or 'o' for
-- what it is; or nothing for an entry from before the index.
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

-- foreign reports whether a server of an older version has appended the last entry.
-- It knows no index; where a private run goes on, its entry lacks the mark of one.
local function foreign(log)
  local e = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return e and e[2][5] ~= 'p'
end

-- trusted reports whether there is an index that tells of every entry up to last.
local function trusted(index, log, last)
  local _, kind = run(index, last)
  return kind == 'o' or kind == 'p' and not foreign(log)
end

-- note puts the entry at offset, which is about to be appended, into the index: a public
-- one, or a private one with its users, '' for nobody. It reports whether the index was
-- changed, which public entries after public ones do not do.
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

-- prune takes out of the index what is below first: all runs but the one that first is
-- in, and some of the users' entries by chance. That takes out more of them than note
-- puts in once half of them are old, so the index stays as small as the log.
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
