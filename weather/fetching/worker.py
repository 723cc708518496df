"""This process's one voice towards Open-Meteo: it gathers the wanted cells, calls, stores and wakes the waiters.

One thread converses, so that a hundred misses cost a few calls and no thread that serves hits is lost to
them. It queues what its process wants, takes its turn when one of the fleet's slots is free, and until then looks
whether another process has fetched it. Each call has a thread of its own, so that a process can use several slots.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from time import monotonic, sleep, time

from weather.budget.budget import Budget
from weather.budget.quota import Spender
from weather.core import drift
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.fetch_queue import REFRESH_WANTED_SECONDS, Conversation, Turn
from weather.fetching.pending_fetch import Wanted
from weather.fetching.round import Caller, Fetched, Upstream
from weather.fetching.store import Store
from weather.upstream.answer_json import give_way
from weather.upstream.client import NoWeatherHere, UnreadableHere, UpstreamError, UpstreamUnavailable
from weathernote import redis
from weathernote.telemetry import metrics

log = logging.getLogger(__name__)

#: How soon a process sees that the slot is free, or that another has fetched what it waits for.
POLL_SECONDS = 0.025


class Fetcher:
    """Cells are wanted by many threads, gathered by one, and each call has its own."""

    def __init__(
        self,
        upstream: Upstream,
        store: Store,
        budget: Budget,
        conversation: Conversation,
        *,
        wait_seconds: float,
        fresh_seconds: int,
        weight_of_a_cell: float = 1.0,
        now: Callable[[], float] = time,
    ) -> None:
        self.caller = Caller(upstream, budget, conversation, weight_of_a_cell=weight_of_a_cell)
        self.store = store
        self.budget = budget
        self.conversation = conversation
        self.wait_seconds = wait_seconds
        self.fresh_seconds = fresh_seconds
        self.now = now
        self._wanted: dict[Cell, Wanted] = {}
        self._changed = threading.Condition()
        self._talking: set[int] = set()  # the slots that calls of this process have
        self._freed = threading.Event()
        self._thread: threading.Thread | None = None

    def want(self, cell: Cell) -> Future[Series]:
        """What Open-Meteo says about the cell, as soon as it is there; UpstreamError where it has nothing.

        A cell that is already wanted, here or elsewhere in the fleet, is joined and never asked twice.
        """
        return self.join(cell)[0]

    def join(self, cell: Cell) -> tuple[Future[Series], bool]:
        """What Open-Meteo says about the cell, to wait for, and whether this process was not yet waiting for it.

        A cell that is already wanted, here or elsewhere in the fleet, is joined and never asked twice.
        """
        return self._join(cell, "cold", self.wait_seconds, is_awaited=True)

    def join_all(
        self, cold: Iterable[Cell], refresh: Iterable[Cell]
    ) -> tuple[dict[Cell, tuple[Future[Series], bool]], dict[Cell, Future[Series]]]:
        """Wants all cells before the thread's next turn, so that one call can ask for them.

        For each of `cold` what `join` gives, for each of `refresh` the future of a refresh that somebody waits for.
        """
        with self._changed:
            joined = {cell: self.join(cell) for cell in cold}
            return joined, {cell: self.refresh(cell, is_awaited=True) for cell in refresh}

    def refresh(self, cell: Cell, *, is_awaited: bool = False) -> Future[Series]:
        """Queues a cell for a refresh, once in the fleet; whoever waits for it says so."""
        return self._join(cell, "refresh", REFRESH_WANTED_SECONDS, is_awaited)[0]

    def ask_now(self, slot: int, cells: list[Cell], spender: Spender) -> Fetched | None:
        """Asks for cells of a slot in the caller's thread, in one call with the cold ones that others wait for.

        None while another process has the slot, or nobody could keep what comes. What the call had no room for, or the
        budget, is left out. For a fetcher whose own thread does not run.
        """
        turn = self.conversation.turn(slot)
        if turn is None or not turn.token:
            return None
        ours = cells[: max(0, self.conversation.batch - len(turn.cold))]
        fetched: Fetched = {}
        try:
            if spender == "cold":
                fetched = self._fetched(turn, list(dict.fromkeys([*turn.cold, *ours])), [])
            else:
                fetched = self._fetched(turn, turn.cold, [cell for cell in ours if cell not in turn.cold])
        finally:
            self.conversation.end(turn, fetched)
        return {cell: fetched[cell] for cell in cells if cell in fetched}

    def known_of(self, cell: Cell) -> tuple[int, bool]:
        """For how many seconds the cell stays rejected, and whether it is wanted already; in one round trip."""
        rejected, queued = redis.ask(self.store.rejection(cell), self.conversation.standing(cell))
        seconds = max(self.store.rejected_seconds(rejected), self.store.unreadable_seconds(cell))
        return seconds, cell in self._wanted or self.conversation.stands(queued)

    def wanted_of(self, cells: Iterable[Cell]) -> set[Cell]:
        """The subset of `cells` that this process or the shared queue is already waiting for."""
        cells = list(cells)
        # Looked up one by one: the thread may change the dict meanwhile.
        here = {cell for cell in cells if cell in self._wanted}
        return here | self.conversation.still_wanted([cell for cell in cells if cell not in here])

    @property
    def weight_of_a_cell(self) -> float:
        """What a cell costs of Open-Meteo's quota."""
        return self.caller.weight_of_a_cell

    @property
    def is_paused(self) -> bool:
        """Whether nobody asks Open-Meteo for a while, as far as this process knows."""
        return self.budget.pause_seconds() > 0

    def _join(self, cell: Cell, spender: Spender, seconds: float, is_awaited: bool) -> tuple[Future[Series], bool]:
        with self._changed:
            until = monotonic() + seconds
            is_first = cell not in self._wanted
            wanted = self._wanted.setdefault(cell, Wanted(spender, until))
            wanted.is_awaited |= is_awaited
            if spender == "cold":
                # Whoever waits for it takes a refresh forward.
                wanted.spender, wanted.until, wanted.queued_at = spender, until, None
            self._start_once()
            return wanted.future, is_first

    def _start_once(self) -> None:
        # Not when the object is made: a server forks after that, and a thread does not survive a fork.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._converse, name="fetcher", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _converse(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not all(wanted.is_asked for wanted in self._wanted.values()))
            try:
                had_a_turn = self._go_round()
            except Exception as error:  # the thread must outlive whatever happens to one round
                log.exception("The fetcher failed over a turn.")
                self._answer(dict.fromkeys(self._wanted, UpstreamError(str(error))))
                had_a_turn = False
            if not had_a_turn:
                self._freed.wait(POLL_SECONDS)
                self._freed.clear()

    def _go_round(self) -> bool:
        """Queues what is wanted and uses the slots that are free; False where there was none to use."""
        wanted = self._still_waited_for()
        self._queue(wanted)
        slots = dict.fromkeys(map(self.conversation.slot_of, wanted))
        turns = self.conversation.turns(slot for slot in slots if slot not in self._talking)
        if self._begin_each(turns, wanted):
            return True
        # Whoever has the slot fetches what we wait for, and takes it out of the queue when it is done; a cold cell that
        # nobody waits for leaves the queue by itself. What is neither there nor known then will not come.
        others = [cell for cell in wanted if self.conversation.slot_of(cell) not in self._talking]
        now = monotonic()
        may_end = [cell for cell in others if wanted[cell].spender == "refresh" or wanted[cell].is_left(now)]
        ended = set(may_end) - self.conversation.still_wanted(may_end)
        self._answer(self._known([cell for cell in others if wanted[cell].is_awaited]))
        self._answer(dict.fromkeys(ended, UpstreamUnavailable("nobody could ask for the cell in time")))
        return False

    def _queue(self, wanted: dict[Cell, Wanted]) -> None:
        now = monotonic()
        cold, refresh = (
            [cell for cell, one in wanted.items() if one.spender == spender and one.is_due(now)]
            for spender in ("cold", "refresh")
        )
        if cold or refresh:
            self.conversation.want(cold, self.wait_seconds, refresh)
        for cell in (*cold, *refresh):
            wanted[cell].queued_at = now

    def _begin_each(self, turns: list[Turn], wanted: dict[Cell, Wanted]) -> bool:
        """Begins a call with each of the slots that there is something to ask for with; False where there is none."""
        begun = False
        for at, turn in enumerate(turns):
            try:
                begun |= self._begin(turn, wanted)
            except RuntimeError:  # no thread to be had: the slots that no call has are for others
                for left in turns[at:]:
                    self._talking.discard(left.slot)
                    self._set_asked(left, False)
                    self.conversation.end(left, ())
                raise
        return begun

    def _begin(self, turn: Turn, wanted: dict[Cell, Wanted]) -> bool:
        """Begins a call with the slot; False where there is nothing to ask for with it."""
        if not turn.token:
            # Without Redis there is no queue that all have, and no slot but this process's own one call.
            now = monotonic()
            alone = [cell for cell, one in wanted.items() if one.spender == "cold" and not one.is_left(now)]
            ours = [cell for cell in alone if self.conversation.slot_of(cell) == turn.slot]
            turn = Turn(turn.slot, "", turn.cold or ours[: self.conversation.batch], turn.refresh)
        if not (turn.cold or turn.refresh) or (not turn.token and self._talking):
            self.conversation.end(turn, ())
            return False
        if self.budget.is_failing:
            # One cell finds out whether it answers again: what others weigh would be spent for nothing.
            turn = Turn(turn.slot, turn.token, turn.cold[:1], [] if turn.cold else turn.refresh[:1])
        self._talking.add(turn.slot)
        self._set_asked(turn, True)
        threading.Thread(target=self._talk, args=(turn,), name="fetcher-call", daemon=True).start()
        return True

    def _talk(self, turn: Turn) -> None:
        try:
            self._use(turn)
        except Exception as error:  # whoever waits is told, and not too fast for another try
            log.exception("The fetcher failed over a turn.")
            self._answer(dict.fromkeys((*turn.cold, *turn.refresh), UpstreamError(str(error))))
            sleep(POLL_SECONDS)
        finally:
            self._talking.discard(turn.slot)
            # What the budget had no room for is still wanted.
            self._set_asked(turn, False)
            self._freed.set()

    def _set_asked(self, turn: Turn, is_asked: bool) -> None:
        with self._changed:
            for cell in (*turn.cold, *turn.refresh):
                if cell in self._wanted:
                    self._wanted[cell].is_asked = is_asked
            self._changed.notify()

    def _still_waited_for(self) -> dict[Cell, Wanted]:
        """What no call of this process is about."""
        with self._changed:
            now = monotonic()
            # Whoever is charged for a cold cell hears what becomes of it, also when nobody waits for it any more.
            self._wanted = {
                cell: one
                for cell, one in self._wanted.items()
                if one.until > now or one.is_asked or one.spender == "cold"
            }
            return {cell: wanted for cell, wanted in self._wanted.items() if not wanted.is_asked}

    def _use(self, turn: Turn) -> None:
        """Asks for the turn's batch, in one call if all goes well."""
        fetched: Fetched = {}
        try:
            fetched = self._fetched(turn, turn.cold, turn.refresh)
            self._answer(fetched)
        finally:
            # Another process that still waits for one of them queues it again.
            self.conversation.end(turn, fetched)

    def _answer(self, fetched: Fetched) -> None:
        with self._changed:
            woken = [(got, self._wanted.pop(cell).future) for cell, got in fetched.items() if cell in self._wanted]
        for got, future in woken:
            if isinstance(got, Series):
                future.set_result(got)
            else:
                future.set_exception(got)
            # So those who wait go on one after another, and not all at once before the next hit.
            give_way()

    def _known(self, cells: list[Cell]) -> Fetched:
        """The subset of `cells` that were fetched since they were wanted, or that Open-Meteo has no weather for."""
        return self._known_and_held(cells)[0]

    def _known_and_held(self, cells: list[Cell]) -> tuple[Fetched, dict[Cell, Series]]:
        """What `_known` gives, and the held record of each of `cells` that has one, however old."""
        if not cells:
            return {}, {}
        fresh_since = self.now() - self.fresh_seconds
        held = self.store.held_of(cells)
        known: Fetched = {cell: series for cell, series in held.items() if series.fetched_at > fresh_since}
        rejected = self.store.rejected_of(cell for cell in cells if cell not in known)
        return known | dict.fromkeys(rejected, NoWeatherHere("it had no weather for the place a while ago")), held

    def _fetched(self, turn: Turn, cold: list[Cell], refresh: list[Cell]) -> Fetched:
        known, held = self._known_and_held([*cold, *refresh])
        fetched = self.caller.paid_for([cell for cell in cold if cell not in known], "cold") | self.caller.paid_for(
            [cell for cell in refresh if cell not in known], "refresh"
        )
        paid = [cell for cell, got in fetched.items() if got is None]
        asked = self.caller.asked(turn, paid) if paid else {}
        self.store.hold({cell: got for cell, got in asked.items() if isinstance(got, Series)})
        self._reject({cell: got for cell, got in asked.items() if isinstance(got, NoWeatherHere)})
        for cell, got in asked.items():
            if isinstance(got, Series) and cell in held:
                self._note_drift(held[cell], got)
        unpaid = {cell: got for cell, got in fetched.items() if got is not None}
        return known | unpaid | asked

    def _reject(self, places: Mapping[Cell, NoWeatherHere]) -> None:
        # What another machine may well read is not kept from it.
        unreadable = [cell for cell, why in places.items() if isinstance(why, UnreadableHere)]
        self.store.reject_here(unreadable)
        self.store.reject([cell for cell in places if cell not in unreadable])
        for why in dict.fromkeys(map(str, places.values())):
            log.warning("Open-Meteo has no weather for a place: %s", why)

    def _note_drift(self, held: Series, new: Series) -> None:
        now = self.now()
        age = drift.age_of(held, now)
        for variable, difference in drift.drift(held, new, now).items():
            metrics.FORECAST_DRIFT.labels(variable, age).observe(difference)
