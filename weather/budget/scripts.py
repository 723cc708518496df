"""The scripts behind the budget: one hash, Redis' own clock, each a single atomic step."""

from weather.budget import day_line
from weather.budget.failures import FIELDS, PAUSE_SECONDS
from weather.budget.quota import REGION_PARTS
from weathernote import redis
from weathernote.redis import Command, Role, at
from weathernote.redis.clock import NOW_LUA

#: The hash outlives the longest window, so that no key is without a life and none is lost in use.
LIFE_SECONDS = 2 * 86_400
#: For so long a region that cannot reach the primary spends its part. The others leave it that for LIFE_SECONDS, an
#: hour longer: a replica that is promoted may have heard of the region that much earlier.
PART_SECONDS = LIFE_SECONDS - 3600
#: How often a region's field is written at most.
_HEARD_SECONDS = 60
#: Calls are closed for at most a day: the longest window and the longest Retry-After.
LONGEST_CLOSED_SECONDS = 86_400

_ROWS_LUA = ", ".join(f"{{'{name}', '{row.failures}', '{row.paused_until}'}}" for name, row in FIELDS.items())

# Past its limit by the day's line (day_line.py) no refresh goes out.
#
# What others spent since this process looked is unknown when the counts are gone: a hundredth makes up for it. A clock
# that is set back, as after a failover, ends no window a second time.
#
# `spent:<dataset>:refresh` and `spent:<dataset>:cold` are what each dataset spent of the day. They are for people to
# look at, and limit nothing: what was spent without Redis is not in them.
#
# `<window>:of_runs` is what refreshes for runs spent of it. What is lost of it, or was spent without Redis, counts as
# spent on cold cells.
#
# The reply has the failures and the pause of every dataset, in the order of FIELDS, so that each process knows them.
#
# `region:<name>` is when a region was last heard of. Each other one is left its part of every window: it may be cut
# off, and spends that by itself. So is this one, for all may be cut off at once.
SPEND_LUA = (
    NOW_LUA
    + day_line.LUA
    + f"""
local weight, least, spender, refreshed = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local dataset, is_same_day, reserve = ARGV[6], false, reserves[spender]
local rows = {{{_ROWS_LUA}}}
local held = {{}}
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
local flat = redis.call('HGETALL', KEYS[1])
for at = 1, #flat, 2 do held[flat[at]] = tonumber(flat[at + 1]) end

local region, others = ARGV[7], 0
if region ~= '' then
  for name, heard in pairs(held) do
    local is_other = string.sub(name, 1, 7) == 'region:' and string.sub(name, 8) ~= region
    if is_other and now - heard < {LIFE_SECONDS} then others = others + 1 end
  end
  if now - (held['region:' .. region] or 0) > {_HEARD_SECONDS} then
    redis.call('HSET', KEYS[1], 'region:' .. region, string.format('%.0f', now))
  end
end

local room, reason, seconds = weight, '', 0
local names, starts, spents, on_runs = {{}}, {{}}, {{}}, {{}}

local function narrow(left, why, wait)
  left = math.floor(left)
  if left < least and (room >= least or wait > seconds) then reason, seconds = why, wait end
  if left < room then room = left end
end

for at = 8, #ARGV, 6 do
  local name, length, budget = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if others > 0 then budget = math.max(1, budget - (others + 1) * math.max(1, math.floor(budget / {REGION_PARTS}))) end
  local seen_start, seen, unreported = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local start = now - now % length
  local known = held[name .. ':start'] or 0
  if known > start and known - start <= length then start = known end
  local spent, of_runs = 0, 0
  if known == start then spent, of_runs = held[name .. ':spent'], held[name .. ':of_runs'] or 0 end
  if seen_start == start then
    if known == 0 and seen > 0 then seen = seen + math.floor(budget / {day_line.SPARE_DIVISOR}) end
    spent = math.max(spent, seen) + unreported
  end
  -- An instance of an older release ends a window without ending this count.
  of_runs = math.max(0, math.min(of_runs, spent))
  names[#names + 1], starts[#starts + 1], spents[#spents + 1], on_runs[#on_runs + 1] = name, start, spent, of_runs

  local ends = start + length - now
  narrow(budget - spent, name, ends)
  if name == 'day' then
    is_same_day = known == start
    if seen_start ~= start then refreshed = 0 end
    if is_same_day then refreshed = math.max(refreshed, held.refreshed or 0) end
  end
  if reserve and name ~= 'day' then
    -- Late refreshes may use an hour only as it passes: taken at its start, the others would lack it later.
    local part = spender == 'late_refresh' and name == 'hour' and (now - start) / length or 1
    narrow(math.max(1, budget * (1 - reserve) * part) - spent, 'pace', ends)
  elseif spender == 'run_refresh' then
    local t = (now - start) / length
    local wait = math.min(ends, math.max(0, run_refresh_time_at((spent + least) / budget) - t) * length)
    narrow(run_refresh_limit(budget, t) - spent, 'pace', wait)
  elseif reserve then
    local t, cold = (now - start) / length, spent - refreshed
    local limit, counted, at_midnight, at_the_end = 0, refreshed, 0, 2
    if spender == 'refresh' then
      limit, at_midnight, at_the_end = refresh_limit(budget, cold, t), spare(budget), 1
    else
      -- Those for runs come in bursts: late ones must not take what the line gives out for the next.
      of_runs = math.max(0, math.min(of_runs, cold))
      cold, counted = cold - of_runs, refreshed + of_runs
      limit = late_refresh_limit(budget, cold, t)
    end
    -- When the line will have reached what is wanted.
    local wanted = math.max(0, counted + least - at_midnight) / math.max(1, budget - cold)
    local wait = math.min(ends, math.max(0, time_at(wanted) - t) * length)
    narrow(limit - counted, 'pace', wait)
    narrow(budget - at_the_end * math.floor(budget / {day_line.SPARE_DIVISOR}) - spent, 'pace', ends)
  end
end
-- The service writes no later times; processes would pass on a far later one for as long as they live.
local closed = math.min(held['closed:until'] or 0, now + {LONGEST_CLOSED_SECONDS})
if closed > now then narrow(0, 'closed', closed - now) end
local failed = {{}}
for _, row in ipairs(rows) do
  local paused = math.min(held[row[3]] or 0, now + {LONGEST_CLOSED_SECONDS})
  if paused > now and row[1] == dataset then narrow(0, 'failures', paused - now) end
  failed[#failed + 1], failed[#failed + 2] = held[row[2]] or 0, string.format('%.3f', paused)
end

local granted = 0
if room >= least then granted = math.max(0, room) end
if reserve and spender ~= 'run_refresh' then refreshed = refreshed + granted end
local reply = {{granted, reason, tostring(seconds), string.format('%.3f', now),
  string.format('%.3f', closed), refreshed, failed, others}}
for at, name in ipairs(names) do
  local spent, of_runs = spents[at] + granted, on_runs[at] + (spender == 'run_refresh' and granted or 0)
  redis.call('HSET', KEYS[1], name .. ':start', starts[at], name .. ':spent', spent, name .. ':of_runs', of_runs)
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = starts[at], spent, of_runs
end
redis.call('HSET', KEYS[1], 'refreshed', refreshed)
if not is_same_day then
  for name in pairs(held) do
    if string.sub(name, 1, 6) == 'spent:' then redis.call('HDEL', KEYS[1], name) end
  end
end
if granted > 0 then
  local of_dataset = 'spent:' .. dataset .. ':' .. (reserve and 'refresh' or 'cold')
  redis.call('HSET', KEYS[1], of_dataset, (is_same_day and held[of_dataset] or 0) + granted)
end
redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
return reply
"""
)
#: Spends from the budget of the fleet, and from what a region has for itself while it is cut off.
BUDGET = redis.script(SPEND_LUA, role=Role.PRIMARY)
BUDGET_OF_REGION = redis.script(SPEND_LUA)

