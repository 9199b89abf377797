-- Appends a message and publishes it, whatever the state of the room. See quick.lua.
-- KEYS: age, head, entries, amends, states, index, old log, old index, users, ids, older ids
-- ARGV: fresh epoch, id or '', event, feed, messages to keep, bytes to keep, life of the
--       room, window of the ids, maximum number of ids, newest entry seen or '', '1' if
--       the room is watched, how long the epoch of rooms without a head may be used
--       after its first write; for a private message also its two users as JSON or '';
--       last, if the message has one, its trace, which is published and not stored
-- Returns 0, epoch, offset, time; or for a repeated id 1, epoch, offset, time, and the
-- first entry as answer returns it.
local trace = #ARGV % 2 == 1 and table.remove(ARGV)
local now = clock()
local b, h = open(KEYS[1], KEYS[2], ARGV[1], ARGV[10], ARGV[11])
h = h or begin(b, ARGV[1], tonumber(ARGV[12]))
if h.offset == 0 then
  clear() -- remove the rest of a room whose head was lost
  redis.call('DEL', KEYS[10], KEYS[11])
  if h.epoch == b.epoch and b.used == 0 then
    b.used = now
    keep(b)
  end
  h.due = '0'
end
local id = ARGV[2]
local stored = id ~= '' and known(KEYS[10], KEYS[11], {id})
if stored then
  local first, at = string.match(stored, '^(%d+) (%d+)$')
  return {1, h.epoch, first, at, answer(tonumber(first), h.offset)}
end

h.offset = h.offset + 1
h.time = math.max(h.time, now)
local offset, time = int(h.offset), int(h.time)
local indexed = notemessage(h.offset, ARGV[13], ARGV[14])
local n = redis.call('RPUSH', entries, offset .. ' ' .. time .. (ARGV[13] and ' p' or ' ') .. ARGV[3])
local most = tonumber(ARGV[5])
if n >= most + 64 then
  eraser().messages(n - most)
end
grow(h, #ARGV[3] + 64, ARGV[6])
if id ~= '' then
  remember(h, now, KEYS[10], KEYS[11], {id}, {[id] = offset .. ' ' .. time}, ARGV[8], ARGV[9])
end
finish(KEYS[2], h, now, ARGV[7], n == 1 or indexed and redis.call('PTTL', index) < 0)
local said = ARGV[3]
if trace then
  said = '{"trace":"' .. trace .. '",' .. string.sub(said, 2)
end
redis.call('SPUBLISH', ARGV[4], table.concat({h.epoch, offset, time, said}, ' '))
return {0, h.epoch, offset, time}
