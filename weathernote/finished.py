"""What Django makes of a request without a body and of an answer that is finished, in a fraction of its time.

Django looks at a request as if it might hold a form, and at each header of an answer as at somebody else's.
"""

from collections.abc import Mapping, ValuesView
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import LimitedStream, WSGIRequest
from django.http import HttpResponse
from django.http.response import ResponseHeaders

_NOTHING: Any = LimitedStream(BytesIO(), 0)


class BodilessRequest(WSGIRequest):
    """A GET of a path that stands as it is; its body, if it has one, is never read."""

    def __init__(self, environ: dict[str, Any]) -> None:
        # All that Django's own sets here: a test holds the two against each other.
        self.environ = self.META = environ
        self.path = self.path_info = environ["PATH_INFO"]
        self.method = environ["REQUEST_METHOD"]
        self.content_type, self.content_params = "", {}
        self._stream = _NOTHING
        self._read_started = False
        self.resolver_match = None


class OurHeaders(ResponseHeaders):
    """Names and values that are our own, or were found sane: none is looked at again."""

    _store: dict[str, tuple[str, str]]

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._store = {name.lower(): (name, value) for name, value in headers.items()}

    def __setitem__(self, name: str, value: str) -> None:  # type: ignore[override]
        self._store[name.lower()] = (name, value)

    def items(self) -> ValuesView[tuple[str, str]]:  # type: ignore[override]
        return self._store.values()


class FinishedResponse(HttpResponse):
    """200 with bytes that are the whole body; `headers` name its type."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.headers = OurHeaders(headers)
        self._container = [body]
        self._charset = self._reason_phrase = self._handler_class = None
        self._resource_closers: list[Any] = []
        self.cookies = SimpleCookie()
        self.closed = False
