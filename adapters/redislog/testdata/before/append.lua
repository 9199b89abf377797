-- Appends an event and announces it.
-- KEYS: age, head, log, ids, older ids, index, users
-- ARGV: fresh epoch, id or '', event, feed, entries to keep, bytes to keep, life of the
--       room, window of the ids, maximum number of ids, newest entry seen or '', '1' if
--       the room is watched, how long the epoch of rooms without a head may be used
--       after its first write; for a private event also its two users
-- Returns 0, epoch, offset, time; or for a repeated id 1 and epoch, offset, time and
-- event of the first append.
local now = clock()
local b, h = open(KEYS[1], KEYS[2], KEYS[3], KEYS[7], ARGV[1], ARGV[10], ARGV[11])
h = h or begin(b, ARGV[1], tonumber(ARGV[12]))
if h.offset == 0 then
  redis.call('DEL', KEYS[3], KEYS[4], KEYS[5], KEYS[6]) -- left over from a room whose head was lost
  if h.epoch == b.epoch and b.used == 0 then
    b.used = now
    keep(b)
  end
  h.due = 0
end
local id = ARGV[2]
if id ~= '' then
  local seen = redis.call('HGET', KEYS[4], id) or redis.call('HGET', KEYS[5], id)
  if seen then
    local offset, time = string.match(seen, '^(%d+) (%d+)$')
    local e = redis.call('XRANGE', KEYS[3], offset, offset)
    return {1, h.epoch, offset, time, e[1] and e[1][2][4] or ''}
  end
end

h.offset = h.offset + 1
h.time = math.max(h.time, now)
local offset, time = int(h.offset), int(h.time)
local users = ARGV[13] and {ARGV[13], ARGV[14]}
local indexed = note(KEYS[6], KEYS[3], h.offset, users)
if users then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], offset .. '-0', 't', time, 'e', ARGV[3], 'p', '')
else
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], offset .. '-0', 't', time, 'e', ARGV[3])
end

h.size = h.size + #ARGV[3] + 64
if h.size >= tonumber(ARGV[6]) / 2 then
  redis.call('XTRIM', KEYS[3], 'MINID', int(h.mark))
  h.mark, h.size = h.offset + 1, 0
end

if indexed then
  prune(KEYS[6], h.offset + 1 - redis.call('XLEN', KEYS[3]))
  if redis.call('PTTL', KEYS[6]) < 0 then
    redis.call('PEXPIRE', KEYS[6], int(ARGV[7] * 1.25))
  end
end

if id ~= '' then
  local window = tonumber(ARGV[8])
  local n = redis.call('HLEN', KEYS[4])
  if n > 0 and (now - h.turned >= window or n >= tonumber(ARGV[9])) then
    redis.call('RENAME', KEYS[4], KEYS[5])
    n = 0
  end
  redis.call('HSET', KEYS[4], id, offset .. ' ' .. time)
  if n == 0 then
    h.turned = now
    redis.call('PEXPIRE', KEYS[4], int(2 * window))
  end
end

if now >= h.due then
  local life = tonumber(ARGV[7])
  h.due = now + life / 4
  save(KEYS[2], h, life * 1.25)
  redis.call('PEXPIRE', KEYS[3], int(life * 1.25))
  redis.call('PEXPIRE', KEYS[6], int(life * 1.25))
else
  save(KEYS[2], h)
end
redis.call('SPUBLISH', ARGV[4], table.concat({h.epoch, offset, time, ARGV[3]}, ' '))
return {0, h.epoch, offset, time}
