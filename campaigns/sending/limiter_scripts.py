"""What the limiter runs inside Redis. Each script is atomic, and its clock is Redis's own.

A bucket is a hash: `tokens` and when they were counted (`at`); after a throttle also `factor`, when that was
counted (`factor_at`) and when it was last halved (`slowed_at`). A clock that was set back gives neither a
burst nor a standstill: a time that lies ahead counts as now.

Who asks (a *claimant*) has one field in the hash of claims: `served need seen until priority`. `served` are the
tokens it got so far, in the manner of start-time fair queueing: of those who ask, the one with the least is next.
`until` is how long its turn is kept: while it waits, and after a grant just until the bucket holds as much again,
so that keeping a turn never wastes a token.
"""

from typing import Final

SLOWEST: Final = 0.05
RECOVERY_PER_S: Final = 0.02
# A claimant that has not asked for so long has left, and comes back without a claim on what it missed.
GONE_S: Final = 1.0
LONGEST_WAIT_S: Final = 0.5
_EXPIRY_MS: Final = 3_600_000

_READ: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local function read(key)
  local row = redis.call('HMGET', key, 'tokens', 'at', 'factor', 'factor_at', 'slowed_at')
  local b = {tokens = tonumber(row[1]) or 0, factor = tonumber(row[3]) or 1}
  b.since = math.min(at, tonumber(row[2]) or at)
  b.slowed_at = tonumber(row[5]) or 0
  if b.factor < 1 then
    local passed = at - math.min(at, tonumber(row[4]) or at)
    b.factor = math.min(1, b.factor + passed * __RECOVERY__)
  end
  return b
end
local function write(key, b)
  redis.call('HSET', key, 'tokens', string.format('%.6f', b.tokens), 'at', string.format('%.6f', at))
  if b.factor < 1 then
    redis.call('HSET', key, 'factor', string.format('%.6f', b.factor), 'factor_at', string.format('%.6f', at))
  else
    redis.call('HDEL', key, 'factor', 'factor_at')
  end
  redis.call('PEXPIRE', key, __EXPIRY__)
