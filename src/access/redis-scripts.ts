/**
 * What Redis runs, each script as one step that nothing comes between. Times are those of Redis' own clock, so that
 * gateways whose clocks differ agree. The window is that of `SecondCounts`: a count for each second of the last minute.
 */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local second = tonumber(time[1])
`;

/**
 * KEYS: requests, tokens (hashes of counts by second), running (sorted set of reservations by the time when they are
 * taken for lost). ARGV: rpm, tpm, maxParallel (-1: no limit), tokens wanted, the reservation's id, milliseconds until it
 * is taken for lost. Gives: what refuses (0 nothing, 1 requests, 2 tokens, 3 parallel), milliseconds until there may be
 * room, the second; what is used and milliseconds until nothing is, of requests and of tokens; requests running.
 */
export const RESERVE = `${NOW}
local function counts(key)
  local sum, seconds = 0, {}
  local stored = redis.call('HGETALL', key)
  for i = 1, #stored, 2 do
    local at, count = tonumber(stored[i]), tonumber(stored[i + 1])
    if at <= second - 60 then
      redis.call('HDEL', key, stored[i])
    else
      sum = sum + count
      if count > 0 then seconds[#seconds + 1] = { at, count } end
    end
  end
  table.sort(seconds, function(one, other) return one[1] < other[1] end)
  return sum, seconds
end
local function freed(seconds, amount)
  local wait = 0
  for _, entry in ipairs(seconds) do
    if amount <= 0 then break end
    amount = amount - entry[2]
    wait = (entry[1] + 60) * 1000 - now
  end
  return wait
end
local rpm, tpm, parallel = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted = tonumber(ARGV[4])
local requests, requestSeconds = counts(KEYS[1])
local tokens, tokenSeconds = counts(KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local running = redis.call('ZCARD', KEYS[3])
local refused, wait = 0, 0
if tpm >= 0 and tokens + wanted > tpm then
  refused, wait = 2, freed(tokenSeconds, tokens + wanted - tpm)
end
if rpm >= 0 and requests + 1 > rpm then
  refused, wait = 1, math.max(wait, freed(requestSeconds, requests + 1 - rpm))
end
if parallel >= 0 and running >= parallel then refused = 3 end
if refused == 0 then
  redis.call('HINCRBY', KEYS[1], second, 1)
  redis.call('HINCRBY', KEYS[2], second, wanted)
  redis.call('PEXPIRE', KEYS[1], 61000)
  redis.call('PEXPIRE', KEYS[2], 61000)
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[6]), ARGV[5])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
  requests, tokens = requests + 1, tokens + wanted
  requestSeconds[#requestSeconds + 1] = { second, 1 }
  if wanted > 0 then tokenSeconds[#tokenSeconds + 1] = { second, wanted } end
end
return { refused, wait, second, requests, freed(requestSeconds, math.huge), tokens, freed(tokenSeconds, math.huge), running }
`;

/** KEYS: tokens, running. ARGV: the reservation's id, its second, the tokens to add (may be below 0). */
export const SETTLE = `
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3]) end
return 1
`;

/** KEYS: running. ARGV: milliseconds until reservations are taken for lost, then their ids. */
export const RENEW = `${NOW}
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`;
