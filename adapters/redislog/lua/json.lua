-- Parts of the JSON of entries. What users wrote is never decoded: the parts are copied as
-- they are.

-- closing returns where the string ends that begins with the quote at i.
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

-- parts returns the values in an entry's JSON up to its text, as JSON, by their keys. Of a
-- legacy message it finds the id behind the text. In kept it returns the object without
-- text and data, and without its closing brace.
local function parts(json, legacy)
  local f, kept, at = {}, {}, 2
  while true do
    local key, v = string.match(json, '^"([%l_]+)":()', at)
    if key == 'message' and legacy then
      -- Every quote in a text has a backslash before it, so this is not found in one.
      at = string.find(json, ',"id":"', v, true)
      if not at then
        break
      end
      at = at + 1
    elseif not key or key == 'message' or key == 'data' then
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
