"""The questions whose answers are to be asked for anew, in the order in which that was noticed."""

import asyncio
from collections.abc import Iterable

from weather.core.answers import Question
from weather.core.cells import Cell


class Due:
    """Question → when its new record was heard of (seconds of a monotonic clock), None where its answer has ended."""

    def __init__(self) -> None:
        self._heard: dict[Question, float | None] = {}
        self._is_filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heard)

    def add(self, questions: Iterable[Question], heard_at: float | None) -> None:
        """Adds questions, each once: that a record is new weighs more than that an answer ends."""
        for question in questions:
            if self._heard.get(question) is None:  # what was heard first has waited longest
                self._heard[question] = heard_at
            self._is_filled.set()

    def discard(self, question: Question) -> None:
        """Drops a question that nobody asks any more."""
        self._heard.pop(question, None)

    async def take(self, most: int) -> dict[Question, float | None]:
        """The next questions, each about a different cell, once there are any; two takers never get the same."""
        while not self._heard:
            self._is_filled.clear()
            await self._is_filled.wait()
        taken: dict[Question, float | None] = {}
        cells: set[Cell] = set()
        for question in list(self._heard):
            if question.cell not in cells:
                cells.add(question.cell)
                taken[question] = self._heard.pop(question)
            if len(taken) == most:
                break
        return taken
