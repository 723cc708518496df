"""`manage.py verify_upstream`: checks against the live Open-Meteo, for operators and before a release."""

import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weather.api.service import service
from weather.budget.quota import Denied
from weather.upstream.client import OpenMeteo, UpstreamError
from weather.upstream.verification import Spending, verify
from weather.upstream.weather_plan import MOST_EXTRAS, WEATHER_PLAN


class Command(BaseCommand):
    """Prints a line for each comparison; exits with 1 where one differs."""

    help = "Compares Open-Meteo's own values at two locations with this service's, for 9.4 of its weight."

    def handle(self, *args: Any, **options: Any) -> None:
        """Charges the shared budget first; raises CommandError where the budget or Open-Meteo refuses."""
        plan = WEATHER_PLAN
        extras = plan.dataset.with_extras(settings.EXTRA_VARIABLES).extras[:MOST_EXTRAS]
        # The live one, even while a demo runs in the same folder.
        upstream = OpenMeteo(
            settings.LIVE_OPEN_METEO_URL,
            plan.dataset.with_extras([variable.name for variable in extras]),
            api_key=settings.OPEN_METEO_API_KEY,
            timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        )
        refused = service().budget.charge(plan.most_weight, "cold")
        if isinstance(refused, Denied):
            raise CommandError(f"Open-Meteo must not be asked for {refused.retry_after_seconds} s ({refused.reason}).")
        spending = Spending(plan.most_weight)
        try:
            results = verify(upstream, plan, spending)
        except UpstreamError as error:
            raise CommandError(f"Open-Meteo gave nothing to compare: {error}.") from None
        for result in results:
            self.stdout.write(str(result))
        spent = (
            f"{spending.spent:.1f} of Open-Meteo's weight in {spending.calls} calls to {urlsplit(upstream.url).netloc}"
        )
        self.stdout.write(f"spent: {spent}; {plan.most_weight:g} are charged to the shared budget")
        if any(result.verdict == "DIFFERS" for result in results):
            sys.exit(1)
