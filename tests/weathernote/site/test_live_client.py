"""The client in JavaScript that listens to a stream: node runs it as it stands, before a service that misbehaves."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Process, eventually
from tests.support.staged.streams import StagedStreams, event
from weathernote.site.docs import GUIDE, PLACEHOLDER

NODE = shutil.which("node")
WEATHER = {"current": {"temperature_2m": 3.2}, "units": {"temperature_2m": "°C"}, "stale": False}

pytestmark = pytest.mark.skipif(NODE is None, reason="no node on the PATH")


@pytest.fixture
def streams() -> Iterator[StagedStreams]:
    with StagedStreams() as staged:
        yield staged


def script(streams: StagedStreams) -> str:
    return (GUIDE / "live.mjs").read_text().replace(PLACEHOLDER, streams.url)


@pytest.fixture
def listening(streams, tmp_path) -> Iterator[Process]:
    assert NODE
    file = tmp_path / "live.mjs"
    file.write_text(script(streams))
    process = Process([NODE, str(file), "40.7", "-74.0"], tmp_path / "said", dict(os.environ))
    eventually(lambda: streams.open)
    yield process
    process.kill()


def test_it_shows_what_comes_and_names_itself(streams, listening):
    streams.push(event(WEATHER))
    eventually(lambda: listening.said() == "3.2 °C\n")
    ((path, headers),) = streams.opened
    assert path == "/api/v1/weather/events?lat=40.7&lon=-74.0&units=metric"
    assert len(headers["x-client-id"]) == 36 and "last-event-id" not in headers


def test_an_event_in_pieces_is_put_together(streams, listening):
    whole = event(WEATHER)
    middle = whole.index("°".encode()) + 1  # within a character
    for piece in (whole[:3], whole[3:middle], whole[middle:]):
        streams.push(piece)
    eventually(lambda: listening.said() == "3.2 °C\n")


def test_it_comes_back_with_the_last_id(streams, listening):
    streams.push(event(WEATHER, 'W/"7"', retry_ms=20))
    eventually(lambda: listening.said())
    streams.cut()
    eventually(lambda: len(streams.opened) == 2)
    assert streams.opened[1][1]["last-event-id"] == 'W/"7"'


def test_a_refusal_is_waited_for_and_a_mistake_is_not_repeated(streams, listening):
    streams.refusals = [(429, 1), (400, 0)]
    streams.push(event(WEATHER, retry_ms=20))
    streams.cut()
    assert listening.popen.wait(30) == 1  # after a second, and with what the service said of the mistake
    assert len(streams.opened) == 3 and "Error" in listening.said()


def test_it_ends_when_it_is_told_to(streams, listening):
    listening.signal(signal.SIGINT)
    assert listening.popen.wait(30) == 0
    eventually(lambda: streams.open == 0)


def test_its_waits_double_up_to_five_minutes(tmp_path: Path):
    """With a clock that does not wait: where chance says a half, in the middle of each span."""
    assert NODE
    file = tmp_path / "live.mjs"
    file.write_text((GUIDE / "live.mjs").read_text())
    run = f"""
        const {{ listen }} = await import({json.dumps(file.as_uri())});
        const leaving = new AbortController(), waits = [], wait = setTimeout;
        Math.random = () => 0.5;
        globalThis.fetch = async () => {{ throw new TypeError("no network"); }};
        globalThis.setTimeout = (call, ms) => {{
            if (ms === 60_000) return wait(call, ms); // for silence
            waits.push(ms);
            if (waits.length === 9) leaving.abort();
            return wait(call, 0);
        }};
        await listen({{ lat: "0.0", lon: "0.0", clientId: "x", show() {{}}, signal: leaving.signal }});
        console.log(JSON.stringify(waits));
    """
    ran = subprocess.run(
        [NODE, "--input-type=module", "-e", run], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(ran.stdout) == [2000, 4000, 8000, 16000, 32000, 64000, 128000, 150000, 150000]
