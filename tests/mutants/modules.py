"""Which tests hold each module, the quick ones first; and the changes that nothing could notice, with the reason."""

# Left out are those that take seconds each: several processes at once, a whole day minute by minute.
BUDGET = ("tests/weather/budget/test_budget.py", "-k", "not processes and not simulated_day and not planned_so")

TESTS: dict[str, tuple[str, ...]] = {
    "weather/budget/failures.py": ("tests/weather/budget/test_quota.py", *BUDGET),
    "weather/budget/quota.py": ("tests/weather/budget/test_quota.py", *BUDGET),
    "weather/budget/day_line.py": ("tests/weather/budget/test_day_line.py",),
    "weather/budget/payment.py": ("tests/weather/budget/test_payment.py",),
    "weather/core/freshness/decision.py": ("tests/weather/core/freshness/test_decision.py",),
    "weather/core/freshness/refresh_interval.py": ("tests/weather/core/freshness/test_refresh_interval.py",),
    "weather/budget/budget.py": BUDGET,
    "weather/budget/scripts.py": BUDGET,
    "weather/budget/price.py": ("tests/weather/budget/test_price.py", "tests/weather/budget/test_popularity.py"),
    "ratelimit/throttling.py": ("tests/ratelimit/test_throttling.py", "-k", "not processes and not forwarded"),
    "weather/core/freshness/drift.py": ("tests/weather/core/freshness/test_drift.py",),
    "weather/core/cells.py": ("tests/weather/core/test_cells.py",),
    "weather/core/units.py": ("tests/weather/core/test_units.py",),
    "weather/core/runs/areas.py": ("tests/weather/core/runs/test_areas.py",),
    "weather/core/runs/regions.py": (
        "tests/weather/core/runs/test_regions.py",
        "tests/weather/core/runs/test_areas.py",
    ),
    "weather/core/runs/run_times.py": ("tests/weather/core/runs/test_run_times.py",),
    "weather/core/runs/polling.py": ("tests/weather/core/runs/test_polling.py",),
    "weather/core/sun.py": ("tests/weather/core/test_sun.py",),
    "weather/api/query.py": ("tests/weather/api/test_query.py",),
    "weathernote/http/parameters.py": ("tests/weather/api/test_query.py",),
    "weather/places/nearest.py": ("tests/weather/places/test_nearest.py",),
    "weather/budget/popularity.py": (
        "tests/weather/budget/test_popularity_counts.py",
        "tests/weather/budget/test_popularity.py",
    ),
    "weather/upstream/comparison.py": (
        "tests/weather/upstream/test_comparison.py",
        "tests/weather/upstream/test_verification.py",
    ),
    "weather/upstream/answer_json.py": ("tests/weather/upstream/test_answer_json.py",),
    "weather/core/forecast.py": (
        "tests/weather/core/test_forecast.py",
        "tests/weather/core/test_units.py",
        "tests/weather/core/test_extra_variables.py",
    ),
    "weather/core/datasets/declaration.py": (
        "tests/weather/core/test_datasets.py",
        "tests/weather/core/test_answers.py",
    ),
    "weather/core/datasets/air_quality.py": (
        "tests/weather/core/test_air_quality.py",
        "tests/weather/upstream/test_air_horizon.py",
    ),
    "weather/core/series.py": (
        "tests/weather/core/test_air_quality.py",
        "tests/weather/core/test_forecast.py",
        "tests/weather/core/test_units.py",
        "tests/weather/core/test_extra_variables.py",
    ),
    "weather/core/records/row_steps.py": (
        "tests/weather/core/records/test_row_steps.py",
        "tests/weather/core/records/test_packing.py",
    ),
    "weather/core/records/packing.py": (
        "tests/weather/core/records/test_packing.py",
        "tests/weather/core/test_datasets.py",
    ),
    "weather/core/answers.py": ("tests/weather/core/test_answers.py",),
    "weather/core/answer_shape.py": (
        "tests/weather/core/test_answer_shape.py",
        "tests/weather/core/test_answers.py",
        "tests/faults/test_wrong_records.py",
    ),
    "weather/core/zones.py": (
        "tests/weather/core/test_zones.py",
        "tests/weather/upstream/test_validation.py",
        "tests/weather/core/test_forecast.py",
        "tests/faults/test_wrong_records.py",
    ),
    "weather/upstream/validation.py": ("tests/weather/upstream/test_validation.py",),
    "weather/budget/allowance.py": (
        "tests/weather/budget/test_allowance_counts.py",
        "tests/weather/budget/test_allowance.py",
    ),
    "ratelimit/identity.py": ("tests/ratelimit/test_identity.py", "tests/ratelimit/test_throttling.py"),
}

