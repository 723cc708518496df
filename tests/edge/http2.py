"""Requests over HTTP/2, which the standard library does not speak."""

import shutil
import subprocess

import pytest

from tests.edge.edge_server import OUTSIDE, EdgeServer
from tests.edge.wire import parsed


def curl_with_http_2() -> str:
    """The path of a curl that speaks HTTP/2; skips the test without one."""
    curl = shutil.which("curl")
    if not curl or "HTTP2" not in subprocess.run([curl, "-V"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("no curl with HTTP/2 is installed")
    return curl


def over_http_2(edge: EdgeServer, path: str, *options: str, address: str = OUTSIDE) -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and body of the answer to curl, with the path as it is written."""
    said = ["--silent", "--include", "--http2", "--path-as-is", "--interface", address]
    command = [curl_with_http_2(), *said, *options, "--cacert", str(edge.folder / "ca.pem"), edge.base + path]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    assert answer.startswith(b"HTTP/2 ")
    return parsed(answer)
