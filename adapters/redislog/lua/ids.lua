-- The ids of entries, in two hashes: a window fills the first, then it becomes the second.

-- known returns offset and time, as one text, of an entry that was stored with one of these
-- ids, or nothing. Usually there is none.
local function known(ids, older, names)
  for _, key in ipairs({ids, older}) do
    for _, place in ipairs(redis.call('HMGET', key, unpack(names))) do
      if place then
        return place
      end
    end
  end
end

-- remember stores the ids of new entries. places has offset and time, as one text, by id.
local function remember(h, now, ids, older, names, places, window, most)
  window = tonumber(window)
  local n = redis.call('HLEN', ids)
  if n > 0 and (now - h.turned >= window or n + #names > tonumber(most)) then
    redis.call('RENAME', ids, older)
    n = 0
  end
  local pairs = {}
  for i, id in ipairs(names) do
    pairs[2 * i - 1], pairs[2 * i] = id, places[id]
  end
  redis.call('HSET', ids, unpack(pairs))
  if n == 0 then
    h.turned = int(now)
    redis.call('PEXPIRE', ids, int(2 * window))
  end
end
