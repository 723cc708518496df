"""The scripts behind the budget: one hash, Redis' own clock, each a single atomic step."""

from weathernote import redis
from weathernote.redis import Command

#: The hash outlives the longest window, so that no key is without a life and none is lost in use.
LIFE_SECONDS = 2 * 86_400
#: For so long at most Open-Meteo is left alone: to the end of the day, or for as long as it may ask for.
LONGEST_CLOSED_SECONDS = 86_400

_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
"""

# Past the day's line no refresh goes out. It shares out what cold cells have left, L, from midnight to midnight, and
# leaves a share r for cold cells to come early in the day and nearly nothing at its end:
# line(t) = L·t·(1 − r(1 − t)) for t from 0 to 1, as in quota.py. A hundredth on top at midnight, so that refreshes
# never stop then, is a hundredth less in the end, for the cold cells of the last minutes.
#
# What others spent since this process looked is unknown when the counts are gone: a hundredth makes up for it. A clock
# that is set back, as after a failover, ends no window a second time.
BUDGET = redis.script(
    _NOW
    + f"""
local weight, least, spender, share = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local refreshed = tonumber(ARGV[6])
local held = {{}}
local flat = redis.call('HGETALL', KEYS[1])
for at = 1, #flat, 2 do held[flat[at]] = tonumber(flat[at + 1]) end

local room, reason, seconds = weight, '', 0
local names, starts, spents = {{}}, {{}}, {{}}

local function narrow(left, why, wait)
  left = math.floor(left)
  if left < least and (room >= least or wait > seconds) then reason, seconds = why, wait end
  if left < room then room = left end
end

for at = 7, #ARGV, 6 do
  local name, length, budget = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local seen_start, seen, unreported = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local start = now - now % length
  local known = held[name .. ':start'] or 0
  if known > start and known - start <= length then start = known end
  local spent = 0
  if known == start then spent = held[name .. ':spent'] end
  if seen_start == start then
    if known == 0 and seen > 0 then seen = seen + math.floor(budget / 100) end
    spent = math.max(spent, seen) + unreported
  end
  names[#names + 1], starts[#starts + 1], spents[#spents + 1] = name, start, spent

  local ends = start + length - now
  narrow(budget - spent, name, ends)
  if name == 'day' then
    if seen_start ~= start then refreshed = 0 end
    if known == start then refreshed = math.max(refreshed, held.refreshed or 0) end
  end
  if spender == 'refresh' and name ~= 'day' then
    narrow(math.max(1, budget * (1 - share)) - spent, 'pace', ends)
  elseif spender == 'refresh' then
    local t, small = (now - start) / length, math.max(1, budget / 100)
    local shared_out = math.max(1, budget - (spent - refreshed))
    local line = small + shared_out * t * (1 - share * (1 - t))
    -- When the line will have reached what is wanted.
    local wanted = math.max(0, refreshed + least - small) / shared_out
    local wanted_t = (math.sqrt((1 - share) ^ 2 + 4 * share * wanted) - 1 + share) / (2 * share)
    narrow(line - refreshed, 'pace', math.min(ends, math.max(0, wanted_t - t) * length))
    narrow(budget - math.floor(budget / 100) - spent, 'pace', ends)
  end
end
-- Nothing that the service writes is further ahead; a time without end would be passed on as long as a process lives.
local closed = math.min(held['closed:until'] or 0, now + {LONGEST_CLOSED_SECONDS})
local paused = math.min(held['paused:until'] or 0, now + {LONGEST_CLOSED_SECONDS})
if closed > now then narrow(0, 'closed', closed - now) end
if paused > now then narrow(0, 'failures', paused - now) end

local granted = 0
if room >= least then granted = math.max(0, room) end
if spender == 'refresh' then refreshed = refreshed + granted end
local reply = {{granted, reason, tostring(seconds), string.format('%.3f', now),
  held.failures or 0, string.format('%.3f', paused), string.format('%.3f', closed), refreshed}}
for at, name in ipairs(names) do
  local spent = spents[at] + granted
  redis.call('HSET', KEYS[1], name .. ':start', starts[at], name .. ':spent', spent)
  reply[#reply + 1], reply[#reply + 2] = starts[at], spent
end
redis.call('HSET', KEYS[1], 'refreshed', refreshed)
redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
return reply
"""
)

CLOSE = redis.script(
    _NOW
    + f"""
local length, ends = tonumber(ARGV[2]), now + tonumber(ARGV[3])
if length > 0 then ends = math.max(ends, now - now % length + length) end
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed:until') or 0)
redis.call('HSET', KEYS[1], 'closed:until', string.format('%.3f', math.max(closed, ends)))
return redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
"""
)

FAIL = redis.script(
    _NOW
    + f"""
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local pause = tonumber(ARGV[math.min(failures, #ARGV - 1) + 1])
redis.call('HSET', KEYS[1], 'paused:until', string.format('%.3f', now + pause))
return redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
"""
)


def succeed(key: str) -> Command:
    return ("HDEL", key, "failures", "paused:until")
