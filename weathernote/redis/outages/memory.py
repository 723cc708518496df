"""A store in the process for values that were read last, used while Redis is down; bounded by entries and bytes."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    text: bytes
    value: Value


class Memory(Generic[Value]):
    """Key → value; past either bound the values that were put first are dropped.

    Every hit calls `put`: for an unchanged text it costs one dict lookup and one comparison of bytes.
    """

    def __init__(self, *, most_entries: int, most_bytes: int) -> None:
        self.most_entries = most_entries
        self.most_bytes = most_bytes
        self._entries: dict[str, _Entry[Value]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Value | None:
        """The value under the key; None if there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def same(self, key: str, text: bytes) -> Value | None:
        """The value under the key if it was put with the same `text`; else None."""
        entry = self._entries.get(key)
        return entry.value if entry is not None and entry.text == text else None

    def put(self, key: str, text: bytes, value: Value) -> None:
        """Stores `value` under the key; the length of `text`, the bytes that it was parsed from, counts as its size."""
        entry = self._entries.get(key)
        if entry is not None and entry.text == text:
            return
        with self._lock:
            self._drop(key)
            self._entries[key] = _Entry(text, value)
            self._bytes += len(text)
            while len(self._entries) > self.most_entries or self._bytes > self.most_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.text)

    def __len__(self) -> int:
        return len(self._entries)
