"""What `verify_upstream` says of model runs: run times by a simulator, evidence as refreshes leave it."""

from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

import pytest
import redis as redis_py
from django.core.management import call_command

from tests.support.clocks import SetClock
from weather.core.datasets import WEATHER
from weather.core.runs.evidence import Counts, TileEvidence
from weather.runs.evidence import KEY, Tile
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.run_times_client import RunTimesClient
from weather.upstream.runs_verification import verify_runs
from weather.upstream.verification import CheckResult

#: Noon; the simulated models have runs every full interval, and dwd_icon_d2's takes two hours.
NOON = 1_795_564_800 + 12 * 3600
HOUR = 3600
MODEL = "dwd_icon_d2"
AGREES = TileEvidence(run=NOON, past=Counts(run_changed=8, unchanged=3))
CONTRADICTED = TileEvidence(run=NOON, past=Counts(2, 6, 0, 0), is_contradicted=True)

Checked = Callable[..., dict[str, CheckResult]]


@pytest.fixture(scope="module")
def server() -> Iterator[OpenMeteoSimulator]:
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, model_runs=True, clock=SetClock(NOON)) as running:
        yield running


@pytest.fixture
def upstream(server: OpenMeteoSimulator) -> OpenMeteoSimulator:
    server.reset()
    server.settings(run_lateness_seconds=0)
    return server


@pytest.fixture
def run_checks(upstream: OpenMeteoSimulator) -> Checked:
    """The results about run times, and those about evidence, of MODEL."""

    def run(evidence: Mapping[Tile, TileEvidence] | None = None, at: float = NOON) -> dict[str, CheckResult]:
        assert WEATHER.areas is not None
        client = RunTimesClient(f"{upstream.url}/data", now=lambda: at)
        results = verify_runs(client, WEATHER.areas, evidence or {}, at)
        assert len(results) == 2 * len(WEATHER.areas.models)
        return {result.text.partition(":")[0]: result for result in results if result.location == MODEL}

    return run


# Run times


def test_run_times_as_they_should_be_are_told(run_checks: Checked) -> None:
    result = run_checks()["run times"]
    assert result.verdict == "ok"
    assert result.text == "run times: the run of 2026-11-25T09:00Z came at 2026-11-25T11:00Z, one every 3 h"


def test_runs_that_stand_still_differ(run_checks: Checked, upstream: OpenMeteoSimulator) -> None:
    upstream.settings(run_times_until=NOON - 8 * HOUR)
    result = run_checks()["run times"]
    assert result.verdict == "DIFFERS"
    assert result.text.endswith("and the next one has been overdue since 2026-11-25T06:30Z")


def test_a_run_of_the_future_differs(run_checks: Checked) -> None:
    result = run_checks(at=NOON - 5 * HOUR)["run times"]
    assert (result.verdict, result.text) == ("DIFFERS", "run times: its run times lie in the future")


def test_another_interval_than_the_tables_differs(run_checks: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    assert WEATHER.areas is not None
    model = WEATHER.areas.models[MODEL]
    changed = type(model)(model.name, 6 * HOUR)
    monkeypatch.setattr(WEATHER.areas, "models", {**WEATHER.areas.models, MODEL: changed})
    result = run_checks()["run times"]
    assert (result.verdict, result.text) == ("DIFFERS", "run times: a run every 3 h, not every 6")


def test_a_model_that_is_not_known_differs_and_the_others_are_asked_about(
    run_checks: Checked, upstream: OpenMeteoSimulator
) -> None:
    upstream.fault("status", status=404, path="/data", times=1)
    assert run_checks()["run times"].verdict == "ok"
    assert sum(upstream.state()["run_times"].values()) == len(WEATHER.areas.models if WEATHER.areas else ())


def test_where_nobody_tells_run_times_that_is_said_once(run_checks: Checked, upstream: OpenMeteoSimulator) -> None:
    upstream.fault("status", status=503, path="/data")
    assert run_checks()["run times"].verdict == "skipped"
    assert sum(upstream.state()["run_times"].values()) == 1


# Evidence


def test_without_evidence_nothing_is_said_of_the_areas(run_checks: Checked) -> None:
    faded = TileEvidence(run=NOON - 30 * 86_400, past=Counts(run_changed=8))
    assert (
        run_checks()["evidence"].verdict == run_checks({Tile(MODEL, "50:10"): faded})["evidence"].verdict == "skipped"
    )


def test_evidence_that_agrees_is_added_up_over_the_models_tiles(run_checks: Checked) -> None:
    evidence = {
        Tile(MODEL, "50:10"): AGREES,
        Tile(MODEL, "45:5"): TileEvidence(run=NOON, past=Counts(run_changed=7, run_unchanged=1)),
        Tile("ecmwf_ifs", "0:0"): CONTRADICTED,
    }
    result = run_checks(evidence)["evidence"]
    assert result.verdict == "ok"
    assert result.text == "evidence: changes came with 94% of runs and 0% of probes between them, in 2 tiles"


def test_a_contradicted_tile_differs_and_is_named(run_checks: Checked) -> None:
    result = run_checks({Tile(MODEL, "50:10"): AGREES, Tile(MODEL, "45:5"): CONTRADICTED})["evidence"]
    assert result.verdict == "DIFFERS"
    assert result.text == "evidence: 1 of 2 tiles contradicted, such as 45:5: changes came with 25% of runs"


# The command


@pytest.mark.parametrize(("source", "code"), [("open-meteo", 1), ("simulator", 0)])
def test_the_command_reads_the_fleets_evidence_unless_it_is_a_demos(
    api: Any, simulator: OpenMeteoSimulator, valkey: redis_py.Redis, settings: Any, source: str, code: int
) -> None:
    settings.LIVE_OPEN_METEO_URL, settings.SOURCE = simulator.url, source
    settings.LIVE_OPEN_METEO_RUNS_URL = f"{simulator.url}/data"
    simulator.settings(model_runs=True, run_lateness_seconds=0)
    now = int(valkey.time()[0])
    valkey.hset(KEY, f"{MODEL}:45:5", TileEvidence(run=now, past=CONTRADICTED.past, is_contradicted=True).text)
    told, left = StringIO(), 0
    try:
        call_command("verify_upstream", stdout=told)
    except SystemExit as leaving:
        left = int(str(leaving.code))
    assert left == code
    assert ("such as 45:5" in told.getvalue()) is bool(code)
