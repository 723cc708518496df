"""The cells that a process has asked for, without threads."""

import pytest

from tests.support.weather.series import a_series
from weather.core.cells import Cell
from weather.fetching import pending_fetch
from weather.fetching.pending_fetch import PendingFetches

pytestmark = pytest.mark.pure

CELLS = [Cell(n, n) for n in range(4)]


def test_who_waits_is_woken_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = PendingFetches()
    waited_for, refreshed = CELLS[:3], CELLS[3]
    submitted = pending.join(dict.fromkeys(waited_for, "cold"), 5, has_waiters=True, before_news=lambda: None)
    submitted |= pending.join({refreshed: "refresh"}, 5, has_waiters=False, before_news=lambda: None)
    answered: list[int] = []
    monkeypatch.setattr(
        pending_fetch, "let_answer", lambda: answered.append(sum(one.future.done() for one in submitted.values()))
    )
    pending.answer(dict.fromkeys(CELLS, a_series()))
    assert answered == [1, 2, 3]  # nobody is let answer for the refresh
    assert all(one.future.done() for one in submitted.values()) and not len(pending)
