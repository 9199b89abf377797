-- The ids of entries.

local ids, older = KEYS[10], KEYS[11]

-- known returns offset and time of the entry that was stored with an id, as text, or
-- nothing.
local function known(id)
  local seen = id ~= '' and (redis.call('HGET', ids, id) or redis.call('HGET', older, id))
  if seen then
    return string.match(seen, '^(%d+) (%d+)$')
  end
end

-- remember stores the id of the entry with that offset and time.
local function remember(h, now, id, window, most, offset, time)
  if id == '' then
    return
  end
  window = tonumber(window)
  local n = redis.call('HLEN', ids)
  if n > 0 and (now - h.turned >= window or n >= tonumber(most)) then
    redis.call('RENAME', ids, older)
    n = 0
  end
  redis.call('HSET', ids, id, offset .. ' ' .. time)
  if n == 0 then
    h.turned = int(now)
    redis.call('PEXPIRE', ids, int(2 * window))
  end
end
