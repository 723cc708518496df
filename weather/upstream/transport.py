"""One HTTP GET that is held to one deadline and one size, whatever the other side does.

It stands on requests and adds what requests does not have, each part held by tests/faults/test_upstream_answers.py:

- one deadline over lookup, connection, headers and a dripping body, also where the lookup hangs: 92 lines (`Transport`
  to `_TLSConnection`); requests has a timeout for each read alone;
- a limit of the decoded body, so that a gzip bomb never fills the memory: 20 lines (`_body`);
- every failure told as one of three, with those that are worth a second attempt: 26 lines (`_reply_or_error`);
- the key in no log: 15 lines (`_WithoutKey`).

On an idle connection to the same machine a call takes 460 µs, by a bare Session 500 to 560 µs, as
tests.benchmarks.transport_cost shows. pycurl has the first two parts as options: the same job is 98 lines and 70 µs. It
would leave requests without a use and bring a TLS library and certificates of its own, to save 0.4 ms of a call that
takes 20 ms or more.
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
#: Of an error only its reason is read.
_ERROR_BYTES = 16 * 1024
#: Calls that were given up and still hang in a lookup of the name, which nothing can interrupt.
_MAX_LOST_CALLS = 4


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, its headers (names in any case) and the decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytearray


class Transport:
    """GETs over connections that are kept alive between them: one for each thread that asks at the same time.

    The timeouts of requests hold for each read of a socket: a server that drips its headers or its body byte by byte
    is never late, and the lookup of a name knows no timeout at all. So each call runs in a thread of its own, and
    whoever waits for it walks away at the deadline and shuts the call's socket, which ends the thread wherever it
    reads. A thread that has no socket yet ends by itself: a connect and a TLS handshake have one timeout each over
    the whole of them, and after a lookup that took too long `_Line.take` ends it. Of threads that hang in such a lookup
    there are never more than four: until one is back, calls fail at once.
    """

    def __init__(self) -> None:
        self._idle: deque[_Line] = deque()
        self._lost: list[threading.Thread] = []
        self._losing = threading.Lock()

    def get(self, url: str, *, headers: Mapping[str, str], deadline: float, max_bytes: int) -> Reply:
        """The reply to a GET; `deadline` is in time.monotonic(), `max_bytes` bounds the decoded body of a 200.

        No redirects, no cookies, and no proxy or netrc of the environment: a Session brings those, and here is none.
        Raises UpstreamUnavailable, InvalidResponse for a body that is too long or cannot be decoded.
        """
        with self._losing:
            self._lost = [call for call in self._lost if call.is_alive()]
            if len(self._lost) >= _MAX_LOST_CALLS:
                raise UpstreamUnavailable("the lookup of its name hangs")
        line = self._idle_line()
        outcomes: SimpleQueue[Reply | UpstreamError] = SimpleQueue()
        left = max(deadline - time.monotonic(), 0.001)
        call = threading.Thread(
            target=lambda: outcomes.put(_reply_or_error(line, url, headers, left, max_bytes)),
            name="open-meteo-call",
            daemon=True,
        )
        call.start()
        try:
            outcome = outcomes.get(timeout=left)
        except Empty:
            line.sever()
            with self._losing:
                self._lost.append(call)
            raise UpstreamUnavailable("it did not answer in time") from None
        self._idle.append(line)
        if isinstance(outcome, UpstreamError):
            raise outcome
        return outcome

    def _idle_line(self) -> "_Line":
        try:
            return self._idle.pop()  # the one used last, so that the others may end when they are not needed
        except IndexError:
            return _Line()


class _Line(HTTPAdapter):
    """A kept-alive connection that another thread can close, also while it is still being made."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._severed = False
        kinds = {"http": _Connection, "https": _TLSConnection}
        self._kinds = {scheme: type(kind.__name__, (kind,), {"line": self}) for scheme, kind in kinds.items()}
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = self._kinds[pool.scheme]
        return pool

    def take(self, connected: socket.socket | None) -> None:
        self._socket = connected
        if self._severed:  # it is set before sever() looks for a socket, so one of the two threads sees the other
            raise ConnectionAbortedError("given up meanwhile")

    def sever(self) -> None:
        self._severed = True
        if self._socket is not None:
            with suppress(OSError):
                # The plain shutdown, for that of a TLS socket changes what the other thread is reading from.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    line: _Line

    def connect(self) -> None:
        super().connect()
        self.line.take(self.sock)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


def _reply_or_error(
    line: _Line, url: str, headers: Mapping[str, str], timeout_seconds: float, max_bytes: int
) -> Reply | UpstreamError:
    """The reply, or the error to raise in the thread that waits.

    An error raised there has no traceback or context from here, where local variables hold the URL and its key.
    """
    try:
        request = requests.Request("GET", url, headers=dict(headers)).prepare()
        response = line.send(request, stream=True, timeout=timeout_seconds)
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
    """The decoded body of a 200, the beginning of an error's, nothing of the rest.

    A chunk is counted after decoding, and urllib3 decodes no more at a time than was asked for: 48 kB of gzip that
    stand for 50 MB are never in memory as such.
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
    """Takes the key out of what urllib3 logs: the query at DEBUG, and a warning about a malformed header."""

    _KEY = re.compile(r"(apikey=)[^&\s\"')]*")

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if "apikey=" in message:
            record.msg, record.args = self._KEY.sub(r"\1…", message), None
        return True


for _name in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    # A filter of a logger sees only what is logged under that very name, so it stands on each.
    logging.getLogger(f"urllib3.{_name}").addFilter(_WithoutKey())
