"""`manage.py verify_upstream`: a live look at Open-Meteo, for operators and before a release."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weather.openmeteo import OpenMeteo, UpstreamError
from weather.verification import Purse, verify


class Command(BaseCommand):
    help = "Compares what Open-Meteo says about two places with what this service makes of it, for 8.4 of its weight."

    def handle(self, *args: Any, **options: Any) -> None:
        upstream = OpenMeteo(
            settings.OPEN_METEO_URL,
            api_key=settings.OPEN_METEO_API_KEY,
            timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
            source=settings.SOURCE,
        )
        purse = Purse()
        try:
            findings = verify(upstream, purse)
        except UpstreamError as error:
            raise CommandError(f"Open-Meteo gave nothing to compare: {error}.") from None
        for finding in findings:
            self.stdout.write(str(finding))
        # The shared budget does not know of it yet: other processes go on as if this had not been spent.
        spent = f"{purse.spent:.1f} of Open-Meteo's weight in {purse.calls} calls"
        self.stdout.write(f"spent: {spent}, not charged to the shared budget")
        if any(finding.verdict == "DIFFERS" for finding in findings):
            sys.exit(1)
