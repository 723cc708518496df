"""The day's line: how much of Open-Meteo's day refreshes may have spent by a time of the day; pure.

Refreshes may spend the day's budget minus what cold cells have spent, in proportion to the time, less a reserve r for
later cold cells that shrinks to 0 at midnight: line(t) = t·(1 − r·(1 − t)) for t from 0 to 1. Processes
need it in Python and the budget's script in Lua; both are written here, from the same constants.
"""

import math

#: r: the part of every window that refreshes leave for cold cells; of the day's, less and less until its end.
COLD_RESERVE = 0.2
#: 1/SPARE_DIVISOR of the day's budget is free to refreshes from midnight on, so that they never stop then, and kept
#: from them at the day's end, for the cold cells of the last minutes.
SPARE_DIVISOR = 100


def line(t: float) -> float:
    """The part of what cold cells have left that refreshes may have spent at a time of the day, from 0 to 1."""
    return t * (1 - COLD_RESERVE * (1 - t))


def time_at(part: float) -> float:
    """The time of the day at which the line comes to a part of at least 0; past 1 for a part over 1."""
    return (math.sqrt((1 - COLD_RESERVE) ** 2 + 4 * COLD_RESERVE * part) - (1 - COLD_RESERVE)) / (2 * COLD_RESERVE)


def spare(day_budget: float) -> float:
    """The weight that is added to the line at midnight, and that refreshes leave unspent at the day's end."""
    return max(1, day_budget / SPARE_DIVISOR)


def refresh_limit(day_budget: float, cold: float, t: float) -> float:
    """The weight that refreshes may have spent by `t` (0 to 1), if cold cells have spent `cold` of the budget."""
    return spare(day_budget) + max(1, day_budget - cold) * line(t)


#: The same four functions in Lua, by the same names.
LUA = f"""
local function line(t)
  return t * (1 - {COLD_RESERVE!r} * (1 - t))
end
local function time_at(part)
  return (math.sqrt((1 - {COLD_RESERVE!r}) ^ 2 + 4 * {COLD_RESERVE!r} * part) - (1 - {COLD_RESERVE!r}))\
 / (2 * {COLD_RESERVE!r})
end
local function spare(day_budget)
  return math.max(1, day_budget / {SPARE_DIVISOR})
end
local function refresh_limit(day_budget, cold, t)
  return spare(day_budget) + math.max(1, day_budget - cold) * line(t)
end
"""
