"""The application: how a stream ends that an error below ends."""

import asyncio
from types import SimpleNamespace
from typing import Any

from django.test import RequestFactory

from weather.fetching.admission import UNIDENTIFIED
from weather.live.application import Application
from weather.live.stream import Stream


def test_a_stream_that_an_error_ends_is_closed_with_1011():
    codes: list[int] = []

    async def end(code: int) -> None:
        codes.append(code)

    async def serve() -> int:
        raise ZeroDivisionError

    application: Any = Application.__new__(Application)
    application.hub = SimpleNamespace(streams=set(), leave_all=lambda stream: None)
    stream = Stream("websocket", UNIDENTIFIED, "id", write=end, end=end, abort=lambda: None)  # type: ignore[arg-type]
    asyncio.run(application._hold(RequestFactory().get("/api/v1/live"), stream, serve))
    assert codes == [1011]
