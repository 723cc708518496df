"""The windows of time in which Open-Meteo counts the weight of an address' calls."""

from typing import Literal

#: By the UTC clock.
BudgetWindow = Literal["minute", "hour", "day"]
WINDOW_SECONDS: dict[BudgetWindow, int] = {"minute": 60, "hour": 3600, "day": 86_400}

#: The limit that a 429 names: a window's quota, or the number of concurrent calls.
Window = Literal["minute", "hour", "day", "concurrency"]
#: By how much the clocks of two machines may differ.
CLOCK_SLACK_SECONDS = 3600
