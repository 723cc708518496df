"""deploy/systemd/: the units of one plain machine and its firewall, by systemd's and nftables' own word."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.support.servers import TOP, free_port
from weathernote import settings as own

FOLDER = TOP / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service")) + sorted(FOLDER.glob("*.timer"))
INSTANCE, LIVE = FOLDER / "weathernote@.service", FOLDER / "weathernote-live@.service"
FIREWALL = FOLDER / "nftables.conf"
SWITCHES = """NoNewPrivileges PrivateTmp PrivateDevices ProtectHome ProtectClock ProtectControlGroups ProtectHostname
ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RestrictNamespaces RestrictRealtime RestrictSUIDSGID
LockPersonality MemoryDenyWriteExecute""".split()
each_service = pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)

each_server = pytest.mark.parametrize("unit", [INSTANCE, LIVE], ids=lambda unit: unit.name)


def lines(unit: Path, key: str) -> list[str]:
    """The values of a key, which may stand there several times."""
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


def only(unit: Path, key: str) -> str:
    (value,) = lines(unit, key)
    return value


# ── units ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for unit in UNITS:
        fitted = unit.read_text().replace("/srv/weathernote/.venv/bin/python", sys.executable)
        (tmp_path / unit.name.replace("@", "@8001")).write_text(fitted.replace("/srv/weathernote", str(TOP)))
    command = ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    # Of an unknown key it only speaks: the exit code stays 0.
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@each_service
def test_what_a_unit_runs_is_there(unit):
    for command in lines(unit, "Exec(?:Start|StartPre|StartPost)"):
        *reads, python, program = command.split()[:5]
        words = command.split()[5:]
        assert reads == [python, "deploy/with_environment.py", "/etc/weathernote/environment"]
        assert python == "/srv/weathernote/.venv/bin/python" and (TOP / program).is_file()
        assert program != "manage.py" or words[0] in get_commands()


@each_service
def test_a_unit_runs_as_a_user_of_its_own_that_may_write_one_folder(unit):
    assert (only(unit, "User"), only(unit, "CapabilityBoundingSet")) == ("weathernote", "")
    assert [only(unit, name) for name in SWITCHES] == ["yes"] * len(SWITCHES)
    assert only(unit, "ProtectSystem") == "strict" and lines(unit, "ReadWritePaths") == []
    # The one that the code keeps everything in.
    kept = own.RUN_DIR.relative_to(own.BASE_DIR)
    assert only(unit, "BindPaths") == f"/var/lib/{only(unit, 'StateDirectory')}:/srv/weathernote/{kept}"


@each_server
def test_a_server_has_time_to_drain_and_its_requests_to_finish(unit):
    (drain,) = re.findall(r"DRAIN_SECONDS=(\d+)", " ".join(lines(unit, "Environment")))
    stop_seconds = int(only(unit, "TimeoutStopSec").removesuffix("s"))
    assert only(unit, "KillMode") == "mixed"
    assert stop_seconds > int(drain) + own.UPSTREAM_TIMEOUT_SECONDS + 10


@each_server
def test_no_server_migrates_or_starts_the_task_that_does(unit):
    assert "MIGRATE=0" in lines(unit, "Environment")
    assert lines(unit, "(?:Wants|Requires|Requisite|BindsTo|Upholds)") == ["network-online.target"]
    assert "weathernote-migrate.service" in only(unit, "After").split()
    assert lines(FOLDER / "weathernote-migrate.service", "WantedBy") == []  # nor does a boot


@each_server
def test_a_server_is_started_again_and_again_and_has_files_for_its_phones(unit):
    assert (only(unit, "Restart"), only(unit, "StartLimitIntervalSec")) == ("on-failure", "0")
    assert int(only(unit, "LimitNOFILE")) > 2 * max(10_000, own.LIVE_STREAMS)
    # A worker that is killed is no reason to stop the others.
    assert lines(unit, "OOMPolicy") == (["continue"] if unit == INSTANCE else [])


def test_streams_are_held_by_the_live_processes_and_no_instance_starts_one():
    assert "LIVE_PORT=0" in lines(INSTANCE, "Environment")
    assert only(LIVE, "ExecStart").endswith(" manage.py live --port %i")


def test_a_live_process_is_confined_as_an_instance_is():
    confined, other = (unit.read_text().partition("StateDirectory=")[2] for unit in (LIVE, INSTANCE))
    assert confined == other != ""


def test_no_file_names_this_machine():
    for file in [*FOLDER.glob("*.*"), TOP / "deploy" / "start.py"]:
        assert str(TOP) not in file.read_text() and str(Path.home()) not in file.read_text()


# ── ready.py ──────────────────────────────────────────────────────────────────────────────────────


def ready(port: int, **variables: str) -> int:
    """The exit code, which must come before the 90 s that it waits at most."""
    command = [sys.executable, str(FOLDER / "ready.py"), str(port)]
    return subprocess.run(command, env=os.environ | variables, check=False, timeout=60).returncode


def test_it_is_ready_as_soon_as_the_instance_serves(instance):
    assert ready(instance.port, HOST="0.0.0.0", http_proxy="http://127.0.0.1:9") == 0


def test_it_does_not_wait_for_an_instance_that_has_ended():
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert ready(free_port(), MAINPID=str(ended.pid)) == 1


def test_what_does_not_serve_in_time_is_not_ready(tmp_path):
    (tmp_path / "ready.py").write_text((FOLDER / "ready.py").read_text().replace("SECONDS = 90", "SECONDS = 1"))
    command = [sys.executable, str(tmp_path / "ready.py"), str(free_port())]
    assert subprocess.run(command, check=False, timeout=60).returncode == 1


# ── firewall ──────────────────────────────────────────────────────────────────────────────────────

NFT_NEEDS = "nftables is not installed, or this is not root with network namespaces"
has_nft = os.geteuid() == 0 and all(map(shutil.which, ("nft", "ip", "unshare")))
needs_nft = pytest.mark.skipif(not has_nft, reason=NFT_NEEDS)


def test_the_firewall_opens_80_443_and_22_and_drops_the_rest():
    text = re.sub(r"#.*", "", FIREWALL.read_text())
    opened = [port for line in re.findall(r"dport (.*)", text) for port in re.findall(r"\b\d{2,5}\b(?!/)", line[:12])]
    assert set(opened) == {"80", "443", "22"}
    assert len(re.findall(r"type filter hook (?:input|forward) priority filter; policy drop;", text)) == 2
    assert "flush ruleset" not in text  # other tables are others'


@needs_nft
def test_nft_finds_nothing_wrong_with_the_firewall():
    found = subprocess.run(["nft", "--check", "--file", FIREWALL], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.fixture
def machine() -> Iterator[str]:
    """A stranger's side of a network in which a machine listens behind the firewall, at 192.0.2.1 and 2001:db8::1."""
    inside, outside = f"wn-in-{os.getpid()}", f"wn-out-{os.getpid()}"
    steps = f"""
        ip -n {inside} link add eth0 type veth peer name eth0 netns {outside}
        ip -n {inside} address add 192.0.2.1/24 dev eth0; ip -n {outside} address add 192.0.2.2/24 dev eth0
        ip -n {inside} address add 2001:db8::1/64 dev eth0 nodad
        ip -n {outside} address add 2001:db8::2/64 dev eth0 nodad
        ip -n {inside} link set lo up; ip -n {inside} link set eth0 up; ip -n {outside} link set eth0 up
        ip netns exec {inside} nft -f {FIREWALL}; ip netns exec {inside} nft -f {FIREWALL}
    """
    listen = (
        "import socket, sys; open_ = [socket.create_server(('::', p), family=socket.AF_INET6, dualstack_ipv6=True)"
        " for p in (22, 80, 443, 8001, 8011, 6379, 5432)]; print('listening', flush=True); sys.stdin.read()"
    )
    try:
        for name in (inside, outside):
            if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
                pytest.skip(NFT_NEEDS)
        subprocess.run(["sh", "-ec", steps], check=True)
        command = ["ip", "netns", "exec", inside, sys.executable, "-c", listen]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout and server.stdout.readline() == b"listening\n"
            yield outside
            server.terminate()
    finally:
        for name in (inside, outside):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def reached(outside: str, host: str, *ports: int) -> list[int]:
    """Those of the ports that a stranger can connect to, each within half a second."""
    knock = (
        "import socket, sys\n"
        "for port in sys.argv[2:]:\n"
        "    try: socket.create_connection((sys.argv[1], int(port)), timeout=0.5).close(); print(port)\n"
        "    except OSError: pass\n"
    )
    command = ["ip", "netns", "exec", outside, sys.executable, "-c", knock, host, *map(str, ports)]
    return [int(port) for port in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


@needs_nft
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_stranger_reaches_80_443_and_22_and_nothing_else(machine, host):
    assert reached(machine, host, 80, 443, 22, 8001, 8011, 6379, 5432) == [80, 443, 22]


@needs_nft
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_whoever_tries_ssh_often_waits_and_phones_do_not(machine, host):
    assert len(reached(machine, host, *[22] * 14)) in (10, 11)
    assert len(reached(machine, host, *[443] * 50)) == 50
