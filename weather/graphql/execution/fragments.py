"""Finished answers cut into pieces of JSON text, from which the fields of a query are put together without parsing.

A process cuts each answer once and remembers the pieces while the answer is the same.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weather.core.answers import Question
from weathernote.redis.outages.memory import Memory

#: Bytes of answers whose pieces a process remembers; the pieces take about four times as much memory.
MEMORY_BYTES = 3_000_000
MOST_ANSWERS = 4_000

Pieces = Mapping[str, bytes]


def dumped(value: Any) -> bytes:
    """A value as compact UTF-8 JSON; lone surrogates, which no answer has, become question marks."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def pieces(values: Mapping[str, Any]) -> dict[str, bytes]:
    """Name → JSON text of its value."""
    return {name: dumped(value) for name, value in values.items()}


class Fragments:
    """The pieces of an answer: `values` of its own fields, and `objects` by name: its grid and sections."""

    __slots__ = ("_cut", "_days", "objects", "units", "values")

    def __init__(self, text: bytes) -> None:
        body = json.loads(text)
        #: Name → unit, as in the answer.
        self.units: Mapping[str, str] = body.pop("units")
        self.objects = {name: pieces(value) for name, value in body.items() if isinstance(value, dict)}
        self.values = {name: dumped(value) for name, value in body.items() if not isinstance(value, dict)}
        self._days: Mapping[str, Sequence[Any]] = body.get("daily") or {}
        self._cut: dict[int, Pieces] = {}

    def daily(self, days: int) -> Pieces:
        """The pieces of the columns of the first so many days."""
        if days >= len(self._days.get("time", ())):
            return self.objects["daily"]
        if days not in self._cut:
            self._cut[days] = pieces({name: column[:days] for name, column in self._days.items()})
        return self._cut[days]


class FragmentsMemory:
    """The pieces of the answers that were asked for last."""

    def __init__(self) -> None:
        self._memory: Memory[Fragments] = Memory(most_entries=MOST_ANSWERS, most_bytes=MEMORY_BYTES)

    def of(self, question: Question, text: bytes) -> Fragments:
        """The pieces of the answer to a question, in its `"cached": true` form."""
        known = self._memory.same(question.key, text)
        if known is None:
            known = Fragments(text)
            self._memory.put(question.key, text, known)
        return known
