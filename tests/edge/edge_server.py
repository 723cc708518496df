"""The real nginx with the configuration that is rendered for production, before whatever instances a test gives it."""

import os
import pwd
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

import requests
import trustme
from django.test import override_settings
from requests.adapters import HTTPAdapter

from tests.support.servers import Process, children_of, eventually, free_port
from weathernote.runtime.edge import edge_configuration, nginx
from weathernote.runtime.edge.edge_configuration import Edge

#: What stands for the world: an address of this machine that is in no allowed network.
OUTSIDE = "127.0.0.77"
#: An address that staff and Prometheus ask from.
INSIDE = "127.0.0.1"
#: Where no process listens.
NOBODY = "127.0.0.1:9"
NAMES = ("127.0.0.1", "localhost", "weather.example")


class FromAddress(HTTPAdapter):
    """Sends from one of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


def edge_before(instances: Sequence[str], folder: Path, **changes: Any) -> Edge:
    """An edge on free ports with a certificate of its own; `ca.pem` in its folder vouches for it."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    made = authority.issue_cert(*NAMES)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    made.private_key_pem.write_to_path(str(folder / "certificate.key"))
    made.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    https, found = free_port(), nginx.find()
    edge = Edge(
        folder=folder,
        names=NAMES,
        instances=tuple(instances),
        live=(NOBODY,),
        certificate=folder / "certificate.pem",
        certificate_key=folder / "certificate.key",
        listen_https=f"127.0.0.1:{https}",
        listen_http=f"127.0.0.1:{free_port()}",
        https_port=https,
        acme_folder=folder / "acme",
        staff_networks=(IPv4Network(f"{INSIDE}/32"),),
        load_modules=found.load_modules,
        spares_connections=found.spares_connections,
        user=pwd.getpwuid(0).pw_name if os.geteuid() == 0 else "",
        hand_seconds=1,
    )
    return replace(edge, **changes)


class EdgeServer(Process):
    """nginx in the foreground; beside https it listens for plain loads, and tells the key of a question."""

    def __init__(self, edge: Edge, **fair_use: int) -> None:
        self.edge, self.folder = edge, edge.folder
        self.plain_port, self.keys_port = free_port(), free_port()
        with override_settings(**fair_use):
            self.configuration = edge_configuration.render(edge)
        self._listen_for_loads()
        self._tell_keys()
        self.base = f"https://127.0.0.1:{edge.https_port}"
        self.plain = f"http://127.0.0.1:{self.plain_port}"
        self.insecure = f"http://{edge.listen_http}"
        self.start()

    def start(self) -> None:
        command = [nginx.find().binary, "-p", str(self.folder), "-c", str(self.configuration), "-g", "daemon off;"]
        super().__init__(command, self.folder / "nginx.log")
        try:
            eventually(lambda: self.session().get(f"{self.insecure}/", allow_redirects=False, timeout=10).is_redirect)
        except BaseException:
            self.stop()
            raise AssertionError(f"nginx did not start:\n{self.said()}") from None

    def _listen_for_loads(self) -> None:
        servers = self.folder / "servers.conf"
        secure = f"listen {self.edge.listen_https} ssl;\n"
        text = servers.read_text()
        assert text.count(secure) == 1
        servers.write_text(text.replace(secure, f"{secure}    listen 127.0.0.1:{self.plain_port};\n"))

    def _tell_keys(self) -> None:
        """/weather tells as the edge works it out, /script/weather by the script alone, /usual whether it is spared."""
        rendered = (self.folder / "servers.conf").read_text()
        asked = 'location = /usual { return 200 "$edge_is_usual "; }\n'
        for record, path, key, args in (
            ("weather", "/api/v1/weather", "$edge_key", "$edge_args"),
            ("forecast", "/api/v1/forecast", "$edge_key", "$edge_args"),
            ("air-quality", "/api/v1/air-quality", "$edge_key", "$edge_args"),
            ("openmeteo", "/v1/forecast", "$edge_question_key", "$edge_question_args"),
        ):
            _, _, location = rendered.partition(f"location = {path} {{")
            given = " ".join(re.findall(r"set \$edge_[^;]+;", location.partition("}")[0]))
            asked += f'location = /{record} {{ {given} return 200 "{key} {path}?{args}"; }}\n'
            # Of Open-Meteo's question the script tells what is asked too, for it is more than a cell.
            args = "$edge_unusual_args" if record == "openmeteo" else args
            asked += f'location = /script/{record} {{ {given} return 200 "$edge_unusual_key {path}?{args}"; }}\n'
        server = f"server {{ listen 127.0.0.1:{self.keys_port}; access_log off;\n{asked}}}\n"
        before, _, _ = self.configuration.read_text().rpartition("}")
        self.configuration.write_text(f"{before}{server}}}\n")

    def session(self, address: str = OUTSIDE, client: str = "") -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.folder / "ca.pem")
        for scheme in ("https://", "http://"):
            session.mount(scheme, FromAddress(address))
        if client:
            session.headers["x-client-id"] = client
        return session

    def get(self, path: str, *, client: str = "", address: str = OUTSIDE, **options: Any) -> requests.Response:
        with self.session(address, client) as session:
            return session.request(options.pop("method", "GET"), self.base + path, timeout=20, **options)

    def reload(self) -> None:
        """Reads the configuration again; comes back when the old workers take no more requests."""
        before = set(children_of(self.pid))
        self.signal(signal.SIGHUP)
        eventually(lambda: set(children_of(self.pid)) - before)

    def written(self) -> str:
        """All that nginx wrote so far, but for its configuration."""
        time.sleep(1.2)  # the log is written every second
        files = [self.folder / name for name in ("access.log", "error.log", "nginx.log")]
        folders = [self.folder / name for name in ("cache", "questions", "graphql", "temp")]
        files += [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        return "".join(file.read_text("latin-1") for file in files if file.exists())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
