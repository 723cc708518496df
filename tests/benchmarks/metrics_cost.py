"""What metrics and the log cost a cached request: two instances in turn, one with both and one with neither.

    python -m tests.benchmarks.metrics_cost [--rounds 6] [--seconds 4]

Needs wrk. CPU time of the worker for each request, so that what else the machine does matters little.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from tests.support.processes.tree import environment
from tests.support.servers import TOP, Process, Valkey, eventually, free_port
from weather.simulator.server import OpenMeteoSimulator

LIFTED = {"RATE_LIMIT_REQUESTS": 1_000_000}
PATH = "/api/v1/weather?lat=40.7128&lon=-74.0060"
WITHOUT = """
from weathernote.telemetry import request_events, usage
request_events.count = usage.measure = lambda: None
request_events.record = lambda event: None
import weathernote.http.middleware
weathernote.http.middleware._event = lambda *anything: None
from weathernote.wsgi import application
"""


class Worker:
    """granian with one worker and the options of `manage.py serve`."""

    def __init__(self, folder: Path, module: str, **variables: object) -> None:
        folder.mkdir()
        (folder / "metrics").mkdir()
        (folder / "without.py").write_text("import django\ndjango.setup()" + WITHOUT)
        self.port = free_port()
        command = [sys.executable, "-m", "granian", f"{module}:application", "--interface", "wsgi"]
        command += ["--port", str(self.port), "--no-ws", "--http", "1", "--blocking-threads", "128"]
        given = {"PYTHONPATH": f"{TOP}:{folder}", "DJANGO_SETTINGS_MODULE": "weathernote.settings", **variables}
        given |= {"PROMETHEUS_MULTIPROC_DIR": folder / "metrics"}
        self.process = Process([*command, "--log-level", "error"], folder / "out.log", environment(**given))
        try:
            eventually(self._answers, within_seconds=10)
        except AssertionError:
            self.process.stop()
            raise AssertionError(self.process.said()) from None
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        self.worker = int(children.stdout.split()[-1])

    def _answers(self) -> bool:
        return requests.get(f"http://127.0.0.1:{self.port}{PATH}", timeout=5).ok

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def microseconds_a_request(self, seconds: int) -> float:
        before = self.cpu_seconds()
        url = f"http://127.0.0.1:{self.port}{PATH}"
        told = subprocess.run(["wrk", "-t1", "-c4", f"-d{seconds}s", url], capture_output=True, text=True, check=True)
        answered = int(re.search(r"(\d+) requests in", told.stdout)[1])  # type: ignore[index]
        return (self.cpu_seconds() - before) / answered * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        valkey, simulator = Valkey(folder / "valkey"), OpenMeteoSimulator(base_ms=2, per_place_ms=0, unlimited=True)
        simulator.start()
        given = {
            "REDIS_URL": valkey.url,
            "OPEN_METEO_URL": simulator.url,
            **LIFTED,
        }
        workers = {
            "with": Worker(folder / "with", "weathernote.wsgi", **given),
            "without": Worker(folder / "without", "without", **given),
        }
        took: dict[str, list[float]] = {name: [] for name in workers}
        try:
            for at in range(options.rounds + 1):
                for word, worker in list(workers.items())[:: 1 if at % 2 else -1]:
                    cost = worker.microseconds_a_request(options.seconds)
                    if at:  # the first is for warming up
                        took[word].append(cost)
        finally:
            for worker in workers.values():
                worker.process.stop()
            valkey.stop()
            simulator.stop()
    middle = {word: statistics.median(costs) for word, costs in took.items()}
    ratios = [one / other for one, other in zip(took["with"], took["without"], strict=True)]
    print(f"CPU of a cached request: {middle['with']:.0f} µs with, {middle['without']:.0f} µs without")
    print(f"ratio {statistics.median(ratios):.3f} (rounds: {' '.join(f'{ratio:.3f}' for ratio in ratios)})")


if __name__ == "__main__":
    main()
