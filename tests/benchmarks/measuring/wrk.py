"""wrk, the load generator: as many requests as the connections carry, replayed from a file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MIX = Path(__file__).with_name("mix.lua")
#: Threads of the generator, which has to share the two cores with what it measures.
THREADS = 2
CONNECTIONS = 64


class Run(NamedTuple):
    """What came of it. `unwanted` are answers of 400 and more, `failed` those that never came."""

    requests: int
    seconds: float
    bytes: int
    unwanted: int
    failed: int
    p50_ms: float
    p99_ms: float

    @property
    def a_second(self) -> float:
        return self.requests / self.seconds


def require() -> None:
    """Ends the program where there is no wrk."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not here: `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk` (macOS) gets it.")


def run(
    base: str, requests: Path, seconds: float, *, begin: float = 0.0, connections: int = CONNECTIONS, pause_ms: int = 0
) -> Run:
    """Replays `requests` from the part `begin` (0 to 1) of the file on, for about `seconds`.

    Each connection pauses for `pause_ms` in the mean before each request.
    """
    told = subprocess.run(
        ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "10s", "-s", str(MIX), base],
        env={
            **os.environ,
            "WRK_REQUESTS": str(requests),
            "WRK_THREADS": str(THREADS),
            "WRK_BEGIN": str(begin % 1),
            "WRK_PAUSE_MS": str(pause_ms),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise RuntimeError(f"wrk failed: {told.stdout}{told.stderr}")
    return Run(**json.loads(told.stdout.strip().splitlines()[-1]))
