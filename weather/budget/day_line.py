"""The day's line: how much of Open-Meteo's day refreshes may have spent by a time of the day; pure.

Refreshes may spend the day's budget minus what cold cells have spent, in proportion to the time, less a reserve r for
later cold cells that shrinks to 0 at midnight: line(t) = t·(1 − r·(1 − t)) for t from 0 to 1. Processes
need it in Python and the budget's script in Lua; both are written here, from the same constants.

Late refreshes, of datasets that lose less by an hour of age, stop at the line. The others may go a spare hundredth
beyond it, and what they spend there counts against the line too. So once more is wanted than the line gives out, all
that is spent lies between the two limits: there the others take what the line gives out, and late refreshes nothing.
A record that ends within hours is not refreshed late but as the others' are (fetching/round.py says why).
At the day's end late refreshes leave a second spare hundredth unspent, for the others' last ones.

Refreshes for a new run do not keep to the line: runs come when they come, and the price of freshness is the one at
which the day's are paid. They leave the reserve for cold cells, and the line shares out to refreshes by interval what
they leave. Late refreshes count them as spent of the line: else they would take between two runs what the price has for
the next.
"""

import math

#: r: the part of every window that refreshes leave for cold cells; of the day's, less and less until its end.
COLD_RESERVE = 0.2
#: Spender → the part of a minute's and an hour's budget that its refreshes leave for others; late ones may use the rest
#: of an hour only as it passes.
RESERVES = {"refresh": COLD_RESERVE, "late_refresh": 2 * COLD_RESERVE, "run_refresh": COLD_RESERVE}
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


def late_refresh_limit(day_budget: float, cold: float, t: float) -> float:
    """The weight of all refreshes, those for runs too, by `t` (0 to 1) beyond which no late one goes out.

    `cold` is what cold cells have spent.
    """
    return max(1, day_budget - cold) * line(t)


def refresh_limit(day_budget: float, cold: float, t: float) -> float:
    """The weight that refreshes by interval may have spent by `t` (0 to 1), if all else has spent `cold`."""
    return spare(day_budget) + late_refresh_limit(day_budget, cold, t)


def run_refresh_limit(day_budget: float, t: float) -> float:
    """The weight that may have been spent by `t` (0 to 1), on whatever, beyond which no refresh for a run goes out."""
    return day_budget * min(1 - COLD_RESERVE * (1 - t), 1 - 1 / SPARE_DIVISOR)


def run_refresh_time_at(part: float) -> float:
    """The time of the day at which `run_refresh_limit` comes to a part of the budget; 1 if it does not today."""
    return 1.0 if part > 1 - 1 / SPARE_DIVISOR else 1 - (1 - part) / COLD_RESERVE


#: The same seven functions in Lua, by the same names, and the reserves.
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
local function late_refresh_limit(day_budget, cold, t)
  return math.max(1, day_budget - cold) * line(t)
end
local function refresh_limit(day_budget, cold, t)
  return spare(day_budget) + late_refresh_limit(day_budget, cold, t)
end
local function run_refresh_limit(day_budget, t)
  return day_budget * math.min(1 - {COLD_RESERVE!r} * (1 - t), 1 - 1 / {SPARE_DIVISOR})
end
local function run_refresh_time_at(part)
  if part > 1 - 1 / {SPARE_DIVISOR} then return 1 end
  return 1 - (1 - part) / {COLD_RESERVE!r}
end
local reserves = {{{", ".join(f"{spender} = {part!r}" for spender, part in RESERVES.items())}}}
"""
