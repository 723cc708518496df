"""`manage.py serve` and `runserver` as an operator uses them: what they start and say, and that nothing is left."""

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes.tree import Served, alive, copy_of_the_code, run
from tests.support.servers import Valkey, children_of, command_of, eventually, free_port, listeners
from weather.simulator.server import OpenMeteoSimulator
from weathernote.runtime import prepared, serve

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
CLOSED = "http://127.0.0.1:9"
KEY_VALUE_SERVER = "--unixsocket"
pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield copy_of_the_code(tmp_path_factory.mktemp("tree"))
    for server in Served.all:
        server.stop()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'db.sqlite3'}"


def ended(server: Served, number: int, *, group: bool = False) -> int:
    """Ends it by the signal, sees that all it started is gone within seconds, and gives its exit code."""
    family = server.family()
    os.killpg(server.pid, number) if group else server.signal(number)
    code = server.popen.wait(60)
    eventually(lambda: not alive(family), within_seconds=60)
    assert "Traceback" not in server.said()
    return code


def greeting(server: Served) -> list[str]:
    return [
        f"Serving on {server.base} (docs: {server.base}/api/v1/docs)",
        f"Try: curl '{server.base}/api/v1/weather?lat=40.7128&lon=-74.0060'",
    ]


# ── what it says ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("live", "beside"), [(True, False), (False, True)])
def test_only_an_open_meteo_that_is_asked_is_said_to_be_unreachable(
    settings: Any, simulator: OpenMeteoSimulator, live: bool, beside: bool
) -> None:
    settings.LIVE_OPEN_METEO_URL = simulator.url if live else CLOSED
    settings.OPEN_METEO_URL = simulator.url if beside else CLOSED  # that of a demo in the same folder
    said: list[str] = []
    serve.warn_if_unreachable(said.append)
    assert len(said) == (0 if live else 1)


# ── demo ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_demo_that_is_killed_leaves_nothing_and_the_next_one_goes_on_where_it_was(tree: Path, database: str) -> None:
    # The simulator answers whatever OPEN_METEO_URL is, and the answers say so.
    first = Served(tree, "serve", "--demo", DATABASE_URL=database, OPEN_METEO_URL=CLOSED)
    assert first.get(WEATHER).json()["source"] == "simulator"
    assert first.started(KEY_VALUE_SERVER) and first.started("weather.simulator") and first.started("granian")
    staff, *rest = eventually(lambda: len(first.lines()) == 4 and first.lines())
    assert re.fullmatch(r"Staff for /admin/: user demo, password \S{16}  \(made now, shown once\)", staff)
    assert rest == [
        "Weather from the built-in simulator: nothing here is real, and every answer says so.",
        *greeting(first),
    ]
    assert _can_sign_in(first, "demo", staff.split()[6])
    assert "weathernote.runtime.serve" in command_of(first.pid)
    assert ended(first, signal.SIGKILL) == -signal.SIGKILL

    second = Served(tree, "serve", "--demo", port=first.port, DATABASE_URL=database)
    assert second.get(WEATHER).json()["cached"] is True
    assert "manage.py serve" in command_of(second.pid), "all was prepared, so Django's command was not needed"
    eventually(lambda: second.lines() == rest)
    assert ended(second, signal.SIGINT, group=True) == 0
    assert second.lines() == rest


def _can_sign_in(server: Served, user: str, password: str) -> bool:
    with requests.Session() as session:
        session.get(f"{server.base}/admin/login/", timeout=30)
        form = {"username": user, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        session.post(f"{server.base}/admin/login/?next=/admin/", data=form, timeout=30)
        return session.get(f"{server.base}/admin/", timeout=30).url.endswith("/admin/")


# ── live ──────────────────────────────────────────────────────────────────────────────────────────


def test_without_open_meteo_one_line_says_so_and_names_the_demo(tree: Path, database: str) -> None:
    server = Served(tree, "serve", DATABASE_URL=database, OPEN_METEO_URL=CLOSED)
    assert eventually(lambda: len(server.lines()) == 4 and server.lines()) == [
        f"No staff user yet: {sys.executable} manage.py createsuperuser makes one for /admin/.",
        "Open-Meteo cannot be reached (127.0.0.1: Connection refused): no weather will come; "
        "`make demo` runs without internet.",
        *greeting(server),
    ]
    assert server.get("/health").json()["redis"] == "ok"
    assert server.started(KEY_VALUE_SERVER)
    assert ended(server, signal.SIGTERM) == 0
    assert len(server.lines()) == 4


@pytest.fixture(scope="module")
def live(tree: Path, valkey_server: Valkey, simulator_server: OpenMeteoSimulator) -> Iterator[Served]:
    """Two workers, a Redis of the operator's, and an Open-Meteo that can be reached."""
    given: dict[str, Any] = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url, "WORKERS": 2}
    server = Served(tree, "serve", **given)
    yield server
    server.stop()


