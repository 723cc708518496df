"""How many of our functions, modules, threads and Redis exchanges a cached answer passes, and a cold one.

    python -m tests.benchmarks.path_of_a_request [--functions]

In this process, before a real Redis and a simulated Open-Meteo in a process of its own. Lambdas, comprehensions and
what dataclasses generate are not counted. The rooms of a request's decisions (weather.api and weather.fetching) are
shown by themselves: the others are the ground below them, and pure functions that they call.
"""

import argparse
import io
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.benchmarks.measuring import records
from tests.support.servers import Process, Valkey, eventually, free_port, listeners

PACKAGES = frozenset({"weathernote", "weather", "ratelimit", "prewarm"})
DECIDING = ("weather.api", "weather.fetching")
_QUIET_SECONDS = 0.5


@dataclass(slots=True)
class Passed:
    """What one request passed."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    threads: set[str] = field(default_factory=set)
    exchanges: int = 0

    @property
    def modules(self) -> set[str]:
        return {module for module, _ in self.functions}

    def within(self, *packages: str) -> "Passed":
        """The functions of some packages alone."""
        return Passed({one for one in self.functions if one[0].startswith(packages)}, self.threads, self.exchanges)

    def note(self, frame: FrameType) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        if module.partition(".")[0] not in PACKAGES:
            return
        self.threads.add(threading.current_thread().name)
        if not frame.f_code.co_name.startswith("<") and not name.startswith("__create_fn__"):
            self.functions.add((module, name))
        if (module, frame.f_code.co_name) == ("weathernote.redis.servers.node", "exchange"):
            self.exchanges += 1


_recorded: Passed | None = None


def _profile(frame: FrameType, event: str, argument: Any) -> None:
    if event == "call" and _recorded is not None:
        _recorded.note(frame)


@contextmanager
def recorded() -> Iterator[Passed]:
    """What is passed in the block, and behind it until all is quiet."""
    global _recorded
    _recorded = passed = Passed()
    sys.setprofile(_profile)
    try:
        yield passed
        sys.setprofile(None)
        time.sleep(_QUIET_SECONDS)  # what a thread still does behind the answer belongs to the request
    finally:
        sys.setprofile(None)
        _recorded = None


def measure(folder: Path) -> dict[str, Passed]:
    """A cached /weather and one of a cell that nobody asked for yet; each after one of its kind that is not counted."""
    valkey = Valkey(folder / "valkey")
    port = free_port()
    simulator = Process(
        [sys.executable, "-m", "weather.simulator.server", "--port", str(port)], folder / "simulator.log"
    )
    threading.setprofile(_profile)
    try:
        records.set_up(valkey)
        from django.conf import settings

        settings.OPEN_METEO_URL = f"http://127.0.0.1:{port}"
        eventually(lambda: listeners(port))
        get = _getter()
        for _ in range(2):
            get("lat=10&lon=10")
        with recorded() as cold:
            assert b'"cached":false' in get("lat=40.7128&lon=-74.0060")
        with recorded() as hit:
            assert b'"cached":true' in get("lat=40.7128&lon=-74.0060")
        return {"cached": hit, "cold": cold}
    finally:
        threading.setprofile(None)
        simulator.stop()
        valkey.stop()


def _getter() -> Callable[[str], bytes]:
    from weathernote.http.handler import Handler

    handler = Handler()

    def get(query: str) -> bytes:
        environ = {"PATH_INFO": "/api/v1/weather", "QUERY_STRING": query, "REQUEST_METHOD": "GET"}
        environ |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1"}
        return b"".join(handler({**environ, "wsgi.input": io.BytesIO()}, lambda status, headers: None))

    return get


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", action="store_true", help="name each of them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    print(f"{'':10}{'functions':>12}{'modules':>10}{'deciding':>12}{'modules':>10}{'threads':>10}{'exchanges':>12}")
    for name, passed in measured.items():
        deciding = passed.within(*DECIDING)
        print(
            f"{name:10}{len(passed.functions):12}{len(passed.modules):10}{len(deciding.functions):12}"
            f"{len(deciding.modules):10}{len(passed.threads):10}{passed.exchanges:12}"
        )
    if options.functions:
        for name, passed in measured.items():
            print(f"\n{name}, in {', '.join(sorted(passed.threads))}")
            for module in sorted(passed.modules):
                print(f"  {module}: {', '.join(sorted(name for at, name in passed.functions if at == module))}")


if __name__ == "__main__":
    main()
