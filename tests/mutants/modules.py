"""Which tests hold each module, the quick ones first; and the changes that nothing could notice, with the reason."""

TESTS: dict[str, tuple[str, ...]] = {
    "weather/quota.py": ("tests/test_quota.py", "tests/test_budget.py"),
    "weather/freshness.py": ("tests/test_freshness.py",),
    "weather/budget.py": ("tests/test_budget.py",),
    "weather/budget_script.py": ("tests/test_budget.py",),
    "weather/price.py": ("tests/test_price.py", "tests/test_popularity.py"),
    "ratelimit/throttling.py": ("tests/test_throttling.py",),
    "weather/drift.py": ("tests/test_drift.py",),
    "weather/cells.py": ("tests/test_cells.py",),
    "weather/units.py": ("tests/test_units.py",),
    "weather/sun.py": ("tests/test_sun.py",),
    "weather/query.py": ("tests/test_query.py",),
    "weather/popularity.py": ("tests/test_popularity_counts.py", "tests/test_popularity.py"),
    "weather/comparison.py": ("tests/test_verification.py",),
    "weather/forecast.py": ("tests/test_forecast.py", "tests/test_units.py", "tests/test_extra_variables.py"),
    "weather/packing.py": ("tests/test_packing.py",),
    "weather/answers.py": ("tests/test_answers.py",),
    "weather/validation.py": ("tests/test_validation.py", "tests/test_openmeteo.py"),
    "weather/allowance.py": ("tests/test_allowance.py",),
    "ratelimit/identity.py": ("tests/test_identity.py", "tests/test_throttling.py"),
}

#: By module and by a part of the change as it is shown.
EQUIVALENT: dict[str, dict[str, str]] = {
    "weather/freshness.py": {
        "_HIGHEST_PRICE = [": "at half of it even a cell asked for 10,000 times a second has the longest interval",
        "_HALVINGS = [": "one halving more or less is a billionth of a billionth of the price",
    },
    "weather/price.py": {
        '"EX", LIFE_SECONDS))[[0 → -1]]': "one command has one reply, the first and the last",
    },
}


def equivalent(module: str, shown: str) -> str | None:
    """Why no test can notice the change; None where one could."""
    return next((reason for part, reason in EQUIVALENT.get(module, {}).items() if part in shown), None)