end
local function claim_of(text)
  local n = {}
  for part in string.gmatch(text, '%S+') do n[#n + 1] = tonumber(part) end
  return {served = n[1], need = n[2], seen = n[3], till = n[4], priority = n[5]}
end
local function keep(key, name, c)
  redis.call('HSET', key, name, string.format('%.6f %d %.6f %.6f %d', c.served, c.need, c.seen, c.till, c.priority))
  redis.call('PEXPIRE', key, __EXPIRY__)
end
"""

# KEYS: the claims, then the buckets, the account's first. ARGV: least, most, claimant, priority, jumps, then
# (rate, capacity) of each bucket. Returns {granted, tenths of milliseconds to wait}.
_TAKE: Final = """
local least, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local name, priority, jumps = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local held, free, cap_wait, fill = {}, math.huge, 0, 0
for i = 2, #KEYS do
  local rate, capacity = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  local b = read(KEYS[i])
  b.tokens = math.min(capacity, b.tokens + (at - b.since) * rate * b.factor)
  held[i] = b
  if i == 2 then
    fill = rate * b.factor
    if b.factor < 1 and not jumps then
      least = math.max(1, math.floor(least * b.factor))
      most = math.max(1, math.floor(most * b.factor))
    end
  else
    free = math.min(free, math.floor(b.tokens + 0.000001))
    if b.tokens + 0.000001 < least then cap_wait = math.max(cap_wait, (least - b.tokens) / rate) end
  end
end

local claims, mine, ahead, kept, floor = redis.call('HGETALL', KEYS[1]), nil, 0, 0, nil
local others = {}
for i = 1, #claims, 2 do
  local c = claim_of(claims[i + 1])
  if claims[i] == name then
    mine = c
  elseif c.seen > at + 1 or at - c.seen > 60 then
    redis.call('HDEL', KEYS[1], claims[i])
  else
    others[#others + 1] = c
    if c.priority == priority and at - c.seen < __GONE__ then
      floor = math.min(floor or c.served, c.served)
    end
  end
end
local is_back = mine == nil or at - mine.seen >= __GONE__ or mine.seen > at
mine = mine or {served = 0}
if floor then
  local behind = is_back and 0 or 2 * tonumber(ARGV[7])
  mine.served = math.max(mine.served, floor - behind)
end
if not jumps then
  for _, c in ipairs(others) do
    local waits = c.till > at and c.till <= at + 2
    if waits and (c.priority < priority or (c.priority == priority and c.served < mine.served)) then
      ahead, kept = ahead + c.need, math.max(kept, c.till - at)
    end
  end
end

local account = held[2]
local granted = math.min(most, free, math.floor(account.tokens + 0.000001) - ahead)
local wait = 0
if granted < least then
  granted = 0
  -- Either those before me take theirs, or their turns end.
  local mine_alone = math.max(kept, (least - account.tokens) / fill)
  wait = math.max(cap_wait, math.min((least + ahead - account.tokens) / fill, mine_alone), 0.0001)
  wait = math.min(wait, __LONGEST__)
end
local comes_back = true
for i = 2, #KEYS do
  held[i].tokens = held[i].tokens - granted
  write(KEYS[i], held[i])
  if i > 2 and held[i].tokens + tonumber(ARGV[2 * i + 2]) * granted / fill < least then comes_back = false end
end
if granted > 0 or not jumps then
  mine.served, mine.need, mine.seen, mine.priority = mine.served + granted, least, at, priority
  if granted > 0 and not comes_back then
    mine.till = 0
  elseif granted > 0 then
    mine.till = at + math.min(__LONGEST__, granted / fill)
  elseif cap_wait > 0 then
    mine.till = 0
  else
    mine.till = at + wait + __LONGEST__
  end
  keep(KEYS[1], name, mine)
end
return {granted, math.ceil(wait * 10000)}
"""

# KEYS: the claims, then the buckets. ARGV: tokens, claimant, then each bucket's capacity. Puts back what was not
# spent and gives up the turn.
_GIVE: Final = """
for i = 2, #KEYS do
  local tokens = tonumber(redis.call('HGET', KEYS[i], 'tokens'))
  if tokens then
    tokens = math.min(tonumber(ARGV[i + 1]), tokens + tonumber(ARGV[1]))
    redis.call('HSET', KEYS[i], 'tokens', string.format('%.6f', tokens))
  end
end
local text = redis.call('HGET', KEYS[1], ARGV[2])
if text then
  local mine = claim_of(text)
  mine.served, mine.till = math.max(0, mine.served - tonumber(ARGV[1])), 0
  keep(KEYS[1], ARGV[2], mine)
end
return 1
"""

# KEYS: the account's bucket. Empties it and halves its factor, at most once a second; returns the factor in
# thousandths.
_SLOW: Final = """
local b = read(KEYS[1])
if b.slowed_at > at or at - b.slowed_at >= 1 then
  b.factor, b.tokens = math.max(__SLOWEST__, b.factor / 2), 0
  write(KEYS[1], b)
  redis.call('HSET', KEYS[1], 'slowed_at', string.format('%.6f', at))
end
return math.floor(b.factor * 1000)
"""

# KEYS: a bucket. ARGV: its rate and capacity. Returns what it holds now and its factor, as text; changes nothing.
_LOOK: Final = """
local b = read(KEYS[1])
local tokens = math.min(tonumber(ARGV[2]), b.tokens + (at - b.since) * tonumber(ARGV[1]) * b.factor)
return {string.format('%.6f', tokens), string.format('%.6f', b.factor)}
"""


def _script(body: str) -> str:
    values = {
        "__RECOVERY__": RECOVERY_PER_S,
        "__EXPIRY__": _EXPIRY_MS,
        "__SLOWEST__": SLOWEST,
        "__GONE__": GONE_S,
        "__LONGEST__": LONGEST_WAIT_S,
    }
    text = _READ + body
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


TAKE: Final = _script(_TAKE)
GIVE: Final = _script(_GIVE)
SLOW: Final = _script(_SLOW)
LOOK: Final = _script(_LOOK)
