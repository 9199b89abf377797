-- Takes a user's turn to send to a room.
-- KEYS: the turn; ARGV: id or '', least time between two turns in microseconds
-- Returns the microseconds that are left, or 0 if it has taken the turn.
local t = redis.call('TIME')
local now, every = t[1] * 1000000 + t[2], tonumber(ARGV[2])
local last, id = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')
if last then
  local left = last + every - now
  if id == ARGV[1] and id ~= '' then
    return 0
  elseif left > 0 and left <= every then -- a larger number means that the clock was set back
    return left
  end
end
redis.call('SET', KEYS[1], int(now) .. ' ' .. ARGV[1], 'PX', int(math.ceil(every / 1000) + 1))
return 0
