"""The guide for mobile developers: its curl examples are run as they stand.

The clients in Dart, Kotlin and Swift are not compiled: they are held to the words that they need, to the schema, and
Dart's rounding, which is written out by hand, by a port of it.
"""

import csv
import html
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.support.limits import LIFTED
from tests.support.servers import Instance, free_port
from tests.support.staged.upstream import StagedUpstream, http
from weather.core.cells import Cell
from weathernote.site import docs
from weathernote.site.docs import EXAMPLES, GUIDE, LIVE_EXAMPLES

with (Path(__file__).parents[2] / "data" / "cells.csv").open(encoding="utf-8") as file:
    #: As doubles: what a phone's position is.
    POSITIONS = [(float(row["lat"]), float(row["lon"])) for row in csv.DictReader(file)]


SPENT = {"code": "budget_exhausted", "status": 503}


@pytest.fixture(scope="module")
def instance(tmp_path_factory, valkey_server, simulator_server) -> Iterator[Instance]:
    """An instance with streams beside it."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(tmp_path_factory.mktemp("docs"), WORKERS=2, LIVE_PORT=free_port(), **servers, **LIFTED) as started:
        yield started


@pytest.fixture(scope="module")
def page(instance: Instance) -> str:
    return instance.get("/api/v1/docs").text


def codes(page: str, name: str) -> list[str]:
    return [html.unescape(code) for code in re.findall(rf'<code class="{name}">(.*?)</code>', page, re.DOTALL)]


def run(script: str, folder) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-ec", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_every_curl_line_of_the_guide_gets_weather(page, valkey, simulator, tmp_path):
    lines = codes(page, "curl")
    assert len(lines) >= 5
    for line in lines:
        ran = run(line, tmp_path)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        assert ran.stdout.startswith('{"') or ran.stdout == "200\n304\n" or '\ndata: {"' in ran.stdout, line


def test_the_client_in_shell_gets_two_places_and_then_a_304(page, valkey, simulator, tmp_path):
    (script,) = codes(page, "curl-client")
    ran = run(script, tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "200\n304\n"), ran.stderr
    assert (tmp_path / "answer.json").read_text().startswith('{"places":[{"latitude":40.7,"longitude":-74.0,')


def test_the_examples_name_the_address_that_the_reader_came_by(page, instance):
    assert "weather.example" not in page
    assert page.count(instance.base) > len(EXAMPLES)
    assert len(re.findall(r"http://127\.0\.0\.1:\d+/api/v1/weather/events", page)) == len(LIVE_EXAMPLES) + 1


@pytest.mark.parametrize("language", ["dart", "kotlin", "swift"])
@pytest.mark.parametrize(
    "needed",
    [
        *("/weather?lat=", "&lon=", "&units=", "x-client-id", "If-None-Match", "etag", "retry-after"),
        *("304", "429", "503", "places", "problem", "temperature_2m", "Up to half as long again"),
    ],
)
def test_each_client_does_what_the_guide_says(page, language, needed):
    (code,) = codes(page, f"{language}-client")
    assert needed.lower() in code.lower()


@pytest.mark.parametrize(
    ("language", "rounding"),
    [
        ("kotlin", "RoundingMode.HALF_UP"),
        ("swift", "NSDecimalRound(&rounded, &exact, 1, .plain)"),
        ("dart", "tenths++"),
    ],
)
def test_each_client_rounds_halves_away_from_zero(page, language, rounding):
    (code,) = codes(page, f"{language}-client")
    assert rounding in code


def ported_tenth(text: str) -> str:
    """The Dart example's `tenth` line by line, from the text that Dart makes of a double without its sign."""
    degrees, text = float(text), text.lstrip("-")
    if "e" in text:
        return "0.0"
    dot = text.find(".")
    if dot < 0:
        return f"-{text}.0" if degrees < 0 else f"{text}.0"
    tenths = int(text[:dot] + text[dot + 1])
    if dot + 2 < len(text) and text[dot + 2] >= "5":
        tenths += 1
    sign = "-" if degrees < 0 and tenths > 0 else ""
    return f"{sign}{tenths // 10}.{tenths % 10}"


PORTED = """
  final text = degrees.abs().toString(); // 40.7128; below a millionth 3.1e-7
  if (text.contains('e')) return '0.0';
  final dot = text.indexOf('.');
  if (dot < 0) return degrees < 0 ? '-$text.0' : '$text.0';
  var tenths = int.parse(text.substring(0, dot) + text[dot + 1]);
  if (dot + 2 < text.length && text.codeUnitAt(dot + 2) >= '5'.codeUnitAt(0)) tenths++;
  final sign = degrees < 0 && tenths > 0 ? '-' : '';
  return '$sign${tenths ~/ 10}.${tenths % 10}';
"""


def the_services_own(lat: float, lon: float) -> list[Decimal]:
    cell = Cell.parse(repr(lat), repr(lon))
    return [Decimal(str(cell.latitude)), Decimal(str(cell.longitude))]


def test_what_was_ported_is_what_the_dart_example_says(page):
    (code,) = codes(page, "dart-client")
    assert PORTED in code


@pytest.mark.parametrize(("lat", "lon"), POSITIONS)
def test_a_port_of_the_dart_rounding_finds_the_cells_of_all_listed_positions(lat, lon):
    """As doubles, which is what a phone has. Dart itself, Kotlin and Swift are not compiled here."""
    # Python, Dart and JavaScript all write a double with the fewest digits, and Python alone has e-5 and e-6 too.
    sent = [ported_tenth(repr(degrees)) for degrees in (lat, lon)]
    back = [Decimal(one) for one in sent]
    assert [back[0], Decimal(-180) if back[1] == 180 else back[1]] == the_services_own(lat, lon)


