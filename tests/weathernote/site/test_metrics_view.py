"""Who may see `/metrics`: the machine itself and the networks that the operator names, whatever a header says."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.support.processes.tree import copy_of_the_code, run


@pytest.mark.parametrize("address", ["203.0.113.9", "10.1.2.3", "2001:db8::1", "", "unknown"])
def test_from_outside_there_is_nothing_whatever_headers_say(api: Client, address: str) -> None:
    names = "X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"
    spoofed = dict.fromkeys(names, "127.0.0.1")
    answer = api.get("/metrics", REMOTE_ADDR=address, headers=spoofed)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself_sees_it_whatever_host_says(api: Client, address: str) -> None:
    answer = api.get("/metrics", REMOTE_ADDR=address, headers={"Host": "odd.example"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_trusted_proxy_does_not_lend_its_address(api: Client, settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    answer = api.get("/metrics", REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.status_code == 404


def test_it_is_only_read(api: Client) -> None:
    assert api.post("/metrics").status_code == 405
    assert api.post("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404


def test_networks_that_are_none_stop_the_start_with_a_line(tmp_path: Path) -> None:
    tree = copy_of_the_code(tmp_path)
    told = run(tree, "manage.py", "serve", METRICS_ALLOWED_NETWORKS="10.0.0.0/33")
    assert told.returncode == 1
    assert "METRICS_ALLOWED_NETWORKS must be networks such as 10.0.0.0/8" in told.stderr
    assert "Traceback" not in told.stderr
