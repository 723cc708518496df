"""What throttle, view, log and error responses share about one request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from weathernote.telemetry.request_event import CellAnswer

#: WSGI leaves names with a dot to the application, so no header can set it.
CONTEXT_KEY = "weathernote.request_context"


@dataclass(slots=True)
class RequestContext:
    """Filled in on the way: the ID by the middleware, the client by the throttle, the answers by the view.

    `answer` and `batch` become the attributes of RequestEvent.
    """

    request_id: str = ""
    #: Hashes of the client and of its address; empty where no throttle identified them.
    client_hash: str = ""
    address_hash: str = ""
    answer: CellAnswer | None = None
    batch: tuple[CellAnswer, ...] = ()
    #: The values of the throttles' lookups and of the view's, where they were fetched before DRF's steps began.
    fetched: Iterator[Any] | None = None


def context_of(request: HttpRequest | Request) -> RequestContext:
    """The context of a request, given as Django's or DRF's object; a new one at the first call."""
    context: RequestContext | None = request.META.get(CONTEXT_KEY)
    if context is None:
        context = request.META[CONTEXT_KEY] = RequestContext()
    return context
