-- The reactions to messages: a hash of offset to
--
--   OFFSET ' ' TIME ' ' {SIZE ':' COUNT ':' TEXT(reaction) {TEXT(user)}}
--
-- OFFSET and TIME are those of the last entry that has added or removed a reaction. SIZE is
-- the size of a reaction after the colon in bytes, so a search can skip the users of other
-- reactions. TEXT is the length, a colon and the bytes. The first users are listed here.
-- All others are in the index under 'g' (runs.lua).

local function counted(text)
  return #text .. ':' .. text
end

-- given returns where a user begins and ends in a list of users, or nothing.
local function given(list, user)
  if not string.find(list, counted(user), 1, true) then
    return nil
  end
  local at = 1
  while at <= #list do
    local n, from = string.match(list, '^(%d+):()', at)
    local to = from + n - 1
    if string.sub(list, from, to) == user then
      return at, to
    end
    at = to + 1
  end
end

-- react adds a user to a reaction, or with remove removes the user. reactions is the part of a
-- state after TIME. It returns the new part, or nil if nothing changes, and whether a user is in
-- the index. If there are already kinds different reactions, it adds no other one, and returns
-- false.
local function react(offset, reactions, reaction, user, remove, kinds, listed)
  local at, n = 1, 0
  local others = 'g' .. pad(offset) .. string.format('%02d', #reaction) .. reaction
  while at <= #reactions do
    local size, from = string.match(reactions, '^(%d+):()', at)
    local beyond = from + size
    local count, length, text = string.match(reactions, '^(%d+):(%d+):()', from)
    n = n + 1
    if string.sub(reactions, text, text + length - 1) == reaction then
      local list = string.sub(reactions, text + length, beyond - 1)
      local first, last = given(list, user)
      count = tonumber(count)
      local over = count > listed
      if not remove then
        if first then
          return nil
        elseif count < listed then
          list = list .. counted(user)
        elseif redis.call('ZADD', index, 0, others .. user) == 0 then
          return nil
        end
        count, over = count + 1, count >= listed
      elseif first then
        list = string.sub(list, 1, first - 1) .. string.sub(list, last + 1)
        count = count - 1
        if over then
          local next = redis.call('ZRANGEBYLEX', index, '[' .. others, '(' .. others .. '\255', 'LIMIT', 0, 1)[1]
          if next then
            redis.call('ZREM', index, next)
            list = list .. counted(string.sub(next, #others + 1))
          end
        end
      elseif over and redis.call('ZREM', index, others .. user) == 1 then
        count = count - 1
      else
        return nil
      end
      local section = ''
      if count > 0 then
        section = counted(count .. ':' .. counted(reaction) .. list)
      end
      return string.sub(reactions, 1, at - 1) .. section .. string.sub(reactions, beyond), over
    end
    at = beyond
  end
  if remove then
    return nil
  elseif n >= kinds then
    return false
  end
  return reactions .. counted('1:' .. counted(reaction) .. counted(user)), false
end
