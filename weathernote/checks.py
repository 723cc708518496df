"""System checks: one clear sentence for each setting that makes no sense, and for a deploy without its secrets."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register()
def settings_that_make_no_sense(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="weathernote.E001") for problem in settings.ENVIRONMENT.problems]


@register(Tags.security, deploy=True)
def what_a_deploy_must_name(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
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
