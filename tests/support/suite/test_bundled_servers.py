"""Whatever the PATH of this machine has, tests and what they start run on the servers that the project installs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import TOP
from weathernote.runtime.edge import nginx
from weathernote.runtime.local_servers import bundled_redis_binary

pytestmark = pytest.mark.pure

FOUND_BY_A_CHILD = (
    "from weathernote.runtime import local_servers; from weathernote.runtime.edge import nginx; "
    "print(local_servers.redis_binary()); print(nginx.find().binary)"
)


def test_what_a_test_starts_finds_the_servers_that_the_project_installs():
    command = [sys.executable, "-c", FOUND_BY_A_CHILD]
    said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    assert [Path(line).resolve() for line in said.split()] == [
        Path(bundled_redis_binary()).resolve(),
        Path(nginx.bundled().binary).resolve(),
    ]