def test_with_redis_url_no_key_value_server_is_started(live: Served, valkey_server: Valkey) -> None:
    assert live.get("/health").json()["redis"] == "ok"
    assert live.started("granian")
    assert not live.started(KEY_VALUE_SERVER)
    live.get(WEATHER)
    assert valkey_server.client.exists("weather:lat:40.7:lon:-74.0")


def test_an_open_meteo_that_answers_is_not_spoken_of_and_is_the_source(
    live: Served, simulator: OpenMeteoSimulator
) -> None:
    assert eventually(lambda: live.lines()[-2:] == greeting(live))
    assert "Open-Meteo" not in live.said()
    assert live.get(WEATHER).json()["source"] == "open-meteo"


def test_others_serve_while_a_killed_worker_is_replaced(live: Served) -> None:
    before = eventually(lambda: len(_workers(live)) == 2 and _workers(live))
    eventually(lambda: listeners(live.port) in (None, 2))
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: not alive({before[0]: ""}))
    for _ in range(20):
        assert live.get("/health").status_code == 200
    after = eventually(lambda: len(_workers(live)) == 2 and _workers(live))
    assert before[1] in after and before[0] not in after
    # The new one's time on the CPU is its own, not less the time of whoever loaded the application for it.
    eventually(lambda: listeners(live.port) in (None, 2))
    told = live.get("/metrics").text
    assert float(re.findall(r"^weathernote_cpu_usage_percent (.+)$", told, re.MULTILINE)[0]) >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker loads the application for itself")
def test_workers_share_the_memory_of_what_they_only_read(live: Served) -> None:
    for worker in eventually(lambda: len(_workers(live)) == 2 and _workers(live)):
        told = Path(f"/proc/{worker}/smaps_rollup").read_text()
        kilobytes = {name: int(number) for name, number in re.findall(r"^(\w+): +(\d+) kB$", told, re.MULTILINE)}
        assert kilobytes["Pss"] < 0.6 * kilobytes["Rss"]


def test_connections_that_are_kept_open_keep_nobody_out(live: Served) -> None:
    with ExitStack() as phones:
        for _ in range(1_200):
            phones.enter_context(socket.create_connection(("127.0.0.1", live.port), timeout=30))
        # Each worker has its own part of the connections, so one more try does not say that all have room.
        for _ in range(8):
            assert live.get("/health").status_code == 200


def _workers(server: Served) -> list[int]:
    """The children of granian: process numbers begin anew some day, so their order does not tell."""
    supervisors = [
        number for number, words in server.family().items() if "supervisor.py" in words and "granian" in words
    ]
    return [
        worker for supervisor in supervisors for granian in children_of(supervisor) for worker in children_of(granian)
    ]


def test_two_at_once_do_not_disturb_each_other_and_each_second_terminal_finds_its_own(
    tree: Path, live: Served, valkey_server: Valkey, simulator: OpenMeteoSimulator
) -> None:
    demo = Served(tree, "serve", "--demo")
    try:
        assert (demo.get(WEATHER).json()["source"], live.get(WEATHER).json()["source"]) == ("simulator", "open-meteo")
        assert _joined(tree) == ["simulator", f"unix://{tree}/.run/demo-{demo.port}/redis.sock"]
        demo.kill()
        eventually(lambda: _joined(tree) == ["open-meteo", valkey_server.url])
        assert live.get(WEATHER).json()["source"] == "open-meteo"
    finally:
        demo.stop()


