"""`manage.py verify_upstream`: checks against the live Open-Meteo, for operators and before a release."""

import sys
from argparse import ArgumentParser
from time import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from weather.api.service import service, service_of
from weather.budget.quota import Denied
from weather.upstream.air_quality_plan import AIR_QUALITY_PLAN
from weather.upstream.client import OpenMeteo, UpstreamError
from weather.upstream.plan import Plan
from weather.upstream.run_times_client import RunTimesClient
from weather.upstream.runs_verification import verify_runs
from weather.upstream.verification import CheckResult, Spending, verify
from weather.upstream.weather_plan import MOST_EXTRAS, WEATHER_PLAN

#: By the dataset's name.
PLANS = {plan.dataset.name: plan for plan in (WEATHER_PLAN, AIR_QUALITY_PLAN)}


class Command(BaseCommand):
    """Prints a line for each comparison; exits with 1 where one differs."""

    help = (
        "Compares what Open-Meteo says of two locations with what this service takes for granted: "
        "of weather for 9.4 of its weight, of air quality for 3.0. Of weather also the models' run times, and whether "
        "answers changed with them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds the dataset: weather, unless another is named."""
        parser.add_argument("dataset", nargs="?", choices=PLANS, default=WEATHER_PLAN.dataset.name)

    def handle(self, *args: Any, **options: Any) -> None:
        """Charges the shared budget first; raises CommandError where the budget or Open-Meteo refuses."""
        plan = PLANS[options["dataset"]]
        upstream = _upstream(plan)
        refused = service().budget.charge(plan.most_weight, "cold", dataset=plan.dataset.name)
        if isinstance(refused, Denied):
            raise CommandError(f"Open-Meteo must not be asked for {refused.retry_after_seconds} s ({refused.reason}).")
        spending = Spending(plan.most_weight)
        try:
            results = verify(upstream, plan, spending)
        except UpstreamError as error:
            raise CommandError(f"Open-Meteo gave nothing to compare: {error}.") from None
        results += _run_results(plan)
        for result in results:
            self.stdout.write(str(result))
        spent = (
            f"{spending.spent:.1f} of Open-Meteo's weight in {spending.calls} calls to {urlsplit(upstream.url).netloc}"
        )
        self.stdout.write(f"spent: {spent}; {plan.most_weight} are charged to the shared budget")
        if any(result.verdict == "DIFFERS" for result in results):
            sys.exit(1)


def _run_results(plan: Plan) -> list[CheckResult]:
    """What there is to say of the dataset's model runs; the evidence only where it is of the live Open-Meteo."""
    runs = service_of(plan.dataset).runs
    if runs is None:
        return []
    known = runs.known
    if settings.SOURCE == "open-meteo":
        known.evidence.read()
    client = RunTimesClient(settings.LIVE_OPEN_METEO_RUNS_URL, timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS)
    return verify_runs(client, known.areas, known.evidence.tiles, time())


def _upstream(plan: Plan) -> OpenMeteo:
    extras = plan.dataset.with_extras(settings.EXTRA_VARIABLES).extras[:MOST_EXTRAS]
    return OpenMeteo(
        # The live one, even while a demo runs in the same folder.
        getattr(settings, f"LIVE_{plan.dataset.url_setting}"),
        plan.dataset.with_extras([variable.name for variable in extras]),
        api_key=settings.OPEN_METEO_API_KEY,
        # Its own call in FlatBuffers, the others in JSON, so that both are compared.
        answer_format="flatbuffers",
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
    )
