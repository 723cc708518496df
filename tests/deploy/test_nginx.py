"""The script that gets a certificate: run with stand-ins for nginx and certbot that note what they are told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import TOP

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed"),
]
HOST = "weather.example"


class Machine:
    """A machine whose certbot gets a certificate, or none."""

    def __init__(self, folder: Path, *, certbot_works: bool = True) -> None:
        self.live, self.log = folder / "live", folder / "log"
        self.path = folder / "bin"
        self.path.mkdir()
        got = f"mkdir -p {self.live / HOST} && echo real > {self.live / HOST}/fullchain.pem"
        self._stands_in("nginx", f"ls {self.live / HOST}/fullchain.pem >> {self.log}")
        self._stands_in("certbot", got if certbot_works else "exit 1")

    def _stands_in(self, name: str, does: str) -> None:
        file = self.path / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\n{does}\n')
        file.chmod(0o755)

    def run(self) -> int:
        variables = {"LIVE": str(self.live), "WEBROOT": str(self.live.parent / "acme")}
        path = {"PATH": f"{self.path}:{os.environ['PATH']}"}
        command = ["sh", "deploy/nginx/certificate.sh", HOST, "me@example.org", "/etc/edge"]
        return subprocess.run(command, cwd=TOP, env=variables | path, check=False).returncode

    def told(self, word: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(word)]

    def certificate(self) -> str:
        return (self.live / HOST / "fullchain.pem").read_text()


def test_nginx_has_a_certificate_before_let_s_encrypt_asks_it(tmp_path):
    machine = Machine(tmp_path)
    assert machine.run() == 0
    assert machine.log.read_text().splitlines()[:2] == [
        "nginx -t -q -c /etc/edge/nginx.conf",
        str(machine.live / HOST / "fullchain.pem"),
    ]


def test_certbot_s_certificate_takes_the_place_of_the_first(tmp_path):
    machine = Machine(tmp_path)
    machine.run()
    assert machine.certificate() == "real\n"
    assert machine.told("nginx")[-1] == "nginx -s reload -c /etc/edge/nginx.conf"


def test_a_renewal_has_nginx_read_it(tmp_path):
    machine = Machine(tmp_path)
    machine.run()
    (asked,) = machine.told("certbot")
    assert "--webroot --webroot-path" in asked
    assert asked.endswith(
        "--deploy-hook nginx -t -q -c /etc/edge/nginx.conf && nginx -s reload -c /etc/edge/nginx.conf"
    )


def test_a_certificate_that_is_there_is_kept(tmp_path):
    machine = Machine(tmp_path, certbot_works=False)
    (machine.live / HOST).mkdir(parents=True)
    (machine.live / HOST / "fullchain.pem").write_text("mine\n")
    assert machine.run() == 1
    assert machine.certificate() == "mine\n"
