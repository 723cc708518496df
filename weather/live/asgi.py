"""ASGI on one side, Django's requests and responses on the other."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from weathernote.http.prerendered import BodilessRequest
from weathernote.http.request_context import CONTEXT_KEY

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]


def request_of(scope: Scope) -> BodilessRequest:
    """The request that began the connection, as the throttles and the error responses of REST know it."""
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("unknown", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.get("method", "GET"),
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "REMOTE_ADDR": client[0],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "wsgi.url_scheme": "https" if scope.get("scheme") in ("https", "wss") else "http",
    }
    for name, value in scope["headers"]:
        # A header of that name with `_` would be taken for the one with `-`, which the edge vouches for.
        if b"_" not in name:
            key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
            given = value.decode("latin-1")
            environ[key] = f"{environ[key]},{given}" if key in environ else given
    return BodilessRequest(environ)


def raw(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Pairs of text as ASGI's pairs of bytes."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def respond(scope: Scope, send: Send, response: HttpResponseBase) -> None:
    """Sends a finished response; on a WebSocket's connection in place of the upgrade."""
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    assert isinstance(response, HttpResponse)  # noqa: S101 - nothing here streams by Django's means
    headers = raw(response.items())
    if response.status_code not in (204, 304) and not response.has_header("Content-Length"):
        headers.append((b"content-length", b"%d" % len(response.content)))
    body = b"" if scope.get("method") == "HEAD" else response.content
    await send({"type": f"{kind}.start", "status": response.status_code, "headers": headers})
    await send({"type": f"{kind}.body", "body": body, "more_body": False})


def abort_of(scope: Scope) -> Callable[[], None]:
    """Cuts the connection at once. The server of the project gives the means; others close it when they can."""
    abort: Callable[[], None] = scope.get("state", {}).get("abort", _do_nothing)
    return abort


def forget(scope: Scope, request: HttpRequest) -> None:
    """Frees the headers of the request that opened a stream: most of what each of thousands would hold."""
    kept = {name: request.META[name] for name in ("REQUEST_METHOD", "PATH_INFO", CONTEXT_KEY)}
    request.META.clear()
    request.META.update(kept)
    scope.get("state", {}).get("forget", _do_nothing)()


def _do_nothing() -> None:
    pass