def test_the_shells_own_rounding_finds_the_cells_of_listed_positions(page, tmp_path):
    """Of every fifth: each starts a Python."""
    (script,) = codes(page, "curl-client")
    tenth = re.search(r"^tenth\(\) \{.*?^\}$", script, re.DOTALL | re.MULTILINE)
    assert tenth
    asked = [repr(degrees) for position in POSITIONS[::5] for degrees in position]
    ran = run("\n".join([tenth[0], *(f"tenth {one}" for one in asked)]), tmp_path)
    rounded = [Decimal(line) for line in ran.stdout.split()]
    expected = [tenths for position in POSITIONS[::5] for tenths in the_services_own(*position)]
    assert len(asked) == len(rounded) > 40
    assert [Decimal(-180) if one == 180 else one for one in rounded] == expected


def test_the_shell_does_not_wait_for_a_new_days_budget(page, tmp_path):
    """Told to come back in three hours, each curl asks once, gives up and keeps what it was told."""
    (script,) = codes(page, "curl-client")
    with StagedUpstream(http(SPENT, status=503, Retry_After="10800")) as upstream:
        ran = run(re.sub(r"http://[0-9.a-z]+:\d+", upstream.url, script), tmp_path)
        # Some versions of curl call this a success, and the second request follows.
        assert 1 <= len(upstream.requests) <= 2 and ran.stdout == "503\n" * len(upstream.requests)
    assert "budget_exhausted" in (tmp_path / "answer.json").read_text()


def test_the_line_that_waits_does_not_wait_for_a_new_days_budget(page, tmp_path):
    (waiting,) = (line for line in codes(page, "curl") if "--retry" in line)
    with StagedUpstream(http(SPENT, status=503, Retry_After="10800")) as upstream:
        ran = run(re.sub(r"http://[0-9.a-z]+:\d+", upstream.url, waiting), tmp_path)
        assert len(upstream.requests) == 1 and "budget_exhausted" in ran.stdout


def test_swift_tells_how_it_is_compiled_and_passes_a_cancellation_on(page):
    """By its words: it is not compiled here."""
    (code,) = codes(page, "swift-client")
    assert "swiftc -parse-as-library" in code and "throw CancellationError()" in code and "try?" not in code


@pytest.mark.parametrize("language", ["dart", "kotlin", "swift"])
def test_no_client_knows_an_id_of_the_device(page, language):
    (code,) = codes(page, f"{language}-client")
    assert not re.search(r"advertisingIdentifier|ANDROID_ID|identifierForVendor|getAdvertisingIdInfo", code)


@pytest.mark.parametrize("language", ["dart", "kotlin", "swift", "javascript"])
@pytest.mark.parametrize(
    "needed",
    [
        *("?lat=", "&lon=", "&units=", "x-client-id", "last-event-id", "retry-after", "400", "404", "200"),
        *("event", "data", "retry", "300", "60", "Full jitter: anywhere in a span that doubles", "temperature_2m"),
    ],
)
def test_each_client_that_listens_does_what_the_guide_says(page, language, needed):
    (code,) = codes(page, f"{language}-live")
    assert needed.lower() in code.lower().replace("300_000", "300000")


def test_swift_reads_the_empty_lines_that_end_events(page):
    """By its words: the usual way to read lines leaves them out."""
    (code,) = codes(page, "swift-live")
    assert "in bytes {" in code and "in bytes.lines" not in code


def test_the_schema_is_made_by_one_thread_at_a_time_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first requests drf-spectacular looks for its extensions, and another thread would find half of them."""
    making = threading.Lock()

    class Generator:
        def get_schema(self, **_: object) -> dict[str, Any]:
            assert making.acquire(blocking=False)
            time.sleep(0.05)
            making.release()
            return {"paths": {}}

    made = mock.Mock(wraps=Generator)
    monkeypatch.setattr(docs, "SchemaGenerator", made)
    docs._generated_text.cache_clear()
    try:
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(lambda _: docs._schema_text(), range(8)))) == 1
    finally:
        docs._generated_text.cache_clear()
    assert made.call_count == 1


def test_every_name_that_the_guide_and_the_clients_read_is_in_the_schema(page, instance):
    schemas = instance.get("/api/v1/schema").json()["components"]["schemas"]
    known = {name for schema in schemas.values() for name in schema.get("properties", ())}
    known |= set(schemas["CodeEnum"]["enum"]) | {"client_id"}
    written = " ".join(
        [page, *(GUIDE.joinpath(file).read_text() for file in (*EXAMPLES.values(), *LIVE_EXAMPLES.values()))]
    )
    words = re.sub(r"<style>.*?</style>|<script.*?</script>", "", written, flags=re.DOTALL)
    read = set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", words))
    assert read - known <= {"http_code", "drf_spectacular_sidecar"}  # curl's own, and a path


def test_what_the_guide_says_of_codes_is_true(page, instance):
    codes_told = set(re.findall(r"<code>([a-z_]+)</code>", page.split("<table>")[1].split("</table>")[0]))
    schemas = instance.get("/api/v1/schema").json()["components"]["schemas"]
    assert codes_told - {"code", "errors", "request_id"} <= set(schemas["CodeEnum"]["enum"])


def test_the_halves_that_the_guide_names_are_the_services_own(page):
    assert "40.25 is 40.3 and −40.25 is −40.3" in page
    assert Cell.parse("40.25", "-40.25").key == "lat:40.3:lon:-40.3"


def test_the_reference_stands_below_the_guide(page):
    assert page.index('id="guide"') < page.index('id="clients"') < page.index('id="swagger-ui"')
