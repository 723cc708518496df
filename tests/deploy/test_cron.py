"""The line for cron and the units for systemd, tried with the real programs where they are installed.

CRON_RUNS=3 waits for three runs of a real cron daemon rather than one, each a minute apart.
"""

import getpass
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils.module_loading import import_string

from prewarm.runs.plan import PERIOD_SECONDS
from tests.support.limits import LIFTED
from tests.support.processes.database import migrated
from tests.support.processes.prewarm_command import Host, summary
from tests.support.servers import TOP, Process, eventually

CRON_FILE = TOP / "deploy" / "cron" / "weathernote"
UNITS = [TOP / "deploy" / "systemd" / f"weathernote-prewarm.{kind}" for kind in ("service", "timer")]
ENTRY = re.compile(r"^(?P<when>\S+ \S+ \S+ \S+ \S+) weathernote (?P<command>.+)$", re.MULTILINE)


@pytest.fixture
def host(tmp_path, valkey, valkey_server, simulator):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    # Answers that live from one run to the next: cron's own ten minutes, made one.
    lives = {"WEATHER_TTL_SECONDS": 60, "FORECAST_TTL_SECONDS": 60}
    host = Host.made(tmp_path / "host", migrated(tmp_path / "fresh.sqlite3"), **servers, **lives, **LIFTED)
    (host.folder / "environment").write_text("".join(f"{name}={value}\n" for name, value in host.variables.items()))
    return host


def set_up(host):
    """The file as an operator would fit it to this machine, and each minute rather than every tenth."""
    text = CRON_FILE.read_text()
    for name, value in {
        "CODE": TOP,
        "ENVIRONMENT": host.folder / "environment",
        "LOG": host.folder / "prewarm.log",
        "SPREAD_SECONDS": 1,
    }.items():
        text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert count == 1
    text = text.replace(".venv/bin/python", sys.executable)
    return text.replace("*/10 * * * * weathernote", f"* * * * * {getpass.getuser()}")


def logged(host):
    log = host.folder / "prewarm.log"
    return [summary(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_cron_runs_it_every_ten_minutes():
    (entry,) = ENTRY.finditer(CRON_FILE.read_text())
    assert entry["when"] == "*/10 * * * *" and PERIOD_SECONDS == 600
    assert not re.search(r"(?<!\\)%", entry["command"])  # a bare % ends cron's command
    for file in (CRON_FILE, UNITS[1]):
        assert f"({PERIOD_SECONDS * 5 // 2} s)" in file.read_text()


def test_what_tells_of_the_last_good_run_is_where_the_file_says():
    (named,) = re.findall(r"`(prewarm\.[\w.]+)`", CRON_FILE.read_text())
    told = import_string(named)
    assert f"{told.__module__}.{told.__qualname__}" == named


def test_each_host_has_a_second_of_its_own(tmp_path):
    command = ENTRY.search(CRON_FILE.read_text())["command"].replace(r"\%", "%")  # type: ignore[index]
    (tmp_path / "sleep").write_text('#!/bin/sh\necho "$1"\n')
    (tmp_path / "hostname").write_text('#!/bin/sh\necho "$HOST_NAME"\n')
    for name in ("sleep", "hostname"):
        (tmp_path / name).chmod(0o755)

    def offset(host_name):
        log = tmp_path / f"{host_name}.log"
        variables = {"CODE": "/nowhere", "LOG": str(log), "SPREAD_SECONDS": "600", "HOST_NAME": host_name}
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        subprocess.run(["/bin/sh", "-c", command], env=variables | path, check=False, capture_output=True)
        return int(log.read_text().splitlines()[0])

    offsets = [offset(f"web{number}") for number in range(8)]
    assert offsets == [offset(f"web{number}") for number in range(8)]
    assert len(set(offsets)) > 4 and all(0 <= seconds < 600 for seconds in offsets)


def test_the_line_of_cron_works_in_a_bare_shell(host):
    text = set_up(host)
    variables = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    command = text.splitlines()[-1].split(None, 6)[-1].replace(r"\%", "%")
    ran = subprocess.run(["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin"} | variables, check=False, timeout=60)
    assert ran.returncode == 0
    assert [run["refreshed"] for run in logged(host)] == [100]
    (said_bytes,) = re.findall(r"about (\d+) bytes", text)
    assert (host.folder / "prewarm.log").stat().st_size == pytest.approx(int(said_bytes), abs=20)


CRON_NEEDS = "a real cron daemon needs `cron` and, so that it sees no file of this machine, root and `unshare`"


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not (shutil.which("cron") and shutil.which("unshare") and os.geteuid() == 0), reason=f"not installed: {CRON_NEEDS}"
)
def test_a_real_cron_daemon_runs_it_each_minute(host, valkey):
    runs = int(os.environ.get("CRON_RUNS", "1"))
    table = host.folder / "cron.d"
    table.mkdir()
    (table / "weathernote").write_text(set_up(host))
    (table / "weathernote").chmod(0o644)
    # A mount namespace of its own: no table of this machine is run, and none is changed.
    alone = (
        f"mount --bind {table} /etc/cron.d && : > {table.parent}/crontab && "
        f"{{ [ ! -e /etc/crontab ] || mount --bind {table.parent}/crontab /etc/crontab; }} && "
        "mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs && "
        "mount -t tmpfs none /run && exec cron -f"
    )
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip(f"no mount namespace here: {CRON_NEEDS}")
    daemon = Process(["unshare", "--mount", "sh", "-c", alone], host.folder / "cron.log")
    try:
        gaps = _watch(host, valkey, "weather:lat:52.5:lon:13.4", runs)
    finally:
        daemon.stop()
    rows = list(reversed(host.rows()))
    print(f"a city's key was missing for {max(gaps, default=0.0):.2f} s at most; the rows:")
    print(*rows, sep="\n")
    assert [row["exit_code"] for row in rows[:runs]] == [0] * runs
    assert logged(host)[0]["refreshed"] == 100
    assert max(gaps, default=0.0) < 5


def _watch(host: Host, valkey, key: str, runs: int) -> list[float]:
    """For how long the key was missing each time, from its first appearance until so many runs are over."""
    eventually(lambda: valkey.exists(key), within_seconds=150)
    gaps, missing_since = [], 0.0
    deadline = time.monotonic() + 60 * runs + 60
    while len(logged(host)) < runs and time.monotonic() < deadline:
        there, now = valkey.exists(key), time.monotonic()
        if there and missing_since:
            gaps.append(now - missing_since)
        missing_since = 0.0 if there else (missing_since or now)
        time.sleep(0.01)
    return gaps


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for unit in UNITS:
        fitted = unit.read_text().replace("/srv/weathernote/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(fitted.replace("/srv/weathernote", str(TOP)))
    found = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_runs_it_every_ten_minutes_at_a_second_fixed_for_the_host():
    timer = UNITS[1].read_text()
    for line in ("OnCalendar=*:0/10", "RandomizedDelaySec=10min", "FixedRandomDelay=yes"):
        assert line in timer.splitlines()


def test_no_file_for_operators_names_this_machine():
    for file in [CRON_FILE, *UNITS]:
        assert str(Path.home()) not in file.read_text() and str(TOP) not in file.read_text()
