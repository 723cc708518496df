"""The guide for mobile developers: its examples are run as they stand, or held to what the schema promises."""

import html
import re
import subprocess

import pytest

from tests.servers import Instance
from weather.cells import Cell
from weathernote.docs import EXAMPLES, GUIDE


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
        assert ran.stdout.startswith('{"') or ran.stdout == "200\n304\n", line


def test_the_client_in_shell_gets_two_places_and_then_a_304(page, valkey, simulator, tmp_path):
    (script,) = codes(page, "curl-client")
    ran = run(script, tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "200\n304\n"), ran.stderr
    assert (tmp_path / "answer.json").read_text().startswith('{"places":[{"latitude":40.7,"longitude":-74.0,')


def test_the_examples_name_the_address_that_the_reader_came_by(page, instance):
    assert "weather.example" not in page
    assert page.count(instance.base) > len(EXAMPLES)


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


@pytest.mark.parametrize("language", ["dart", "kotlin", "swift"])
def test_no_client_knows_an_id_of_the_device(page, language):
    (code,) = codes(page, f"{language}-client")
    assert not re.search(r"advertisingIdentifier|ANDROID_ID|identifierForVendor|getAdvertisingIdInfo", code)


def test_every_name_that_the_guide_and_the_clients_read_is_in_the_schema(page, instance):
    schemas = instance.get("/api/v1/schema").json()["components"]["schemas"]
    known = {name for schema in schemas.values() for name in schema.get("properties", ())}
    known |= set(schemas["CodeEnum"]["enum"]) | {"client_id"}
    written = " ".join([page, *(GUIDE.joinpath(file).read_text() for file in EXAMPLES.values())])
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
