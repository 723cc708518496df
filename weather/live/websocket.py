"""A WebSocket at /api/v1/live: what the phone says, and what it is shown of up to twenty cells."""

import asyncio

from weather.api.query import MOST_PLACES
from weather.core.answers import Question
from weather.live import messages
from weather.live.answers import Counted
from weather.live.asgi import Receive, Scope, Send, abort_of, raw
from weather.live.gate import Admitted, Gate
from weather.live.hub import Hub
from weather.live.message import Message
from weather.live.stream import Stream
from weathernote.http.problems import Problem
from weathernote.telemetry import metrics

#: RFC 6455, 7.4.1, and IANA's registry: who closes for a limit says so with this.
TRY_AGAIN_LATER = 1013
ABNORMAL = 1006

_first_answers: set[asyncio.Task[None]] = set()  # the loop alone would not keep them


class WebSocket:
    """Serves one socket until either side closes it."""

    __slots__ = ("gate", "hub", "receive", "stream")

    def __init__(self, hub: Hub, gate: Gate, admitted: Admitted, scope: Scope, receive: Receive, send: Send) -> None:
        self.hub, self.gate, self.receive = hub, gate, receive

        async def write(message: Message) -> None:
            await send({"type": "websocket.send", "text": message.text})

        async def end(code: int) -> None:
            await send({"type": "websocket.close", "code": code})

        self.stream = Stream(
            "websocket", admitted.requester, admitted.request_id, write=write, end=end, abort=abort_of(scope)
        )

    async def serve(self) -> int:
        """Takes what the phone says; returns the code that the socket was closed with."""
        while True:
            event = await self.receive()
            if event["type"] == "websocket.disconnect":
                return int(event.get("code") or ABNORMAL)
            if event["type"] == "websocket.receive" and not self.stream.is_closed:
                await self._take(event.get("text"))

    async def _take(self, text: str | None) -> None:
        try:
            question, is_subscription = messages.read(text)
        except Problem as problem:
            await self._refuse(problem)
            return
        if is_subscription:
            await self._subscribe(question)
        elif question.cell in self.stream.units:
            self.hub.leave(self.stream, question.cell)
        else:
            await self._refuse(messages.not_subscribed(), question)

    async def _refuse(self, problem: Problem, question: Question | None = None) -> None:
        """Tells the phone what is wrong with what it said, which counts as a request like everything that it asks."""
        if await self._may_go_on(await self.gate.answers.count_again(self.stream.requester.client)):
            self.stream.offer(Message.problem(question.cell if question else None, problem, self.stream.request_id))

    async def _subscribe(self, question: Question) -> None:
        stream, shown = self.stream, self.stream.units
        if question.cell not in shown and len(shown) >= MOST_PLACES:
            await self._refuse(messages.too_many_cells(MOST_PLACES), question)
            return
        if question.cell in shown:  # again, or in other units
            self.hub.leave(stream, question.cell)
        topic = self.hub.join(stream, question)
        counted = await self.gate.answers.count_again(stream.requester.client, question)
        if not await self._may_go_on(counted) or counted.found is None:
            return
        if counted.found.answer is not None:
            outcome = await self.gate.answers.answer(question, counted.found, stream.requester)
            self.hub.welcome(stream, topic, outcome)
            return
        # Others are not kept waiting by a place that has to be fetched first.
        task = asyncio.get_running_loop().create_task(self.hub.welcome_later(stream, topic, counted.found))
        _first_answers.add(task)
        task.add_done_callback(_first_answers.discard)

    async def _may_go_on(self, counted: Counted) -> bool:
        """Whether the client has a request left; else the socket is closed."""
        if not counted.is_refused:
            return True
        metrics.LIVE_DROPPED.labels("rate_limited").inc()
        await self.stream.close(TRY_AGAIN_LATER)
        return False


async def accept(admitted: Admitted, send: Send) -> None:
    """Answers the upgrade."""
    headers = admitted.headers | {"X-Request-ID": admitted.request_id}
    await send({"type": "websocket.accept", "headers": raw(headers.items())})
