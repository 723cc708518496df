"""What runs beside the service: the folder of an instance, its servers, and that nothing is left."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from tests.support.processes.tree import alive
from tests.support.servers import TOP, eventually
from weathernote.instance import INSTANCE_VARIABLE, STOPPING_FILE, is_running
from weathernote.runtime import local_servers
from weathernote.runtime.local_servers import LocalServerError, locked_folder, redis_server, supervised


@pytest.fixture(autouse=True)
def _no_trace_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSTANCE_VARIABLE, "")  # which announce() sets


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    with locked_folder(tmp_path / "instance") as (_, lock):
        yield lock


@pytest.fixture
def not_a_folder(tmp_path: Path) -> Path:
    """Where nothing can be written, whoever asks: a read-only file system would need root, and stop no root."""
    file = tmp_path / "file"
    file.touch()
    return file / ".run"


# ── the folder ────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_held_by_one_instance_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_servers, "_LOCK_SECONDS", 0)
    with locked_folder(tmp_path / "run-8000"):
        with pytest.raises(LocalServerError, match=r"^run-8000 is running already: .* another port\.$"):
            locked_folder(tmp_path / "run-8000").__enter__()
        with locked_folder(tmp_path / "run-8001"):
            pass
    with locked_folder(tmp_path / "run-8000"):
        pass


def test_a_folder_is_free_only_when_the_last_server_of_a_killed_instance_is_gone(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    parent = f"""
from pathlib import Path
import sys
from weathernote.runtime.local_servers import locked_folder, supervised
with locked_folder(Path({str(tmp_path)!r})) as (folder, lock):
    with supervised([sys.executable, "-c", {stubborn!r}], lock=lock, grace_seconds=0.5) as process:
        process.wait()
"""
    with subprocess.Popen([sys.executable, "-c", parent], cwd=TOP, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout and killed.stdout.readline() == "up\n"
        killed.kill()
        killed.wait()
        assert is_running(tmp_path)
        eventually(lambda: not is_running(tmp_path))
        assert killed.stdout.read() == ""  # the end of the pipe: nobody is left who could write to it


def test_where_the_folder_cannot_be_written_a_temporary_one_serves(not_a_folder: Path) -> None:
    with locked_folder(not_a_folder) as (folder, _):
        (folder / "file").touch()
    assert not folder.exists()


def test_an_instance_does_not_begin_as_a_stopping_one(tmp_path: Path) -> None:
    (tmp_path / STOPPING_FILE).touch()
    with locked_folder(tmp_path):
        assert not (tmp_path / STOPPING_FILE).exists()


# ── the servers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["run-8000", "with a space, 100% and #", "x" * 110])
def test_the_key_value_server_keeps_what_it_was_told_under_any_path(tmp_path: Path, name: str) -> None:
    for expected in (None, b"kept"):
        with locked_folder(tmp_path / name) as (folder, lock), redis_server(folder, lock) as url:
            client = redis.from_url(url)
            assert client.get("key") == expected
            client.set("key", "kept")
        with pytest.raises(redis.ConnectionError):
            redis.from_url(url).ping()


def test_a_key_value_server_that_does_not_start_is_one_line_that_names_its_log(
    tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_servers, "redis_binary", lambda: "false")
    with pytest.raises(LocalServerError, match=r"^The key-value server did not start: .*redis\.log says why\.$"):
        redis_server(tmp_path, lock).__enter__()


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_key_value_server_on_the_path_is_used(on_path: Path, lock: int, tmp_path: Path, name: str) -> None:
    shutil.copy(local_servers.bundled_redis_binary(), on_path / name)
    assert local_servers.redis_binary() == str(on_path / name)
    with redis_server(tmp_path, lock) as url:
        assert redis.from_url(url).info("server")["executable"] == str(on_path / name)


def test_of_the_two_names_redis_server_comes_first(on_path: Path) -> None:
    for name in ("valkey-server", "redis-server"):
        shutil.copy(local_servers.bundled_redis_binary(), on_path / name)
    assert local_servers.redis_binary() == str(on_path / "redis-server")


def test_without_one_on_the_path_the_wheel_s_is_used(on_path: Path, lock: int, tmp_path: Path) -> None:
    assert local_servers.redis_binary() == local_servers.bundled_redis_binary()
    with redis_server(tmp_path, lock) as url:
        assert redis.from_url(url).info("server")["executable"] == local_servers.bundled_redis_binary()


def test_a_port_that_is_taken_is_one_line_with_the_reason_and_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServerError, match=rf"^Cannot listen on 127.0.0.1:{port} \(Address .*\): do this\.$"):
            local_servers.require_free_port("127.0.0.1", port, "do this.")
    local_servers.require_free_port("127.0.0.1", port, "do this.")


# ── the supervisor ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + signal.SIGKILL)])
def test_the_supervisor_passes_the_exit_code_on(lock: int, script: str, code: int) -> None:
    with supervised(["sh", "-c", script], lock=lock) as process:
        assert process.wait(60) == code


def test_the_command_ends_with_the_block(tmp_path: Path, lock: int) -> None:
    with supervised(["sh", "-c", f"echo $$ > {tmp_path}/number; exec sleep 1000"], lock=lock) as process:
        number = _number_in(tmp_path / "number")
    assert process.returncode == 128 + signal.SIGTERM
    assert not alive({number: ""})


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path, lock: int) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/number; while :; do sleep 0.1; done"
    with supervised(["sh", "-c", script], lock=lock, grace_seconds=0.3) as process:
        number = _number_in(tmp_path / "number")
    assert process.returncode == 128 + signal.SIGKILL
    assert not alive({number: ""})


def test_what_a_command_leaves_behind_is_killed(tmp_path: Path, lock: int) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/number"
    with supervised(["sh", "-c", script], lock=lock) as process:
        assert process.wait(60) == 0
    number = _number_in(tmp_path / "number")
    eventually(lambda: not alive({number: ""}))


def test_a_terminal_s_ctrl_c_is_not_the_supervisor_s_to_hear(tmp_path: Path, lock: int) -> None:
    with supervised(["sh", "-c", f"echo $$ > {tmp_path}/number; exec sleep 1000"], lock=lock) as process:
        number = _number_in(tmp_path / "number")
        # The command runs, so the supervisor has started it and goes on to its handlers.
        eventually(lambda: _ignores_sigint(process.pid))
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        assert alive({process.pid: "", number: ""}).keys() == {process.pid, number}


def _ignores_sigint(number: int) -> bool:
    status = Path(f"/proc/{number}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    ignored = next(line for line in status.read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(ignored.split()[1], 16) & 1 << (signal.SIGINT - 1))


def _number_in(file: Path) -> int:
    return int(eventually(lambda: file.exists() and file.read_text().strip()))
