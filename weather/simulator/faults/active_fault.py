"""The fault that is switched on, and where in a call it strikes."""

import inspect
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from weather.simulator.faults.document_faults import ON_DOCUMENT, dumped
from weather.simulator.faults.kinds import KINDS, ON_ANSWER, ON_CALL, ON_CONNECTION
from weather.simulator.place import Place
from weather.simulator.wire import Answer, Line


@dataclass
class Fault:
    """A fault that is switched on: its kind, its location and path (None: all), for how many more calls (None: all)."""

    kind: str
    place: str | None
    path: str | None
    times: int | None
    arguments: dict[str, Any]
    #: Set when another fault takes its place or the simulator ends: what waits in this one then ends.
    lifted: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(sorted(KINDS))}")
        signature = inspect.signature(KINDS[self.kind])
        known = {p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        if unknown := set(self.arguments) - known:
            raise ValueError(f"{self.kind} takes no {', '.join(sorted(unknown))}")
        if self.place is not None:
            latitude, longitude = self.place.split(",")
            self.place = Place(float(latitude), float(longitude)).key

    def take(self, path: str, places: Sequence[Place]) -> bool:
        """Whether the fault strikes a call to `path` for `places`; if so, it counts as one of `times`."""
        if self.times == 0 or self.path not in (None, path):
            return False
        if self.place is not None and all(place.key != self.place for place in places):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def pause(self, seconds: float) -> bool:
        """Waits; False if the fault was lifted, now or before."""
        return not self.lifted.wait(max(0.0, seconds))

    def on_call(self) -> None:
        """Applies a fault of the call; may pause, or raise FailedCall or Refused."""
        if self.kind in ON_CALL:
            ON_CALL[self.kind](self, **self.arguments)

    def on_texts(self, texts: list[str], places: Sequence[Place]) -> list[str]:
        """The documents of `places` as JSON texts, with a fault of documents applied to those that it strikes."""
        if self.kind not in ON_DOCUMENT:
            return texts
        return [
            self._spoiled(text) if self._strikes(place, number) else text
            for number, (text, place) in enumerate(zip(texts, places, strict=True))
        ]

    def on_answer(self, answer: Answer, target: str) -> Answer:
        """The answer to the call for `target`, a path with its query, with a fault of the complete answer applied."""
        return ON_ANSWER[self.kind](answer, target, **self.arguments) if self.kind in ON_ANSWER else answer

    def on_connection(self, line: Line, answer: Answer) -> None:
        """Writes `answer` to the connection with its fault; KeyError unless `takes_connection`."""
        # A hang waits many times: it must not miss that its own fault was lifted between two of them.
        line.pause = self.pause
        ON_CONNECTION[self.kind](line, answer, **self.arguments)

    @property
    def takes_connection(self) -> bool:
        """Whether the fault writes to the connection itself, which is closed afterwards."""
        return self.kind in ON_CONNECTION

    def _strikes(self, place: Place, number: int) -> bool:
        if self.place is None:
            return self.kind != "one_bad_place" or number == 0
        return place.key == self.place

    def _spoiled(self, text: str) -> str:
        document = json.loads(text)
        ON_DOCUMENT[self.kind](document, **self.arguments)
        return dumped(document)
