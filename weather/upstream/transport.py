"""An HTTP GET with one deadline for all of it and a limit of its size, whatever the server does.

It uses requests and adds what requests does not have, each part tested by tests/faults/test_upstream_answers.py:

- one deadline for name lookup, connection, headers and a body that arrives byte by byte, even if the lookup hangs:
  91 lines (`Transport` to `_TLSConnection`); requests has a timeout for each read only;
- a limit of the decoded body, so that a gzip bomb never fills the memory: 19 lines (`_body`);
- every failure as an UpstreamUnavailable that says whether to retry, or an InvalidResponse: 28 lines
  (`_reply_or_error`);
- no API key in a log: 15 lines (`_WithoutKey`).

On an idle connection to the same machine a call takes 460 µs, by a bare Session 500 to 560 µs, as
tests.benchmarks.transport_cost shows. pycurl has the first two parts as options: the same takes 98 lines and 70 µs. But
it brings a TLS library and certificates of its own, to save 0.4 ms of a call that takes 20 ms or more.
"""

import logging
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from weather.upstream.errors import InvalidResponse, UpstreamError, UpstreamUnavailable

_CHUNK_BYTES = 64 * 1024
#: The body of an error is read up to here: it only has a reason.
_ERROR_BYTES = 16 * 1024
#: How many abandoned calls may hang in a name lookup, which cannot be interrupted.
_MAX_LOST_CALLS = 4


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, its headers (names in any case) and the decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytearray


class Transport:
    """Makes GETs over connections that are reused: one for each thread that makes a call at the same time.

    The timeout of requests applies to each read of a socket, so that a server which sends its answer byte by byte is
    never late, and a name lookup has no timeout. So each call runs in a thread of its own, and the caller stops waiting
    at the deadline and shuts the call's socket down, which ends the thread in whatever read it is. A thread without a
    socket ends by itself: connect and TLS handshake have a timeout each, and after a lookup that took too long
    `_Adapter.take` ends it. At most four threads hang in a lookup: until one returns, calls fail at once.
    """

    def __init__(self) -> None:
        self._idle: deque[_Adapter] = deque()
        self._lost: list[threading.Thread] = []
        self._losing = threading.Lock()

    def get(self, url: str, *, headers: Mapping[str, str], deadline: float, max_bytes: int) -> Reply:
        """The reply to a GET; `deadline` is in time.monotonic(), `max_bytes` limits the decoded body of a 200.

        There are no redirects, no cookies, and no proxy or netrc from the environment: only a Session has those. Raises
        UpstreamUnavailable, or InvalidResponse for a body that is too long or cannot be decoded.
        """
        with self._losing:
            self._lost = [call for call in self._lost if call.is_alive()]
            if len(self._lost) >= _MAX_LOST_CALLS:
                raise UpstreamUnavailable("the lookup of its name hangs")
        adapter = self._idle_adapter()
        outcomes: SimpleQueue[Reply | UpstreamError] = SimpleQueue()
        left = max(deadline - time.monotonic(), 0.001)
        call = threading.Thread(
            target=lambda: outcomes.put(_reply_or_error(adapter, url, headers, left, max_bytes)),
            name="open-meteo-call",
            daemon=True,
        )
        call.start()
        try:
            outcome = outcomes.get(timeout=left)
        except Empty:
            adapter.sever()
            with self._losing:
                self._lost.append(call)
            raise UpstreamUnavailable("it did not answer in time") from None
        self._idle.append(adapter)
        if isinstance(outcome, UpstreamError):
            raise outcome
        return outcome

    def _idle_adapter(self) -> "_Adapter":
        try:
            return self._idle.pop()  # the one used last, so that unneeded ones time out
        except IndexError:
            return _Adapter()


class _Adapter(HTTPAdapter):
    """A reusable connection that another thread can close, even while it is being made."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._severed = False
        kinds = {"http": _Connection, "https": _TLSConnection}
        self._kinds = {scheme: type(kind.__name__, (kind,), {"adapter": self}) for scheme, kind in kinds.items()}
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = self._kinds[pool.scheme]
        return pool

    def take(self, connected: socket.socket | None) -> None:
        self._socket = connected
        if self._severed:  # sever() sets it before it reads the socket, so that no socket is missed by both threads
            raise ConnectionAbortedError("the caller stopped waiting")

    def sever(self) -> None:
        self._severed = True
        if self._socket is not None:
            with suppress(OSError):
                # The base class's shutdown: that of a TLS socket changes the object that the other thread reads from.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    adapter: _Adapter

    def connect(self) -> None:
        super().connect()
        self.adapter.take(self.sock)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


def _reply_or_error(
    adapter: _Adapter, url: str, headers: Mapping[str, str], timeout_seconds: float, max_bytes: int
) -> Reply | UpstreamError:
    """The reply, or the error for the waiting thread to raise.

    Raised there, its traceback and context do not lead here, where local variables hold the URL with the API key.
    """
    try:
        request = requests.Request("GET", url, headers=dict(headers)).prepare()
        response = adapter.send(request, stream=True, timeout=timeout_seconds)
        with response:
            return Reply(response.status_code, response.headers, _body(response, max_bytes))
    except UpstreamError as error:
        return error.with_traceback(None)
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return UpstreamUnavailable("it did not answer in time")
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError):
        return UpstreamUnavailable("no TLS connection to it")
    except requests.ConnectionError as error:
        if isinstance(error.args[0], urllib3.exceptions.ProtocolError):
            return UpstreamUnavailable("it broke the connection", worth_a_retry=True)
        return UpstreamUnavailable("no connection to it")
    except urllib3.exceptions.ProtocolError:
        return UpstreamUnavailable("it broke off its answer", worth_a_retry=True)
    except urllib3.exceptions.DecodeError:
        return InvalidResponse("its answer cannot be decompressed")
    except Exception as error:  # noqa: BLE001  # a thread that ends without an outcome would look like one that hangs
        return UpstreamUnavailable(f"the call failed: {type(error).__name__}")


def _body(response: requests.Response, max_bytes: int) -> bytearray:
    """The decoded body of a 200, the first _ERROR_BYTES or so of a 4xx, empty for other statuses.

    Chunks are counted after decoding, and urllib3 decodes no more at a time than it is asked for: 48 kB of gzip that
    expand to 50 MB never fill the memory.
    """
    body = bytearray()
    success = response.status_code == 200
    if not success and not 400 <= response.status_code < 500:
        return body
    if success and (response.raw.length_remaining or 0) > max_bytes:
        raise InvalidResponse(f"its answer is longer than {max_bytes} bytes")
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if not success and len(body) > _ERROR_BYTES:
            break
        if len(body) > max_bytes:
            raise InvalidResponse(f"its answer is longer than {max_bytes} bytes")
    return body


class _WithoutKey(logging.Filter):
    """Removes the API key from what urllib3 logs: the query at DEBUG, and warnings about malformed headers."""

    _KEY = re.compile(r"(apikey=)[^&\s\"')]*")

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if "apikey=" in message:
            record.msg, record.args = self._KEY.sub(r"\1…", message), None
        return True


for _name in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    # A logger's filter does not apply to its children, so each logger gets one.
    logging.getLogger(f"urllib3.{_name}").addFilter(_WithoutKey())
