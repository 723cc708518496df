import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weathernote.redis.outages.memory import Memory

pytestmark = pytest.mark.pure


def test_what_was_put_last_is_got():
    memory: Memory[str] = Memory(most_entries=10, most_bytes=100)
    memory.put("a", b"1", "one")
    memory.put("a", b"2", "two")
    assert (memory.get("a"), memory.get("b"), len(memory)) == ("two", None, 1)


def test_the_same_bytes_are_not_put_again():
    memory: Memory[str] = Memory(most_entries=10, most_bytes=100)
    memory.put("a", b"1", "first")
    memory.put("a", b"1", "again")
    assert memory.get("a") == "first"


def test_the_oldest_entries_make_room():
    memory: Memory[int] = Memory(most_entries=3, most_bytes=1000)
    for n in range(5):
        memory.put(str(n), b"x", n)
    assert [memory.get(str(n)) for n in range(5)] == [None, None, 2, 3, 4]


def test_an_entry_that_is_too_large_alone_is_not_kept():
    memory: Memory[int] = Memory(most_entries=3, most_bytes=10)
    memory.put("large", b"x" * 11, 1)
    assert len(memory) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=40))))
def test_the_bounds_hold_whatever_is_put(puts):
    memory: Memory[bytes] = Memory(most_entries=4, most_bytes=60)
    for key, text in puts:
        memory.put(key, text, text)
        kept = [memory.get(key) for key in "abcdef"]
        assert sum(len(text) for text in kept if text) <= 60
        assert len(memory) <= 4


def test_many_threads_leave_the_bounds_intact():
    memory: Memory[int] = Memory(most_entries=50, most_bytes=5000)

    def put(seed: int) -> None:
        for n in range(2000):
            memory.put(str((n * seed) % 97), bytes((n * seed) % 90), n)

    threads = [threading.Thread(target=put, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory) <= 50 and memory._bytes == sum(len(kept.text) for kept in memory._entries.values()) <= 5000
