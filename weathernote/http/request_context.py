"""What the throttle, the view, the log and the error answers tell each other about one request."""

from dataclasses import dataclass

from django.http import HttpRequest
from rest_framework.request import Request

from weathernote.telemetry.request_event import CellAnswer

#: WSGI leaves names with a dot to the application: no header of a client becomes one.
_KEY = "weathernote.request_context"


@dataclass(slots=True)
class RequestContext:
    """Filled in as the request passes: its ID by the middleware, the client by the throttle, the answers by the view.

    `answer` and `batch` are what the request got about cells, as RequestEvent has them.
    """

    request_id: str = ""
    #: The client and the address that it comes from, as hashes; empty where no throttle identified them.
    client_hash: str = ""
    address_hash: str = ""
    answer: CellAnswer | None = None
    batch: tuple[CellAnswer, ...] = ()


def context_of(request: HttpRequest | Request) -> RequestContext:
    """The context of this request, Django's or DRF's own object for it; an empty one where it has none yet."""
    context: RequestContext | None = request.META.get(_KEY)
    if context is None:
        context = request.META[_KEY] = RequestContext()
    return context
