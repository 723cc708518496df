"""granian itself with a small application: killed workers are replaced each time, what never begins is given up."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.support.processes.tree import environment
from tests.support.servers import Process, children_of, eventually, free_port
from weathernote.runtime.worker_replacement import FailedBegins

BEGINS = """
import os
from weathernote.runtime import granian

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

def begin():
    pass

granian.in_each_worker(begin)
"""
NEVER_BEGINS = BEGINS.replace("pass", "1 / 0")
MAIN = """
from weathernote.runtime import granian, worker_replacement

granian._PAUSE_SECONDS = 0.1
worker_replacement._ATTEMPTS = 3
granian.main()
"""
forked = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")


class Granian(Process):
    """`granian.py` with an application of these lines, and short pauses."""

    def __init__(self, folder: Path, application: str, workers: int) -> None:
        (folder / "small.py").write_text(application)
        self.port = free_port()
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        size = ["--workers", str(workers), "--threads", "1", "--grace-seconds", "5"]
        variables = environment(PYTHONPATH=folder, DJANGO_SETTINGS_MODULE="weathernote.settings")
        super().__init__(
            [sys.executable, "-c", MAIN, "small:application", *address, *size], folder / "granian.log", variables
        )

    def serving(self) -> int:
        """The number of a worker that answers."""
        return int(requests.get(f"http://127.0.0.1:{self.port}", timeout=5).text)

    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.said().splitlines() if line.startswith("{")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, int], Granian]]:
    started: list[Granian] = []

    def start(application: str, workers: int) -> Granian:
        started.append(Granian(tmp_path, application, workers))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@forked
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_again_and_again_is_replaced_and_the_others_stay(
    start: Callable[[str, int], Granian], workers: int
) -> None:
    server = start(BEGINS, workers)
    eventually(server.serving)
    killed, *others = eventually(lambda: len(children_of(server.pid)) == workers and children_of(server.pid))
    for _ in range(2):
        os.kill(killed, signal.SIGKILL)
        now = eventually(partial(_all_without, server.pid, killed, workers))
        assert now >= set(others)
        (killed,) = now - set(others)
    assert eventually(server.serving) in now
    server.signal(signal.SIGTERM)
    assert server.popen.wait(30) == 0


def _all_without(server: int, killed: int, workers: int) -> set[int]:
    """The server's workers once there are so many besides the one that was killed."""
    found = set(children_of(server)) - {killed}
    return found if len(found) == workers else set()


@forked
def test_where_no_worker_can_begin_the_server_ends_after_some_attempts_with_one_line(
    start: Callable[[str, int], Granian],
) -> None:
    server = start(NEVER_BEGINS, 1)
    assert server.popen.wait(30) == 1
    assert server.messages()[-1] == "No worker can begin: 3 in a row ended within 5 s. So the server ends."
    assert server.said().count("ZeroDivisionError: ") == 3


# ── when it gives up ──────────────────────────────────────────────────────────────────────────────


def test_those_that_cannot_begin_are_given_up_after_ten_attempts_each() -> None:
    begins = FailedBegins(2)
    for _ in range(9):
        assert begins.note([0, 1], [0.1, 0.2])
    assert not begins.too_many
    begins.note([1], [0.3, 0.2])
    begins.note([0], [0.3, 0.2])
    assert begins.too_many


def test_beside_one_that_serves_the_attempts_have_no_end_but_pauses() -> None:
    begins = FailedBegins(2)
    for second in range(100):
        assert begins.note([1], [5 + second, 0.1])
        assert not begins.too_many


def test_one_that_has_served_is_replaced_without_a_pause() -> None:
    assert not FailedBegins(1).note([0], [5])
