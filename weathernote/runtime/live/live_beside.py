"""Starts the process that holds the open streams beside an instance, without loading what that process needs."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

from weathernote.bare_settings import settings
from weathernote.instance import METRICS_VARIABLE
from weathernote.runtime import local_servers
from weathernote.runtime.local_servers import LocalServerError

Say = Callable[[str], None]
OTHER_PORT = "choose another with LIVE_PORT."
#: What the process may take to end, besides its drain.
_GRACE_SECONDS = 8


class Live(NamedTuple):
    """A process that holds streams; where it listens and where it logs, None for where this process does."""

    process: Popen[Any]
    host: str
    port: int
    log: Path | None

    def wait(self) -> None:
        """Waits until it accepts connections; raises LocalServerError if it does not start."""
        where = f"{self.log} says why" if self.log else "its lines above say why"
        ready = partial(local_servers.accepts, self.host, self.port)
        local_servers.wait_until(ready, self.process, f"The process for streams did not start: {where}.")

    def drain(self) -> None:
        """Asks it to close its streams, over DRAIN_SECONDS, and to end; does not wait."""
        self.process.terminate()


@contextmanager
def live_beside(
    host: str, port: int, *, lock: int, log: Path | None = None, variables: dict[str, str] | None = None
) -> Iterator[Live]:
    """Starts the process for the `with` block, and again where it ends by itself.

    `variables` are its environment, else those of this process.
    """
    # Its metrics are its own, at its own /metrics.
    environment = {name: value for name, value in (variables or dict(os.environ)).items() if name != METRICS_VARIABLE}
    command = [sys.executable, "manage.py", "live", "--host", host, "--port", str(port), "--quiet"]
    with ExitStack() as stack:
        running = local_servers.supervised(
            command,
            lock=lock,
            grace_seconds=settings.DRAIN_SECONDS + _GRACE_SECONDS,
            stdout=stack.enter_context(log.open("wb")) if log else None,
            env=environment,
            again=True,
        )
        yield Live(stack.enter_context(running), host, port, log)


def usable_port(host: str, port: int, say: Say, *, taken: int) -> int:
    """The port itself, or where it is taken, or the one that will be, a free one, which is said."""
    try:
        if port == taken:
            raise LocalServerError(OTHER_PORT)
        local_servers.require_free_port(host, port, OTHER_PORT)
    except LocalServerError:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
            free = int(probe.getsockname()[1])
        say(f"Port {port} (LIVE_PORT) is taken: open streams are on port {free}.")
        return free
    return port


def host_and_port(host: str, port: int) -> str:
    """The host, in brackets if it is an IPv6 address, and the port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
