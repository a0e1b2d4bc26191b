/**
 * Adds calls to the windows of KEYS and answers with what is counted in each: count and milliseconds until it leaves, in
 * turn. By the clock of Redis, so that processes with different clocks share a window. A slot of the future is from before
 * that clock was set back, and is dropped. ARGV: milliseconds of a slot and of a window, then the calls of each key.
 */
export const ADD_CALLS = `
local slot, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = string.format('%.0f', math.floor(now / slot))
local counted = {}
for at, key in ipairs(KEYS) do
  redis.call('HINCRBY', key, current, ARGV[at + 2])
  redis.call('PEXPIRE', key, window + slot)
  local slots = redis.call('HGETALL', key)
  local parts = {}
  for i = 1, #slots, 2 do
    local leaves = (tonumber(slots[i]) + 1) * slot + window - now
    if leaves > 0 and leaves <= window + slot then
      parts[#parts + 1] = tonumber(slots[i + 1])
      parts[#parts + 1] = leaves
    else
      redis.call('HDEL', key, slots[i])
    end
  end
  counted[at] = parts
end
return counted
`;
