-- Reads a range of a room's entries.
-- KEYS: age, head, log
-- ARGV: fresh epoch, from or 0, before or 0, limit, life of a head without entries
-- Returns epoch, last offset, first offset, entries; the newest first without from.
local h = load(KEYS[2])
if not h then
  h = begin(KEYS[1], ARGV[1])
  save(KEYS[2], h, tonumber(ARGV[5]))
end
if h.offset == 0 then
  return {h.epoch, '0', '1', {}}
end
local first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
first = first and string.match(first[1], '^%d+') or int(h.offset + 1)
local entries = {}
if ARGV[4] ~= '0' then
  if ARGV[2] ~= '0' then
    entries = redis.call('XRANGE', KEYS[3], ARGV[2], '+', 'COUNT', ARGV[4])
  elseif ARGV[3] ~= '0' then
    entries = redis.call('XREVRANGE', KEYS[3], '(' .. ARGV[3] .. '-0', '-', 'COUNT', ARGV[4])
  else
    entries = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', ARGV[4])
  end
end
return {h.epoch, int(h.offset), first, entries}
