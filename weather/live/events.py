"""Server-sent events at /api/v1/weather/events: one cell, for pages and for phones that speak no WebSocket."""

from random import randint

from django.http import HttpRequest

from weather.api.query import question_in
from weather.core.answers import Question
from weather.core.datasets import WEATHER
from weather.live import messages
from weather.live.asgi import Receive, Scope, Send, abort_of, raw
from weather.live.gate import Admitted, cors_headers
from weather.live.hub import Hub
from weather.live.message import Message
from weather.live.stream import Stream
from weathernote.http.problems import Problem

#: How long a page waits before it comes back: spread, so that not all come at once after a process has ended.
SHORTEST_RETRY_MILLISECONDS, LONGEST_RETRY_MILLISECONDS = 1_000, 10_000
NORMAL, GOING_AWAY = 1000, 1001
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


def question_of(request: HttpRequest) -> Question | Problem:
    """The question of a request for events, or the problem (400) with its query."""
    try:
        return question_in(request.GET, WEATHER, None)
    except Problem as problem:
        return problem


def headers_of(request: HttpRequest, admitted: Admitted) -> dict[str, str]:
    """The headers of the response that the events are in."""
    return _HEADERS | admitted.headers | {"X-Request-ID": admitted.request_id} | cors_headers(request)


class Events:
    """Serves one response of events until either side ends it."""

    __slots__ = ("_code", "hub", "receive", "send", "stream")

    def __init__(self, hub: Hub, admitted: Admitted, scope: Scope, receive: Receive, send: Send) -> None:
        self.hub, self.receive, self.send = hub, receive, send
        self._code = NORMAL

        async def write(message: Message) -> None:
            await send({"type": "http.response.body", "body": message.event, "more_body": True})

        async def end(code: int) -> None:
            self._code = code
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        self.stream = Stream(
            "events", admitted.requester, admitted.request_id, write=write, end=end, abort=abort_of(scope)
        )

    async def serve(self, admitted: Admitted, headers: dict[str, str], last_id: str) -> int:
        """Shows the answer to the question, unless the phone has it by its last ID; returns the closing code."""
        await self.send({"type": "http.response.start", "status": 200, "headers": raw(headers.items())})
        retry = messages.retry_event(randint(SHORTEST_RETRY_MILLISECONDS, LONGEST_RETRY_MILLISECONDS))  # noqa: S311
        await self.send({"type": "http.response.body", "body": retry, "more_body": True})
        if admitted.question is not None and admitted.found is not None:
            topic = self.hub.join(self.stream, admitted.question)
            await self.hub.welcome_later(self.stream, topic, admitted.found, last_id)
        event = await self.receive()
        # A GET has no body; whoever sends one and more of it gets no events.
        while event["type"] != "http.disconnect" and not event.get("more_body"):
            event = await self.receive()
        await self.stream.close(NORMAL)  # of no effect where it has ended
        return self._code
