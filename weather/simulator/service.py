"""Open-Meteo's service without its server: what it answers, counts and refuses, and what steers it."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from weather.simulator.active_fault import Fault
from weather.simulator.air_quality import AIR_QUALITY
from weather.simulator.answer import joined, place_texts
from weather.simulator.call import Asked, Product, Refused, bad_request
from weather.simulator.counts import Counts, Settings
from weather.simulator.faults import FailedCall
from weather.simulator.forecast import FORECAST
from weather.simulator.limits import (
    FREE_LIMITS,
    HEAVIEST_CALL,
    NO_LIMITS,
    TOO_HEAVY,
    TOO_MANY_AT_ONCE,
    Quota,
    TooManyAtOnce,
    Turns,
)
from weather.simulator.wire import Answer, Line

#: By path.
PRODUCTS = {product.path: product for product in (FORECAST, AIR_QUALITY)}


class SimulatedService:
    """Thread-safe. Its clock is `clock` and can be moved: setting `clock_offset_seconds`."""

    def __init__(
        self,
        *,
        base_ms: float = 20,
        per_place_ms: float = 1,
        unlimited: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._first_settings = Settings(base_ms, per_place_ms, None if unlimited else 1)
        self._first_limits = NO_LIMITS if unlimited else FREE_LIMITS
        self._lock = threading.Lock()
        self._open_calls = 0
        self._fault: Fault | None = None
        self._lifted = threading.Event()
        self._turns = Turns(None, 0)
        self.reset()

    def now(self) -> float:
        """The simulated time in unix seconds."""
        return self.clock() + self._settings.clock_offset_seconds

    def state(self) -> dict[str, Any]:
        """The counters, the weight spent by window and the settings, as JSON objects."""
        with self._lock:
            return {
                **self._counts.state(),
                "spent": self._quota.spent(self.now()),
                "most_spent": dict(self._quota.most_spent),
                "settings": {**dataclasses.asdict(self._settings), "limits": dict(self._quota.limits)},
            }

    def reset(self) -> None:
        """Counters, faults and settings back to the start."""
        with self._lock:
            self._counts = Counts()
            self._quota = Quota(self._first_limits)
            self._settings = self._first_settings
        self._turns.allow(self._settings.concurrency, self._settings.queue)
        self.fault(None)

    def settings(self, **changes: Any) -> None:
        """Any of `Settings`, and `limits`: `{"minute": 5}`, or None for none. ValueError for anything else."""
        names = {setting.name for setting in dataclasses.fields(Settings)} | {"limits"}
        if unknown := changes.keys() - names:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        with self._lock:
            if "limits" in changes:
                self._quota.limit(changes.pop("limits"))
            self._settings = dataclasses.replace(self._settings, **changes)
        self._turns.allow(self._settings.concurrency, self._settings.queue)

    def fault(
        self,
        kind: str | None,
        *,
        place: str | None = None,
        path: str | None = None,
        times: int | None = None,
        **arguments: Any,
    ) -> None:
        """Switches a fault on, in place of the one before, or off with None; ends what hangs or drips.

        Kinds and their arguments are the functions of `faults`; ValueError for others, and for an unknown path.
        """
        if path is not None and path not in PRODUCTS:
            raise ValueError(f"no such path: {path}; there are {', '.join(PRODUCTS)}")
        fault = None if kind is None else Fault(kind, place, path, times, arguments)
        with self._lock:
            self._fault = fault
            lifted, self._lifted = self._lifted, threading.Event()
        lifted.set()

    def open(self) -> None:
        """Accepts calls, also after `close`."""
        self._turns = Turns(self._settings.concurrency, self._settings.queue)
        self._lifted = threading.Event()

    def close(self) -> None:
        """Ends every wait of a call: for its turn, in a fault, or for its answer's time; such calls may fail."""
        self._turns.close()
        self._lifted.set()

    def pause(self, seconds: float) -> bool:
        """Waits; False if the fault or the simulator ended meanwhile."""
        return not self._lifted.wait(max(0.0, seconds))

    def handle(self, product: Product, query: str, line: Line, *, gzip: bool, keep_alive: bool) -> bool:
        """Answers a call to `product` on `line`; whether the connection can be used again."""
        with self._open_call(product):
            answer, fault = self._answer(product, query)
            if fault and fault.takes_connection:
                fault.on_connection(line, answer)
                return False
            with self._lock:
                self._counts.statuses[answer.status] += 1
        # No longer open while it is sent: whoever has the last byte may call again before this thread goes on.
        line.send_answer(answer.compressed() if gzip and answer.chunked else answer, keep_alive=keep_alive)
        return keep_alive

    def follow_redirect(self, product: Product, query: str) -> Answer:
        """What waits where the fault `redirect` points to: the answer, for whoever follows."""
        with self._lock:
            self._counts.redirects_followed += 1
        try:
            return Answer(HTTPStatus.OK, joined(place_texts(Asked.parse(query, product), self.now())).encode())
        except Refused as refused:
            return Answer.of_error(refused.status, refused.reason)

    @contextmanager
    def _open_call(self, product: Product) -> Iterator[None]:
        with self._lock:
            self._counts.add_call(product.path)
            self._open_calls += 1
            self._counts.most_at_once = max(self._counts.most_at_once, self._open_calls)
        try:
            yield
        finally:
            with self._lock:
                self._open_calls -= 1

    def _answer(self, product: Product, query: str) -> tuple[Answer, Fault | None]:
        try:
            self._check_quota()
            with self._turns:
                return self._answer_in_turn(product, query)
        except TooManyAtOnce:
            return self._error(product, Refused(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY_AT_ONCE)), None
        except Refused as refused:
            return self._error(product, refused), None
        except FailedCall as failed:
            return dataclasses.replace(self._error(product, failed.refused), headers=failed.headers), None

    def _check_quota(self) -> None:
        with self._lock:
            reason = self._quota.exceeded(self.now())
        if reason:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, reason)

    def _answer_in_turn(self, product: Product, query: str) -> tuple[Answer, Fault | None]:
        began = time.monotonic()
        asked = self._asked(product, query)
        settings, fault = self._settings, self._struck_by_fault(asked)
        answer_ms = float(settings.base_ms + settings.per_place_ms * len(asked.places))
        if fault:
            fault.on_call(self)
        texts = place_texts(asked, self.now(), answer_ms)
        if fault:
            texts = fault.on_texts(texts, asked.places)
        answer = Answer(HTTPStatus.OK, joined(texts).encode(), chunked=True)
        if fault:
            answer = fault.on_answer(answer, f"{product.path}?{query}")
        self.pause(answer_ms / 1000 - (time.monotonic() - began))
        self._spend(product, asked.weight if answer.status < HTTPStatus.BAD_REQUEST else None)
        return answer, fault

    def _asked(self, product: Product, query: str) -> Asked:
        asked = Asked.parse(query, product)
        if self._settings.api_key is not None and asked.api_key is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "API key required. Please add &apikey= to the URL.")
        if self._settings.api_key not in (None, asked.api_key):
            raise bad_request("The supplied API key is invalid.")
        if asked.weight > HEAVIEST_CALL:
            raise bad_request(TOO_HEAVY)
        return asked

    def _struck_by_fault(self, asked: Asked) -> Fault | None:
        with self._lock:
            self._counts.add_places([place.key for place in asked.places])
            return self._fault if self._fault and self._fault.take(asked.product.path, asked.places) else None

    def _error(self, product: Product, refused: Refused) -> Answer:
        self._spend(product, None)
        return Answer.of_error(refused.status, refused.reason)

    def _spend(self, product: Product, weight: float | None) -> None:
        """Counts what a call weighs; an error, which has no weight of its own, costs 1."""
        with self._lock:
            self._counts.errors += weight is None
            self._counts.add_weight(product.path, 1 if weight is None else weight)
            self._quota.spend(1 if weight is None else weight, self.now())
