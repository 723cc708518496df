"""Loops behind the requests: a step that fails costs no other, and what was gathered is written down at the end."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support.servers import TOP, eventually
from weathernote.telemetry import background
from weathernote.telemetry.background import Loop, every

pytestmark = pytest.mark.pure


@pytest.fixture
def started() -> Iterator[list[Loop]]:
    """Loops that a test has started; they are stopped after it."""
    loops: list[Loop] = []
    yield loops
    background.stop(loops)


def start(loops: list[Loop], loop: Loop) -> Loop:
    loops.append(loop)
    loop.start()
    return loop


def test_steps_are_taken_in_their_order_at_once_and_again(started: list[Loop]) -> None:
    taken: list[str] = []
    start(started, every(0.01, lambda: taken.append("one"), lambda: taken.append("two")))
    eventually(lambda: len(taken) >= 4)
    assert taken[:4] == ["one", "two", "one", "two"]


def test_a_step_that_fails_costs_no_other_and_is_logged_once(
    started: list[Loop], caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[str] = []

    def failing() -> None:
        taken.append("failing")
        raise RuntimeError("this step fails")

    start(started, every(0.01, failing, lambda: taken.append("other")))
    eventually(lambda: len(taken) >= 6)
    assert taken[:6] == ["failing", "other"] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "this step fails" in caplog.text


def test_a_step_that_recovered_and_fails_again_is_logged_again(
    started: list[Loop], caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter([True, False, True])

    def failing_now_and_then() -> None:
        if next(turns, False):
            raise RuntimeError("this step fails")

    start(started, every(0.001, failing_now_and_then))
    eventually(lambda: len(caplog.records) == 2)


def test_the_last_steps_are_taken_once_when_the_loop_is_stopped() -> None:
    taken: list[str] = []
    loop = every(60, lambda: taken.append("step"), at_the_end=[lambda: taken.append("last")])
    loop.start()
    eventually(lambda: bool(taken))
    background.stop([loop])
    assert taken == ["step", "last"]


def test_a_step_that_hangs_holds_up_the_end_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "END_SECONDS", 0.1)
    reader_comes_back, taken = threading.Event(), threading.Event()
    hanging, other = every(60, reader_comes_back.wait), every(60, at_the_end=[taken.set])
    hanging.start()
    other.start()
    background.stop([hanging, other])
    assert taken.wait(10)
    reader_comes_back.set()


def test_a_process_that_ends_takes_the_last_steps() -> None:
    program = """
from weathernote.telemetry import background
background.run(lambda: [background.every(60, at_the_end=[lambda: print("written down", flush=True)])])
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, check=True)
    assert ended.stdout == "written down\n"


def test_a_child_of_multiprocessing_takes_the_last_steps_too() -> None:
    program = """
import multiprocessing
from weathernote.telemetry import background
def work():
    background.run(lambda: [background.every(60, at_the_end=[lambda: print("written down", flush=True)])])
if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, check=True)
    assert ended.stdout == "written down\n"


def test_a_process_that_is_forked_later_has_loops_of_its_own() -> None:
    """As workers are of a server that loads the application before it forks."""
    program = """
import os, time
from weathernote.telemetry import background
taken = []
background.run(lambda: [background.every(0.01, lambda: taken.append(os.getpid()))])
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
deadline = time.monotonic() + 30
while os.getpid() not in taken and time.monotonic() < deadline:
    time.sleep(0.01)
os._exit(0 if os.getpid() in taken else 1)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=TOP, check=False).returncode == 0


def test_a_step_that_outlasts_a_pause_goes_on_as_if_there_had_been_none(
    started: list[Loop], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "END_SECONDS", 0.01)
    inside, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        may_end.wait(30)

    loop = start(started, every(0.001, slow, ended.set))
    inside.wait(30)
    loop.pause()
    loop.resume()
    may_end.set()
    assert ended.wait(30) and not caplog.records


def test_a_child_that_is_forked_in_the_middle_of_a_step_holds_none_of_its_locks() -> None:
    program = """
import os, threading, time
from weathernote.telemetry import background
lock, inside = threading.Lock(), threading.Event()
def step():
    with lock:
        inside.set()
        time.sleep(0.2)
background.run(lambda: [background.every(0.001, step)])
inside.wait()
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0 if lock.acquire(timeout=30) else 1)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=TOP, check=False).returncode == 0