#: By module and by a part of the change as it is shown.
EQUIVALENT: dict[str, dict[str, str]] = {
    "weather/budget/quota.py": {
        "int(now [// → /] seconds)": "cut to a whole number all the same",
    },
    "weather/core/freshness/refresh_interval.py": {
        "_HIGHEST_PRICE = [": "at half of it even a cell asked for 10,000 times a second has the longest interval",
        "_HALVINGS = [": "one halving more or less is a billionth of a billionth of the price",
    },
    "weather/budget/allowance.py": {
        "time[1] * 1000 + [math.floor → math.ceil]": "a millisecond, where windows are told apart by a second",
        "math.floor(time[2] / [1000 →": "a millisecond, where windows are told apart by a second",
        "math.abs(ends - ARGV[2]) > [1000 →": "a millisecond, where windows are told apart by a second",
        "math.abs(ends - ARGV[2]) [> → >=]": "a millisecond, where windows are told apart by a second",
        "'spent:' .. length) or [0 → -1])": "of less than nothing nothing is given back",
        "return {[1 → 2], starts": "whether it was taken is asked, and not how often",
        "if back [> → >=] 0 and": "giving back none changes nothing",
        "if back > [0 → -1] and": "giving back none changes nothing",
        "return [0 → ": "nobody reads what giving back replies",
        "return [1 → ": "nobody reads what giving back replies",
    },
    "weather/budget/budget.py": {
        "self._exchange(0, [0 →": "no weight is granted to who asks for none, whatever the least is",
        "length = [0 → -1] if window": "a window of less than nothing has ended",
        "if length else [0 →": "a second about the beginning of 1970 is over",
    },
    "weather/budget/failures.py": {
        "self.paused_until = 0, [0.0 →": "a second about the beginning of 1970 is over",
        "paused_until: float = [0.0 →": "a second about the beginning of 1970 is over",
    },
    "weather/budget/scripts.py": {
        "held['closed:until'] or [0 →": "a second about the beginning of 1970 is over",
        "held[row[3]] or [0 →": "a second about the beginning of 1970 is over",
        "held.refreshed or [0 → -1]": "the larger of it and of what is not less than nothing",
        "if left [< → <=] room then": "what is equal is set to what it is",
        "then granted = math.max([0 → -1], room)": "what is room enough for the least is never less than nothing",
        "LIFE_SECONDS = 2 * [86_400 → 86399]": "any life longer than a day will do",
    },
    "weather/core/records/packing.py": {
        "_MOST_BYTES = [": "five times what any record takes, a byte more or less",
        "_LONGEST_HEADER = [": "ten times what any header takes, a byte more or less",
        "_LEVEL = [": "only the size and the time follow from it",
    },
    "weather/core/answers.py": {
        "_LONGEST_TAIL = [": "a byte more or less than what is longer than any tail",
        "_TAIL.search(text, [max → min](0,": "the same is found, by reading all of the text",
        "_TAIL.search(text, max([0 →": "no answer is so short",
        "_FETCHED, [1 → 2])": "the text has it once",
        "extras), [0 → ": "what the text ends with does not begin in its first byte",
        "int(now [// → /] 900)": "cut to a whole number all the same",
    },
    "weather/core/forecast.py": {
        "if hypot(east, north)": "winds of tenths of a km/h cancel out to far less, or leave far more",
    },
    "weather/budget/popularity.py": {
        "if half_lives [> → <=] 500": "divided every time, the counts are worth the same",
        "if half_lives > [500 →": "one half-life sooner or later, the counts are worth the same",
        "if surplus > [0 → -1]": "of no surplus nothing is taken away",
        'self.key, 0, [0 → 1], "WITHSCORES"': "only the first of what is read is used",
        "max([1.0 → 2.0], float(best[1])": "one more octave in which nothing lies",
        "_MOST_PENDING = [": "one request more or less of 200,000",
        "_PAIRS_AT_ONCE = [": "how many are sent at once changes no count",
    },
    "weather/upstream/comparison.py": {
        "tolerance + [1e-6 →": "far more than the rounding of floats, far less than a decimal",
    },
    "weather/upstream/validation.py": {
        "latitude, longitude) [<= → <] FARTHEST_KM": "no distance is 120 km to the last digit",
    },
    "weather/places/nearest.py": {
        "LEVELS = (": "the same is named, in another time",
        "_MARGIN_KM = [": "a millimetre more or less",
        "_NORTHERNMOST = -900, [900": "one more row without a place",
        "distance_km [<= → <] FARTHEST_KM": "no distance is 60 km to the last digit",
        "longitude > [0 → -1] else": "a circle about no pole is at most half a turn wide",
        "[math.floor → math.ceil](latitude * 10)": "rows that begin elsewhere hold the same",
        "+ radius [>= → >] 90": "at 90 the circle touches the pole and is half a turn wide",
        "return [360.0 → 720.0]": "from half a turn on it is the whole row",
    },
    "weathernote/http/parameters.py": {
        "values[[0 → -1]]": "of one value, the first and the last",
    },
    "ratelimit/throttling.py": {
        "math.floor(time[2] / [1000 →": "a millisecond more or less",
        "[math.floor → math.ceil](time[2] / 1000)": "a millisecond more or less",
        "if left [< → <=] 0 then": "the last millisecond of a window",
        "/ each + [0.001 → 0.002]": "a token comes after more than a millisecond",
    },
}


def equivalent(module: str, shown: str) -> str | None:
    """Why no test can notice the change; None where one could."""
    return next((reason for part, reason in EQUIVALENT.get(module, {}).items() if part in shown), None)