CLOSE = redis.script(
    NOW_LUA
    + f"""
local length, ends = tonumber(ARGV[2]), now + tonumber(ARGV[3])
if length > 0 then ends = math.max(ends, now - now % length + length) end
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed:until') or 0)
redis.call('HSET', KEYS[1], 'closed:until', string.format('%.3f', math.max(closed, ends)))
return redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
""",
    role=Role.PRIMARY,
)

_FAIL = redis.script(
    NOW_LUA
    + f"""
local failures = redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
local pause = tonumber(ARGV[math.min(failures, #ARGV - 3) + 3])
redis.call('HSET', KEYS[1], ARGV[3], string.format('%.3f', math.floor((now + pause) * 1000) / 1000))
return redis.call('EXPIRE', KEYS[1], {LIFE_SECONDS})
""",
    role=Role.PRIMARY,
)


def fail(key: str, clock: float | str, dataset: str) -> Command:
    """The command that counts a failure of the dataset; `clock` is the clock's argument for scripts."""
    row = FIELDS[dataset]
    return _FAIL(key, clock, row.failures, row.paused_until, *PAUSE_SECONDS)


def succeed(key: str, dataset: str) -> Command:
    """The command that ends the dataset's row of failures and the pause that it made."""
    row = FIELDS[dataset]
    return at(Role.PRIMARY, "HDEL", key, row.failures, row.paused_until)
