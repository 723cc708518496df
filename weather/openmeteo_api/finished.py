"""Answers as they were written, remembered by the process: by place and form, as long as they live."""

import threading
from dataclasses import dataclass

from blake3 import blake3

from weather.core.cells import Cell
from weather.openmeteo_api.form import Form

#: What a process remembers of answers; about 2,800 of a week's hours.
MEMORY_BYTES = 48_000_000
#: Bounds what short answers cost beside their text, of which there may be one for each of countless questions.
MOST_ENTRIES = 8_192
#: What an entry weighs beside its text: the key with its form, the digests and the dictionary's own.
_ENTRY_BYTES = 1_000
_NAME_BYTES = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A place of a question: its cell, number and zone, and the question's form."""

    cell: Cell
    number: int
    zone: str
    form: Form


@dataclass(frozen=True, slots=True)
class Finished:
    """A written answer about one place; times are unix seconds."""

    text: bytes
    #: A digest of what the text depends on but for `generationtime_ms`: equal texts have the same.
    identity: bytes
    stale: bool
    fetched_at: int
    expires_at: int
    #: When the zone's day that the answer begins with ends; None if it has no days.
    midnight: int | None


class FinishedAnswers:
    """Written answers by key, each valid for one record; past a bound those that were put first are dropped."""

    def __init__(self, most_bytes: int = MEMORY_BYTES, most_entries: int = MOST_ENTRIES) -> None:
        self.most_bytes = most_bytes
        self.most_entries = most_entries
        self._entries: dict[Key, tuple[bytes, Finished]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key, record: bytes | None, now: float) -> Finished | None:
        """The answer that was put for this key and record, if it still lives."""
        entry = self._entries.get(key)
        if entry is None or record is None or now >= entry[1].expires_at or entry[0] != digest(record):
            return None
        return entry[1]

    def put(self, key: Key, record: bytes, finished: Finished) -> None:
        """Remembers an answer that was derived from this record."""
        with self._lock:
            self._drop(key)
            self._entries[key] = digest(record), finished
            self._bytes += _weight(key, finished)
            while self._bytes > self.most_bytes or len(self._entries) > self.most_entries:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _weight(key, entry[1])


def digest(content: bytes) -> bytes:
    """Eight bytes in the place of many, to tell whether two are the same."""
    return blake3(content).digest(length=8)


def _weight(key: Key, finished: Finished) -> int:
    """About the bytes of memory that an entry takes."""
    form = key.form
    names = len(form.current) + len(form.hourly) + len(form.daily) + len(form.zones)
    return len(finished.text) + _ENTRY_BYTES + _NAME_BYTES * names
