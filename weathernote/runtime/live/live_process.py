"""`manage.py live`: the process that holds the open streams, under uvicorn."""

import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from django.conf import settings

from weathernote.runtime import local_servers
from weathernote.runtime.live.live_beside import OTHER_PORT, host_and_port
from weathernote.runtime.live.uvicorn_protocols import StreamHttpProtocol, StreamWebSocketProtocol

Say = Callable[[str], None]
DEFAULT_PORT = 8001
LONGEST_MESSAGE_BYTES = 16_384
PING_SECONDS = 25
#: Connections that were not accepted yet; what the kernel keeps for a slow reader, of which a message is about 1 kB.
_BACKLOG, _KERNEL_BYTES = 4096, 32_768


class Server(uvicorn.Server):
    """uvicorn's server, which closes streams one after the other before it ends; a second Ctrl-C ends it at once."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains the application for DRAIN_SECONDS, while /health answers 503, and then ends as uvicorn does."""
        await self.config.loaded_app.drain(settings.DRAIN_SECONDS)
        await super().shutdown(sockets)


def serve(host: str, port: int, say: Say) -> None:
    """Serves until SIGTERM or Ctrl-C; raises LocalServerError if the port is taken."""
    local_servers.require_free_port(host, port, OTHER_PORT)
    local_servers.allow_many_connections()
    listener = _listener(host, port)
    say(f"Streams on http://{host_and_port(host, port)} (WebSocket: /api/v1/live, events: /api/v1/weather/events)")
    # uvicorn raises the signal that ended it once more: as an exception, so that what the process counted is flushed.
    local_servers.interrupt_on_signals()
    with suppress(KeyboardInterrupt):
        Server(_configuration()).run(sockets=[listener])


def _configuration() -> uvicorn.Config:
    return uvicorn.Config(
        "weathernote.asgi:application",
        interface="asgi3",
        loop="uvloop",
        http=StreamHttpProtocol,
        ws=StreamWebSocketProtocol,
        ws_max_size=LONGEST_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        # A message is 1 kB and there are few: compressing takes more memory for each stream than all the rest of it.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the throttle counts the trusted proxies itself
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    if sys.platform == "linux":
        # A phone that is gone without a word: as long as two pings that nobody answers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2 * PING_SECONDS * 1000)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
