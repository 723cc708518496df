"""The secret in `.run/`, and how a process finds the instance that it belongs to."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
import redis

from weathernote.instance import INSTANCE_VARIABLE, Instance, make_folder, stored_secret
from weathernote.runtime.local_servers import locked_folder


@pytest.fixture(autouse=True)
def _no_trace_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSTANCE_VARIABLE, "")  # which announce() sets


@pytest.fixture
def not_a_folder(tmp_path: Path) -> Path:
    """Where nothing can be written, whoever asks: a read-only file system would need root, and stop no root."""
    file = tmp_path / "file"
    file.touch()
    return file / ".run"


# ── the secret ────────────────────────────────────────────────────────────────────────────────────


def test_the_secret_is_long_random_and_the_same_at_the_second_start(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = stored_secret(tmp_path)
    assert len(secret) >= 50
    assert stored_secret(tmp_path) == secret
    assert stored_secret(tmp_path / "elsewhere") != secret


def test_the_secret_is_for_its_owner_s_eyes_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        stored_secret(tmp_path)
    finally:
        os.umask(before)
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in tmp_path.iterdir()] == [("secret_key", 0o600)]


def test_of_two_first_starts_at_once_the_second_waits_for_the_first_s_secret(tmp_path: Path) -> None:
    got: list[str] = []
    second = threading.Thread(target=lambda: got.append(stored_secret(tmp_path)))
    with (tmp_path / "secret_key").open("w") as first:
        flock(first, LOCK_EX)
        second.start()
        second.join(0.2)
        assert second.is_alive()
        first.write("the first's")
    second.join(60)
    assert got == ["the first's"]


def test_where_nothing_can_be_kept_the_secret_is_still_random(not_a_folder: Path) -> None:
    secrets = {stored_secret(make_folder(not_a_folder)) for _ in range(2)}
    assert len(secrets) == 2 and min(map(len, secrets)) >= 50


# ── finding an instance ───────────────────────────────────────────────────────────────────────────


@contextmanager
def running(
    run_dir: Path, name: str, *, redis_url: str = "", simulator_url: str = "", age: int = 0
) -> Iterator[Instance]:
    with locked_folder(run_dir / name) as (folder, _):
        instance = Instance(folder, redis_url or f"unix:///{name}.sock", simulator_url)
        instance.announce()
        os.utime(folder / "instance.json", (1_000_000 - age, 1_000_000 - age))
        yield instance


def test_of_two_instances_the_one_that_was_started_last_is_found(tmp_path: Path) -> None:
    with (
        running(tmp_path, "run-1", age=10),
        running(tmp_path, "run-2", age=5) as last,
        running(tmp_path, "run-3", age=20),
    ):
        assert Instance.current(tmp_path, "") == last


def test_a_crashed_instance_is_ignored_even_if_its_number_is_another_s_now(tmp_path: Path) -> None:
    with running(tmp_path, "run-1", age=10) as live:
        with running(tmp_path, "run-2", age=5):
            pass
        assert (tmp_path / "run-2" / "instance.json").exists()
        assert Instance.current(tmp_path, "") == live


def test_an_own_process_finds_its_instance_whatever_else_runs(tmp_path: Path) -> None:
    with running(tmp_path, "run-1", age=10) as own, running(tmp_path, "run-2"):
        assert Instance.current(tmp_path, str(own.folder)) == own


def test_who_names_a_redis_joins_only_the_instance_that_uses_it(tmp_path: Path) -> None:
    with running(tmp_path, "run-1", redis_url="redis://ours", age=10) as ours, running(tmp_path, "demo-2"):
        assert Instance.current(tmp_path, "", "redis://ours") == ours
        assert Instance.current(tmp_path, "", "redis://elsewhere").simulator_url == ""


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"redis_url": "unix:///x"}'])
def test_an_unreadable_announcement_is_no_instance(tmp_path: Path, told: str) -> None:
    with running(tmp_path, "run-1") as instance:
        (instance.folder / "instance.json").write_text(told)
        assert Instance.current(tmp_path, "").folder == tmp_path


def test_without_an_instance_redis_is_a_socket_where_nobody_listens(tmp_path: Path) -> None:
    nobody = Instance.current(tmp_path, "")
    assert (nobody.folder, nobody.simulator_url) == (tmp_path, "")
    with pytest.raises(redis.ConnectionError):
        redis.from_url(nobody.redis_url).ping()