def test_an_instance_with_further_settings_keeps_to_a_folder_of_its_own(tree: Path, live: Served) -> None:
    (tree / "further_settings.py").write_text("from weathernote.settings import *\n")
    metrics = tree / f".run/run-{live.port}/metrics"
    before = metrics.stat().st_ino
    other = Served(tree, "serve", "--demo", DJANGO_SETTINGS_MODULE="further_settings")
    try:
        assert metrics.stat().st_ino == before
    finally:
        other.stop()
    assert live.get("/health").ok  # it was not told that it is the one that stops


def _joined(tree: Path) -> list[str]:
    """What a process in a second terminal takes for its source and its Redis."""
    return run(tree, "-c", "from weathernote import settings as s; print(s.SOURCE, s.REDIS_URL)").stdout.split()


@pytest.mark.parametrize(
    ("which", "number", "code"),
    [
        (1, signal.SIGKILL, 137),
        (1, signal.SIGTERM, 0),
        pytest.param(0, signal.SIGKILL, -9, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")),
    ],
    ids=["killed", "terminated", "its supervisor killed"],
)
def test_a_server_that_ends_by_itself_is_told_in_one_line_and_leaves_no_worker(
    tree: Path, valkey_server: Valkey, which: int, number: int, code: int
) -> None:
    server = Served(tree, "serve", REDIS_URL=valkey_server.url, OPEN_METEO_URL=CLOSED)
    family = server.family()
    os.kill(sorted(server.started("granian"))[which], number)
    assert server.popen.wait(60) == 1
    eventually(lambda: not alive(family))
    assert server.lines()[-1].startswith(f"CommandError: The server ended by itself (exit code {code})")


@pytest.mark.parametrize(
    ("python", "named"), [("/srv/app/.venv/bin/python", ".venv/bin/python"), ("/venv/bin/python", "/venv/bin/python")]
)
def test_the_hint_names_the_python_that_serves(
    settings: Any, monkeypatch: pytest.MonkeyPatch, python: str, named: str
) -> None:
    settings.BASE_DIR = Path("/srv/app")
    monkeypatch.setattr(sys, "executable", python)
    assert prepared.no_staff() == prepared.NO_STAFF.format(named)


# ── the end ───────────────────────────────────────────────────────────────────────────────────────


def test_an_instance_that_ends_tells_the_balancer_first_and_finishes_what_it_began(
    tree: Path, valkey_server: Valkey, simulator: OpenMeteoSimulator
) -> None:
    given: dict[str, Any] = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url, "DRAIN_SECONDS": 3}
    given |= {"UPSTREAM_TIMEOUT_SECONDS": 20}
    server = Served(tree, "serve", **given)
    assert server.get(WEATHER).status_code == 200
    simulator.settings(base_ms=5_000)
    slow: list[int] = []
    asking = threading.Thread(target=lambda: slow.append(server.get("/api/v1/weather?lat=1.0&lon=1.0").status_code))

    server.signal(signal.SIGTERM)
    eventually(lambda: server.get("/health").status_code == 503)
    assert server.get("/health").json()["status"] == "stopping"
    assert server.get(WEATHER).status_code == 200
    asking.start()  # its answer comes two seconds after the drain is over, or later
    assert server.popen.wait(60) == 0
    asking.join()
    assert slow == [200]
    assert "Traceback" not in server.said()


def test_a_request_that_was_begun_is_answered_before_the_end(
    tree: Path, valkey_server: Valkey, simulator: OpenMeteoSimulator
) -> None:
    server = Served(tree, "serve", REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url)
    simulator.settings(base_ms=3_000)
    calls = simulator.state()["calls"]
    answered: list[int] = []
    asking = threading.Thread(target=lambda: answered.append(server.get("/api/v1/weather?lat=2.0&lon=2.0").status_code))
    asking.start()
    eventually(lambda: simulator.state()["calls"] > calls or answered)
    assert answered == []
    assert ended(server, signal.SIGTERM) == 0
    asking.join()
    assert answered == [200]


