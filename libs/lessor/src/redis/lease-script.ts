/**
 * All that the store does, as one script: Redis runs it without anything in between, so each call is a turn of its own.
 *
 * KEYS: the section's leases (hash: low end -> "high token until"), members (hash: id -> until) and token (counter).
 * ARGV: the command, then what it takes. Ends of parts are text of one width, which compares like the numbers. Times are
 * by the server's clock, in ms.
 */
export const LEASE_SCRIPT = `
local leases, members, counter = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000

local function ms(value) return string.format('%.0f', value) end

local function stored(low, text)
  local high, token, till = string.match(text, '^(%S+) (%S+) (%S+)$')
  return { low = low, high = high, token = token, till = tonumber(till) }
end

local function find(low)
  local text = redis.call('HGET', leases, low)
  return text and stored(low, text)
end

local function byLow(a, b) return a.low < b.low end

-- Of a list by place whose parts do not overlap: where the first one is that ends above the key, found by halving.
local function after(list, key)
  local from, to = 1, #list + 1
  while from < to do
    local middle = math.floor((from + to) / 2)
    if list[middle].high > key then to = middle else from = middle + 1 end
  end
  return from
end

-- Of the same: those that share a key with the part.
local function within(list, part)
  local found, at = {}, after(list, part.low)
  while list[at] and list[at].low < part.high do
    table.insert(found, list[at])
    at = at + 1
  end
  return found
end

local commands = {}

-- term, limit, then low and high of each desired part -> token, ms until something is free (-1: nothing was in the way),
-- then low, high and 1 or 0 (after expiry) of each granted part
function commands.acquire()
  local term, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
  local taken, expired, asked, granted, soonest = {}, {}, {}, {}, -1
  local all = redis.call('HGETALL', leases)
  for i = 1, #all, 2 do
    local lease = stored(all[i], all[i + 1])
    table.insert(lease.till > now and taken or expired, lease)
  end
  table.sort(taken, byLow)
  table.sort(expired, byLow)
  for i = 4, #ARGV, 2 do
    local want = { low = ARGV[i], high = ARGV[i + 1] }
    local low, gaps, cut = want.low, {}, within(asked, want)
    for _, lease in ipairs(within(taken, want)) do
      table.insert(cut, lease)
      if soonest < 0 or lease.till - now < soonest then soonest = lease.till - now end
    end
    table.sort(cut, byLow)
    for _, part in ipairs(cut) do
      if part.low > low then table.insert(gaps, { low = low, high = part.low }) end
      if part.high > low then low = part.high end
    end
    if low < want.high then table.insert(gaps, { low = low, high = want.high }) end
    for _, gap in ipairs(gaps) do
      table.insert(asked, after(asked, gap.low), gap)
      if #granted < limit then table.insert(granted, gap) end
    end
  end
  redis.call('INCR', counter)
  local token = redis.call('GET', counter)
  local answer = { token, ms(soonest) }
  local replaced = {}
  for _, part in ipairs(granted) do
    for _, lease in ipairs(within(expired, part)) do part.after, replaced[lease.low] = true, true end
  end
  for _, lease in ipairs(expired) do
    if replaced[lease.low] or lease.till <= now - DAY then redis.call('HDEL', leases, lease.low) end
  end
  for _, part in ipairs(granted) do
    redis.call('HSET', leases, part.low, part.high .. ' ' .. token .. ' ' .. ms(now + term))
    table.insert(answer, part.low)
    table.insert(answer, part.high)
    table.insert(answer, part.after and '1' or '0')
  end
  return answer
end

-- term, then low and token of each part -> the low ends of those that still run
function commands.renew()
  local kept = {}
  for i = 3, #ARGV, 2 do
    local lease = find(ARGV[i])
    if lease and lease.token == ARGV[i + 1] and lease.till > now then
      redis.call('HSET', leases, lease.low, lease.high .. ' ' .. lease.token .. ' ' .. ms(now + tonumber(ARGV[2])))
      table.insert(kept, lease.low)
    end
  end
  return kept
end

-- low and token of each part
function commands.release()
  for i = 2, #ARGV, 2 do
    local lease = find(ARGV[i])
    if lease and lease.token == ARGV[i + 1] then redis.call('HDEL', leases, lease.low) end
  end
  return {}
end

-- the members that are alive, each with how many ms it has left; forgets the others
function commands.members()
  local alive = {}
  local all = redis.call('HGETALL', members)
  for i = 1, #all, 2 do
    local left = tonumber(all[i + 1]) - now
    if left <= 0 then
      redis.call('HDEL', members, all[i])
    else
      table.insert(alive, all[i])
      table.insert(alive, ms(left))
    end
  end
  return alive
end

-- member, term
function commands.heartbeat()
  if ARGV[3] == '0' then
    redis.call('HDEL', members, ARGV[2])
  else
    redis.call('HSET', members, ARGV[2], ms(now + tonumber(ARGV[3])))
  end
  return {}
end

return commands[ARGV[1]]()
`;
