-- Parts of the JSON of entries. Scripts never decode what users wrote: they copy the parts
-- unchanged.

-- closing returns the place of the closing quote of the string that begins with the quote at i.
local function closing(s, i)
  repeat
    i = string.find(s, '["\\]', i + 1)
    if string.byte(s, i) == 92 then
      i = i + 1
    else
      return i
    end
  until false
end

-- edited returns offset and time of the last edit of a message with these flags, or 0.
local function edited(flags, json)
  if not string.find(flags, 'e', 1, true) then
    return 0, '0'
  end
  local offset, time = string.match(json, ',"edited":%[(%d+),(%d+)%]')
  return tonumber(offset), time
end

-- isfrom reports whether a public message is from a user. The user's id is given as JSON, or ''.
local function isfrom(json, user)
  local start = '{"type":"message"'
  if user == '' then
    return string.sub(json, 1, #start + 8) ~= start .. ',"user":'
  end
  start = start .. ',"user":' .. user
  return string.sub(json, 1, #start) == start
end

-- parts returns the values in an entry's JSON up to its text, as JSON, by their keys. In a
-- legacy message it finds the id after the text. In kept it returns the object without text and
-- data, and without its closing brace.
local function parts(json, legacy)
  local f, kept, at = {}, {}, 2
  while true do
    local key, v = string.match(json, '^"([%l_]+)":()', at)
    if key == 'message' and legacy then
      -- Every quote in a text has a backslash before it, so no text contains this.
      at = string.find(json, ',"id":"', v, true)
      if not at then
        break
      end
      at = at + 1
    elseif not key or key == 'message' or key == 'data' or key == 'edited' then
      break
    else
      local stop
      if string.byte(json, v) == 34 then
        stop = closing(json, v)
      else
        stop = string.find(json, '[,}]', v) - 1
      end
      f[key] = string.sub(json, v, stop)
      kept[#kept + 1] = string.sub(json, at, stop)
      at = stop + 2
    end
  end
  return f, '{' .. table.concat(kept, ',')
end

-- textless returns the JSON of a message without text, data, last edit and closing brace. Every
-- quote in a string has a backslash before it, so the first of these keys belongs to the
-- message.
local function textless(json, legacy)
  if legacy then
    local _, kept = parts(json, legacy)
    return kept
  end
  local at = string.find(json, ',"edited":', 1, true)
  at = string.find(string.sub(json, 1, at), ',"message":', 1, true) or at
  at = string.find(string.sub(json, 1, at), ',"data":', 1, true) or at
  return string.sub(json, 1, (at or #json) - 1)
end
