"""`make edge`: nginx before two instances on one machine, with a self-signed certificate."""

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import requests
from django.conf import settings

from weathernote.runtime import database, local_servers
from weathernote.runtime import serve as serving
from weathernote.runtime.edge import edge_configuration, nginx
from weathernote.runtime.edge.edge_configuration import Edge
from weathernote.runtime.edge.nginx import Nginx
from weathernote.runtime.live.live_beside import Live, live_beside
from weathernote.runtime.local_servers import LocalServerError

INSTANCES = 2
_GRACE_SECONDS = 20


def serve(*, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C; raises LocalServerError if a server does not start or ends by itself."""
    for port, name in ((settings.EDGE_PORT, "EDGE_PORT"), (settings.EDGE_HTTP_PORT, "EDGE_HTTP_PORT")):
        local_servers.require_free_port(settings.HOST, port, f"choose another with {name}.")
    local_servers.interrupt_on_signals()
    found = nginx.find()
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        folder, lock = stack.enter_context(local_servers.locked_folder(settings.RUN_DIR / f"edge-{settings.EDGE_PORT}"))
        redis_url = serving.redis_url(stack, folder, lock)
        database.prepare(demo=False, say=say)
        variables = _variables(redis_url)
        # Both kinds start at the same time.
        streams = stack.enter_context(_streams(folder, lock, variables))
        ports = stack.enter_context(_instances(folder, lock, variables))
        for live in streams:
            live.wait()
        configuration = edge_configuration.render(_edge(folder, ports, [live.port for live in streams], found))
        command = [found.binary, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
        running = stack.enter_context(local_servers.supervised(command, lock=lock, grace_seconds=_GRACE_SECONDS))
        local_servers.wait_until(
            partial(local_servers.accepts, settings.HOST, settings.EDGE_PORT),
            running,
            f"nginx did not start: its lines above and {folder / 'error.log'} say why.",
        )
        _greet(folder, say)
        code = running.wait()
        raise LocalServerError(f"nginx ended by itself (exit code {code}): {folder / 'error.log'} says why.")


def _edge(folder: Path, ports: list[int], live_ports: list[int], found: Nginx) -> Edge:
    certificate, key = _certificate(folder)
    return Edge(
        folder=folder,
        names=tuple(settings.ALLOWED_HOSTS),
        instances=tuple(f"127.0.0.1:{port}" for port in ports),
        live=tuple(f"127.0.0.1:{port}" for port in live_ports),
        certificate=certificate,
        certificate_key=key,
        listen_https=serving.host_and_port(settings.EDGE_PORT),
        listen_http=serving.host_and_port(settings.EDGE_HTTP_PORT),
        https_port=settings.EDGE_PORT,
        acme_folder=folder / "acme",
        staff_networks=tuple(settings.EDGE_STAFF_NETWORKS),
        load_modules=found.load_modules,
        spares_connections=found.spares_connections,
        user=pwd.getpwuid(0).pw_name if os.geteuid() == 0 else "",  # by default `nobody`, who may not read this folder
        address_requests=settings.EDGE_ADDRESS_REQUESTS,
        address_streams=settings.LIVE_STREAMS_PER_ADDRESS,
    )


def _certificate(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for this machine's names and of its key, which only their owner may read."""
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    if not (certificate.exists() and key.exists()):
        try:
            import trustme
        except ImportError:
            raise LocalServerError("To make a certificate, install requirements-dev.txt.") from None
        made = trustme.CA().issue_cert("localhost", "127.0.0.1", "::1")
        key.touch(mode=0o600)
        key.write_bytes(made.private_key_pem.bytes())
        certificate.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    return certificate, key


@contextmanager
def _streams(folder: Path, lock: int, variables: dict[str, str]) -> Iterator[list[Live]]:
    """The processes that hold open streams for the `with` block; each logs to a file of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                live_beside("127.0.0.1", port, lock=lock, log=folder / f"live-{number}.log", variables=variables)
            )
            for number, port in enumerate(_free_ports(INSTANCES), start=1)
        ]


def _variables(redis_url: str) -> dict[str, str]:
    """The environment of all processes behind the edge, whose streams are reached through it."""
    variables = os.environ | {"REDIS_URL": redis_url, "HOST": "127.0.0.1", "LIVE_PORT": "0"}
    return variables | {"TRUSTED_PROXY_COUNT": "1", "MIGRATE": "0"}


@contextmanager
def _instances(folder: Path, lock: int, variables: dict[str, str]) -> Iterator[list[int]]:
    """The ports of instances that run for the `with` block; each logs to a file of its own."""
    variables = variables | {"WORKERS": os.environ.get("WORKERS") or str(max(1, settings.WORKERS // INSTANCES))}
    with ExitStack() as stack:
        ports = _free_ports(INSTANCES)
        logs = [folder / f"instance-{number}.log" for number in range(1, INSTANCES + 1)]
        running = [
            stack.enter_context(_instance(lock, log, variables | {"PORT": str(port)}))
            for log, port in zip(logs, ports, strict=True)
        ]
        for process, log, port in zip(running, logs, ports, strict=True):
            local_servers.wait_until(partial(_is_healthy, port), process, f"An instance did not start: {log} says why.")
        yield ports


@contextmanager
def _instance(lock: int, log: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[Any]]:
    command = [sys.executable, "manage.py", "serve"]
    with log.open("wb") as output, ExitStack() as stack:
        yield stack.enter_context(
            local_servers.supervised(command, lock=lock, grace_seconds=_GRACE_SECONDS, stdout=output, env=variables)
        )


def _free_ports(count: int) -> list[int]:
    """Different free ports: each is bound until all are found."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _is_healthy(port: int) -> bool:
    return bool(requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok)


def _greet(folder: Path, say: Callable[[str], None]) -> None:
    base = f"https://{serving.host_and_port(settings.EDGE_PORT)}"
    serving.warn_if_unreachable(say)
    say(f"Serving on {base} (docs: {base}/api/v1/docs), with a certificate made here, before {INSTANCES} instances")
    streams = serving.host_and_port(settings.EDGE_PORT)
    say(f"Streams on wss://{streams}/api/v1/live and {base}/api/v1/weather/events, before {INSTANCES} processes")
    say(f"Logs, cache and configuration: {folder}")
    say(f"Try: curl -ki '{base}/api/v1/weather?lat=40.7128&lon=-74.0060'")
