"""The windows in which Open-Meteo counts what an address spends of its quota."""

from typing import Literal

#: By the UTC clock.
BudgetWindow = Literal["minute", "hour", "day"]
WINDOW_SECONDS: dict[BudgetWindow, int] = {"minute": 60, "hour": 3600, "day": 86_400}

#: The part of the quota that ran out: of a window, or of requests at the same time.
Window = Literal["minute", "hour", "day", "concurrency"]
#: By how much the clocks of two machines may differ.
CLOCK_SLACK_SECONDS = 3600