# ── runserver ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("reloader", [["--noreload"], []], ids=["noreload", "autoreload"])
def test_runserver_has_a_key_value_server_that_ends_with_it(tree: Path, reloader: list[str], number: int) -> None:
    server = Served(tree, "runserver", *reloader)
    assert server.get("/health").json()["redis"] == "ok"
    assert server.started(KEY_VALUE_SERVER)
    ended(server, number, group=number == signal.SIGINT)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_runserver_with_redis_url_starts_none_and_asks_no_neighbour_s_simulator(
    tree: Path, valkey_server: Valkey, simulator: OpenMeteoSimulator
) -> None:
    given: dict[str, Any] = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    demo = Served(tree, "serve", "--demo")
    server = Served(tree, "runserver", "--noreload", **given)
    try:
        assert server.get(WEATHER).json()["source"] == "open-meteo"
        assert server.started(KEY_VALUE_SERVER) == []
    finally:
        server.stop()
        demo.stop()


# ── a port that is taken ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["serve"], "choose another with HOST and PORT."),
        (["runserver", "{port}"], "name another, as in `manage.py runserver 8001`."),
    ],
    ids=["serve", "runserver"],
)
def test_a_port_that_is_taken_is_one_line_and_nothing_is_started(tree: Path, command: list[str], remedy: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = run(tree, "manage.py", *(word.format(port=port) for word in command), PORT=port)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"CommandError: Cannot listen on 127.0.0.1:{port} (Address already in use): {remedy}\n"
    assert not list((tree / ".run").glob(f"*-{port}"))


# ── a database or settings that cannot be used ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "named", "reason"),
    [
        ("postgres://user:secret@127.0.0.1:9/weather", "weather", 'connection .* "127.0.0.1", port 9 .* refused'),
        ("sqlite:///{folder}/garbage", "{folder}/garbage", "file is not a database"),
        ("sqlite:///{folder}/nowhere/db", "{folder}/nowhere/db", "unable to open database file"),
    ],
    ids=["PostgreSQL away", "no SQLite file", "no folder"],
)
def test_a_database_that_cannot_be_used_is_one_line(
    tree: Path, tmp_path: Path, url: str, named: str, reason: str
) -> None:
    (tmp_path / "garbage").write_text("this is no database" * 100)
    told = run(tree, "manage.py", "serve", PORT=free_port(), DATABASE_URL=url.format(folder=tmp_path))
    assert (told.returncode, told.stdout) == (1, "")
    database = re.escape(named.format(folder=tmp_path))
    line = rf"CommandError: Cannot use the database {database} \({reason}\): .* with DATABASE_URL\.\n"
    assert re.fullmatch(line, told.stderr)
    assert "secret" not in told.stderr


@pytest.mark.parametrize("module", ["nowhere.settings", "weathernote.nowhere", "weathernote.settings.nowhere"])
@pytest.mark.parametrize("command", ["serve", "live"])
def test_settings_that_are_no_module_are_one_line(tree: Path, command: str, module: str) -> None:
    told = run(tree, "manage.py", command, DJANGO_SETTINGS_MODULE=module)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"CommandError: no module {module} (DJANGO_SETTINGS_MODULE): correct it, or unset it for our settings.\n"
    )


def test_a_module_that_the_settings_lack_is_not_taken_for_the_settings(tree: Path) -> None:
    (tree / "their_settings.py").write_text("import nowhere")
    told = run(tree, "manage.py", "serve", DJANGO_SETTINGS_MODULE="their_settings")
    assert told.stderr.endswith("ModuleNotFoundError: No module named 'nowhere'\n")


def test_two_first_starts_at_once_make_one_database_and_one_staff_user(tmp_path: Path, valkey_server: Valkey) -> None:
    tree = copy_of_the_code(tmp_path)
    given: dict[str, Any] = {"REDIS_URL": valkey_server.url}
    servers: list[Served] = []
    starts = [
        threading.Thread(target=lambda: servers.append(Served(tree, "serve", "--demo", **given))) for _ in range(2)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    try:
        assert len(servers) == 2
        printed = [line for server in servers for line in server.lines() if "password" in line]
        assert len(printed) == 1
        assert all(_can_sign_in(server, "demo", printed[0].split()[6]) for server in servers)
    finally:
        for server in servers:
            server.stop()
