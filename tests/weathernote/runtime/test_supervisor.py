"""The supervisor ends a command when the pipe from its parent closes; test_local_servers.py kills the parent."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.tree import alive
from tests.support.servers import TOP, eventually
from weathernote.runtime import supervisor

UP = "import os, signal; print(os.getpid()); signal.pause()"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")


def supervised(code: str, grace_seconds: float = 60) -> Any:
    command = [sys.executable, supervisor.__file__, str(grace_seconds), sys.executable, "-u", "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def started() -> Iterator[list[Any]]:
    processes: list[Any] = []
    yield processes
    for process in processes:
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("code", "expected"), [("", 0), ("exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 128 + 9)]
)
def test_the_exit_code_is_the_commands_as_a_shell_gives_it(started, code, expected):
    started.append(process := supervised(code))
    assert process.wait(60) == expected


def test_a_command_that_ends_by_itself_is_started_again_where_that_is_asked_for(started):
    code = "import os, signal; print(os.getpid()); os.kill(os.getpid(), 9)"
    command = [sys.executable, supervisor.__file__, "60", "--again", sys.executable, "-u", "-c", code]
    started.append(process := subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    assert first != second and second.strip().isdecimal()
    process.terminate()
    assert process.wait(60) in (128 + 9, 128 + 15)


def test_the_end_of_the_pipe_terminates_the_command(started):
    started.append(process := supervised("import signal; print('up'); signal.pause()"))
    assert process.stdout.readline() == "up\n"
    process.stdin.close()
    process.stdin = None
    assert process.wait(60) == 128 + 15


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_terminate_the_command(started, number):
    started.append(process := supervised(UP))
    command = int(process.stdout.readline())
    eventually(lambda: _catches(process.pid, number))
    process.send_signal(number)
    assert process.wait(60) == 128 + 15
    assert not alive({command: ""})


@on_linux
def test_a_supervisor_that_is_killed_takes_its_command_along(started):
    started.append(process := supervised(UP))
    command = int(process.stdout.readline())
    process.kill()
    eventually(lambda: not alive({command: ""}))


@on_linux
def test_one_that_is_killed_before_the_command_begins_leaves_none():
    """The parent has ended by the time that the child asks for the signal."""
    code = """
import os, time
from weathernote.runtime import supervisor
parent = os.getpid()
if not os.fork():
    while os.getppid() == parent:
        time.sleep(0.01)
    supervisor._end_with(parent)
    print("left", flush=True)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, timeout=60).stdout == b""


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << (number - 1))


def test_after_the_grace_it_is_killed(started):
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"
    started.append(process := supervised(stubborn, grace_seconds=0.1))
    assert process.stdout.readline() == "up\n"
    process.stdin.close()
    process.stdin = None
    assert process.wait(60) == 128 + 9
