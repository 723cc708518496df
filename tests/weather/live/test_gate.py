"""The gate: who may open a stream."""

import asyncio
from typing import Any, cast

import pytest
from django.test import RequestFactory

from weather.live.answers import Counted
from weather.live.gate import Gate, Refused


def test_a_process_that_is_told_to_stop_while_a_request_is_counted_opens_no_stream():
    class Slow:
        async def count(self, *_: object) -> Counted:
            gate.is_stopping = True
            return Counted([], None)

    gate = Gate(cast(Any, Slow()))
    with pytest.raises(Refused) as refused:
        asyncio.run(gate.admit(RequestFactory().get("/api/v1/live")))
    assert refused.value.problem.code == "overloaded"
