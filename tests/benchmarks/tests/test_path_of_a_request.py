"""A request passes few exchanges with Redis and few threads; whoever adds to them sees it here."""

import subprocess
import sys

from tests.support.servers import TOP


def test_what_a_request_passes_is_bounded():
    command = [sys.executable, "-m", "tests.benchmarks.path_of_a_request"]
    told = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, timeout=120).stdout
    cached, cold = ([int(count) for count in line.split()[1:]] for line in told.splitlines()[1:3])
    assert cached[-2:] == [1, 1]
    assert cold[-2] <= 3 and cold[-1] <= 8
