"""Fault 75: the environment file, read alike by cron, systemd and make, whatever a secret has in it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import TOP

READER = TOP / "deploy" / "with_environment.py"
FILE = r"""
# what an operator may write
; and this too
AMPERSAND=a&b;c|d<e>f(g)
BLANKS = "  two  words  "
INNER=two  words
DOLLAR=$HOME ${PATH} `id` $(id) !x
HASH=a#b #c
BACKSLASH='a\b\\c'
ESCAPED=a\\b\ c
QUOTES='say "it"'
APOSTROPHE="it's \"so\" \$5 a\b"
LATER=a"b'c
EQUALS=a=b==
PERCENT=50%s
EMPTY=
UNICODE=schlüssel
DATABASE_URL=postgres://me:p&s%23$w*rd@host:5432/db?sslmode=require&x=1
"""
MEANT = {
    "AMPERSAND": "a&b;c|d<e>f(g)",
    "BLANKS": "  two  words  ",
    "INNER": "two  words",
    "DOLLAR": "$HOME ${PATH} `id` $(id) !x",
    "HASH": "a#b #c",
    "BACKSLASH": r"a\b\\c",
    "ESCAPED": r"a\b c",
    "QUOTES": 'say "it"',
    "APOSTROPHE": r"""it's "so" $5 a\b""",
    "LATER": "a\"b'c",
    "EQUALS": "a=b==",
    "PERCENT": "50%s",
    "EMPTY": "",
    "UNICODE": "schlüssel",
    "DATABASE_URL": "postgres://me:p&s%23$w*rd@host:5432/db?sslmode=require&x=1",
}
TELLS = "import json, os; print(json.dumps(dict(os.environ)))\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The code where an operator has it, but that each program of it tells the environment that it was given."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(READER, tmp_path / "deploy")
    for program in ("manage.py", "deploy/start.py", "deploy/venv.py"):
        (tmp_path / program).write_text(TELLS if program != "deploy/venv.py" else "")
    shutil.copy(TOP / "Makefile", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "environment").write_text(FILE)
    return tmp_path


def told_by(machine: Path, command: list[str], **variables: str) -> dict[str, str]:
    env = {"PATH": os.environ["PATH"], **variables}
    ran = subprocess.run(command, cwd=machine, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    return {name: told.get(name) for name in MEANT}


def by_cron(machine: Path) -> dict[str, str]:
    text = (TOP / "deploy" / "cron" / "weathernote").read_text()
    command = text.splitlines()[-1].split(None, 6)[-1].replace(r"\%", "%").replace('>> "$LOG" 2>&1', "")
    own = {"CODE": str(machine), "ENVIRONMENT": str(machine / "environment"), "SPREAD_SECONDS": "1"}
    return told_by(machine, ["/bin/sh", "-c", command], **own)


def by_systemd(machine: Path) -> dict[str, str]:
    unit = (TOP / "deploy" / "systemd" / "weathernote@.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    fitted = command.replace("/srv/weathernote", str(machine)).replace("/etc/weathernote", str(machine))
    return told_by(machine, shlex.split(fitted))


def by_make(machine: Path) -> dict[str, str]:
    return told_by(machine, ["make", "run", f"ENVIRONMENT_FILE={machine / 'environment'}", f"PYTHON={sys.executable}"])


@pytest.mark.parametrize("way", [by_cron, by_systemd, by_make])
def test_a_secret_is_the_same_in_cron_systemd_and_make(machine, way):
    assert way(machine) == MEANT


@pytest.mark.parametrize(
    "line",
    [
        *("export A=b", "just words", "=b", "1A=b", "A B=c", "A-B=c", "A='open", 'A="open', "A='b' c", "A=b\\"),
        *('A="b"c"', "A='it's'", 'A="b\\"', "A=\0"),
    ],
)
def test_a_line_that_means_nothing_stops_the_command_and_is_named_without_its_value(machine, line):
    (machine / "environment").write_text(f"# first\n{line}\n")
    command = [sys.executable, "deploy/with_environment.py", "environment", sys.executable, "manage.py"]
    ran = subprocess.run(command, cwd=machine, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "") and "Traceback" not in ran.stderr
    assert "environment, line 2: " in ran.stderr and "open" not in ran.stderr and "words" not in ran.stderr


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"A=\xff\n", "not in UTF-8")])
def test_a_file_that_cannot_be_read_stops_the_command(machine, content, said):
    (machine / "environment").unlink()
    if content:
        (machine / "environment").write_bytes(content)
    command = [sys.executable, "deploy/with_environment.py", "environment", sys.executable, "manage.py"]
    ran = subprocess.run(command, cwd=machine, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1 and said in ran.stderr and "Traceback" not in ran.stderr
