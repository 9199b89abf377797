-- The index of a room: a sorted set whose scores are all 0, so its members are sorted by
-- their bytes. Only rooms with private, amended or deleted messages have one. OFFSET has 16
-- digits, USER is 16 bytes. Its members are
--
--   'b' OFFSET KIND      a run of messages begins here: 'p' of private and deleted ones, 'o' of others
--   'd' OFFSET KIND      a run of messages begins here: 'p' of deleted ones, 'o' of others
--   'c' OFFSET KIND      a run of amending entries begins here: kinds as for 'b'
--   'u' USER OFFSET      for each of the two users of a private message
--   'v' USER OFFSET      for each of the two users of a private amending entry
--   'g' OFFSET NN REACTION USER  a user who has given a reaction to the message at OFFSET
--                        and is not listed in its state; NN is the length of REACTION
--
-- With the runs, a script finds the entries that one user may see without reading the
-- others. The first run is hidden, and each other run has at least one entry. Entries before
-- the first run, or in a run 'o', may be hidden if Redis has evicted the index.

-- userkey returns the USER of a user's id, which is given as JSON.
local function userkey(quoted)
  return string.sub(redis.sha1hex(quoted), 1, 16)
end

-- run returns the offset at which the run that contains offset begins, and its kind. It returns
-- nothing before the first run.
local function run(runs, offset)
  local b = redis.call('ZREVRANGEBYLEX', index, '[' .. runs .. pad(offset) .. 'p', '[' .. runs, 'LIMIT', 0, 1)[1]
  if b then
    return tonumber(string.sub(b, 2, 17)), string.sub(b, 18)
  end
end

-- note adds the entry at offset to the runs, before it is appended. It returns whether the entry
-- before it is hidden, and whether the runs have changed.
local function note(runs, offset, hidden)
  local _, kind = run(runs, offset - 1)
  local was = kind == 'p'
  if was ~= hidden then
    redis.call('ZADD', index, 0, runs .. pad(offset) .. (hidden and 'p' or 'o'))
  end
  return was, was ~= hidden
end

-- notemessage does the same for a message. from and to are the two users of a private message as
-- JSON, or '' for a public one. It returns whether the index has changed.
local function notemessage(offset, from, to)
  local was, changed = note('b', offset, from ~= nil)
  if was then
    local _, deleted = note('d', offset, false)
    changed = changed or deleted
  end
  for _, user in ipairs({from, to}) do
    if user ~= '' then
      redis.call('ZADD', index, 0, 'u' .. userkey(user) .. pad(offset))
    end
  end
  return changed or from ~= nil
end
