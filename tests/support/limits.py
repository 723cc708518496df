"""Limits that no test reaches, for tests of anything but the limits."""

UNLIMITED = 1_000_000
#: By the names of the settings.
LIFTED = dict.fromkeys(
    [
        "RATE_LIMIT_REQUESTS",
        "COLD_CELLS_PER_CLIENT_PER_HOUR",
        "UPSTREAM_MINUTE_BUDGET",
        "UPSTREAM_HOUR_BUDGET",
        "UPSTREAM_DAY_BUDGET",
    ],
    UNLIMITED,
) | {"COLD_SHARE_PER_ADDRESS": 1}
