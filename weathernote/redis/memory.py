"""A small store in the process for the time when Redis is gone: what was last seen, bounded by entries and bytes."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Value]):
    text: bytes
    value: Value


class Memory(Generic[Value]):
    """Values by key; the ones that were written longest ago make room.

    `put` is called for every hit, so where nothing changed it costs a look into a dict and a comparison of bytes.
    """

    def __init__(self, *, most_entries: int, most_bytes: int) -> None:
        self.most_entries = most_entries
        self.most_bytes = most_bytes
        self._kept: dict[str, _Kept[Value]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Value | None:
        kept = self._kept.get(key)
        return None if kept is None else kept.value

    def same(self, key: str, text: bytes) -> Value | None:
        """The value under the key, if it stands for just these bytes."""
        kept = self._kept.get(key)
        return kept.value if kept is not None and kept.text == text else None

    def put(self, key: str, text: bytes, value: Value) -> None:
        """Keeps `value`; `text` is the bytes that it stands for, whose length counts and whose change is noticed."""
        kept = self._kept.get(key)
        if kept is not None and kept.text == text:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(text, value)
            self._bytes += len(text)
            while len(self._kept) > self.most_entries or self._bytes > self.most_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.text)

    def __len__(self) -> int:
        return len(self._kept)
