"""Django's system checks: settings that make no sense, and a deploy without its secrets."""

import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register

from weathernote import setting_problems


@register()
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for each setting that makes no sense."""
    return [Error(problem, id="weathernote.E001") for problem in setting_problems.problems()]


@register()
def report_cost_of_extra_variables(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.I001, in `manage.py check` alone: how many refreshes EXTRA_VARIABLES leave in the budget."""
    # Every command runs the checks, and cron would mail the message every ten minutes.
    if sys.argv[1:2] != ["check"] or not settings.EXTRA_VARIABLES or setting_problems.of_extra_variables():
        return []
    return [Info(cost_of(settings.EXTRA_VARIABLES, settings.UPSTREAM_DAY_BUDGET), id="weathernote.I001")]


def cost_of(names: Sequence[str], day_budget: int) -> str:
    """A sentence: the weight of a cell with these extra variables, and the refreshes that a day's budget buys."""
    from weather.core.datasets import WEATHER  # most starts never ask

    dataset = WEATHER.with_extras(names)
    weight = dataset.weight_of_a_cell
    return (
        f"EXTRA_VARIABLES ({', '.join(variable.name for variable in dataset.extras)}): a place weighs {weight:g} of "
        f"Open-Meteo's quota instead of 1, so a day's budget of {day_budget:,} "
        f"buys {int(day_budget / weight):,} refreshes."
    )


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E002 and E003 in `check --deploy`: settings that real clients need and the environment lacks."""
    needed = {
        "SECRET_KEY": settings.SECRET_KEY_IS_GIVEN,
        "REDIS_URL": settings.REDIS_URL_IS_GIVEN,
        "RATE_LIMIT_HASH_KEY": bool(settings.RATE_LIMIT_HASH_KEY),
    }
    problems: list[CheckMessage] = [
        Error(f"{name} must be set where real clients are served.", id="weathernote.E002")
        for name, given in needed.items()
        if not given
    ]
    if not settings.HOSTS_ARE_REAL or "*" in settings.ALLOWED_HOSTS:
        problems.append(Error("ALLOWED_HOSTS must name the hosts that clients use.", id="weathernote.E003"))
    return problems
