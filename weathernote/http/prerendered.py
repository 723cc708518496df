"""What Django makes of a request without a body and of an answer that is finished, in a fraction of its time.

Django looks at a request as if it might hold a form, and at each header of an answer as at somebody else's.
"""

from collections.abc import Mapping, ValuesView
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.core.handlers.wsgi import LimitedStream, WSGIRequest, get_bytes_from_wsgi
from django.http import HttpResponse, QueryDict
from django.http.response import ResponseHeaders
from django.utils.functional import cached_property

_NOTHING: Any = LimitedStream(BytesIO(), 0)


class ServedRequest(WSGIRequest):
    """A request whose query may have any number of parameters; Django's own bound is for forms."""

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override] # noqa: N802 - Django's own name
        query = QueryDict(mutable=True)
        for name, value in parse_qsl(_decoded(get_bytes_from_wsgi(self.environ, "QUERY_STRING", "")), True):
            query.appendlist(name, value)
        query._mutable = False
        return query


def _decoded(query: bytes) -> str:
    try:
        return query.decode()
    except UnicodeDecodeError:
        return query.decode("iso-8859-1")


class BodilessRequest(ServedRequest):
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


class TrustedHeaders(ResponseHeaders):
    """Names and values that are our own, or were found sane: none is looked at again."""

    _store: dict[str, tuple[str, str]]

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._store = {name.lower(): (name, value) for name, value in headers.items()}

    def __setitem__(self, name: str, value: str) -> None:  # type: ignore[override]
        self._store[name.lower()] = (name, value)

    def items(self) -> ValuesView[tuple[str, str]]:  # type: ignore[override]
        return self._store.values()


class PrerenderedResponse(HttpResponse):
    """200 with bytes that are the whole body; `headers` name its type."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.headers = TrustedHeaders(headers)
        self._container = [body]
        self._charset = self._reason_phrase = self._handler_class = None
        self._resource_closers: list[Any] = []
        self.cookies = SimpleCookie()
        self.closed = False
