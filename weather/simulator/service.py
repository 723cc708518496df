"""Open-Meteo's service without its server: what it answers and refuses."""

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from weather.simulator import model_runs
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.answers.messages import CONTENT_TYPE, messages_of
from weather.simulator.call import Asked, Product, Refused, bad_request
from weather.simulator.faults.active_fault import Fault
from weather.simulator.faults.kinds import FailedCall
from weather.simulator.limits import HEAVIEST_CALL, TOO_HEAVY, TOO_MANY_AT_ONCE, TooManyAtOnce
from weather.simulator.place import Place
from weather.simulator.steering import RUNS_PATH, SteeredService
from weather.simulator.synthetic.weather import WeatherRun
from weather.simulator.wire import Answer, Line


class SimulatedService(SteeredService):
    """Thread-safe: a call in each thread."""

    def handle(self, product: Product, query: str, line: Line, *, gzip: bool, keep_alive: bool) -> bool:
        """Answers a call to `product` on `line`; whether the connection can be used again."""
        with self._open_call(product):
            answer, fault = self._answer(product, query)
            if fault and fault.takes_connection:
                fault.on_connection(line, answer)
                return False
            with self.lock:
                self.counts.statuses[answer.status] += 1
        # No longer open while it is sent: whoever has the last byte may call again before this thread goes on.
        line.send_answer(answer.compressed() if gzip and answer.chunked else answer, keep_alive=keep_alive)
        return keep_alive

    def tell_run_times(self, model: str, line: Line, *, keep_alive: bool) -> bool:
        """Answers on `line` which run of a model is the newest; whether the connection can be used again.

        That is free: it counts for no quota, waits for no turn, and only a fault of RUNS_PATH strikes it.
        """
        document = model_runs.meta(model, self.current_settings, self.now())
        with self.lock:
            self.counts.run_times[model if document else "unknown"] += 1
            fault = self.current_fault
            if fault and not (fault.path == RUNS_PATH and fault.take(RUNS_PATH, ())):
                fault = None
        try:
            answer = self._spoiled_run_times(document, f"{RUNS_PATH}/{model}", fault)
        except (Refused, FailedCall) as failed:
            refused = failed.refused if isinstance(failed, FailedCall) else failed
            answer = Answer.of_error(refused.status, refused.reason)
        if fault and fault.takes_connection:
            fault.on_connection(line, answer)
            return False
        line.send_answer(answer, keep_alive=keep_alive)
        return keep_alive

    def _spoiled_run_times(self, document: object, target: str, fault: Fault | None) -> Answer:
        if fault:
            fault.on_call()
        if document is None:
            return Answer.of_error(HTTPStatus.NOT_FOUND, "Not Found")
        texts = [json.dumps(document)]
        if fault:
            texts = fault.on_texts(texts, [Place(0, 0)])
        answer = Answer(HTTPStatus.OK, texts[0].encode())
        return fault.on_answer(answer, target) if fault else answer

    def follow_redirect(self, product: Product, query: str) -> Answer:
        """What waits where the fault `redirect` points to: the answer, for whoever follows."""
        with self.lock:
            self.counts.redirects_followed += 1
        try:
            return Answer(HTTPStatus.OK, joined(self._texts(Asked.parse(query, product))).encode())
        except Refused as refused:
            return Answer.of_error(refused.status, refused.reason)

    @contextmanager
    def _open_call(self, product: Product) -> Iterator[None]:
        with self.lock:
            self.counts.add_call(product.path)
            self.open_calls += 1
            self.counts.most_at_once = max(self.counts.most_at_once, self.open_calls)
        try:
            yield
        finally:
            with self.lock:
                self.open_calls -= 1

    def _answer(self, product: Product, query: str) -> tuple[Answer, Fault | None]:
        try:
            self._check_quota()
            with self.turns:
                return self._answer_in_turn(product, query)
        except TooManyAtOnce:
            return self._error(product, Refused(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY_AT_ONCE)), None
        except Refused as refused:
            return self._error(product, refused), None
        except FailedCall as failed:
            return dataclasses.replace(self._error(product, failed.refused), headers=failed.headers), None

    def _check_quota(self) -> None:
        with self.lock:
            reason = self.quota.exceeded(self.now())
        if reason:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, reason)

    def _answer_in_turn(self, product: Product, query: str) -> tuple[Answer, Fault | None]:
        began = time.monotonic()
        asked = self._asked(product, query)
        settings, fault = self.current_settings, self._struck_by_fault(asked)
        answer_ms = float(settings.base_ms + settings.per_place_ms * len(asked.places))
        if fault:
            fault.on_call()
        texts = self._texts(asked, answer_ms)
        if fault:
            texts = fault.on_texts(texts, asked.places)
        answer = _written(asked, texts)
        if fault:
            answer = fault.on_answer(answer, f"{product.path}?{query}")
        self.pause(answer_ms / 1000 - (time.monotonic() - began))
        self._spend(product, asked.weight if answer.status < HTTPStatus.BAD_REQUEST else None)
        return answer, fault

    def _texts(self, asked: Asked, answer_ms: float = 0.1) -> list[str]:
        settings, now = self.current_settings, self.now()

        def run_of(place: Place) -> WeatherRun:
            return model_runs.run_of(place, settings, now)

        return place_texts(asked, now, answer_ms, run_of)

    def _asked(self, product: Product, query: str) -> Asked:
        asked = Asked.parse(query, product)
        if self.current_settings.api_key is not None and asked.api_key is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "API key required. Please add &apikey= to the URL.")
        if self.current_settings.api_key not in (None, asked.api_key):
            raise bad_request("The supplied API key is invalid.")
        if asked.weight > HEAVIEST_CALL:
            raise bad_request(TOO_HEAVY)
        return asked

    def _struck_by_fault(self, asked: Asked) -> Fault | None:
        with self.lock:
            self.counts.add_places([place.key for place in asked.places])
            return (
                self.current_fault
                if self.current_fault and self.current_fault.take(asked.product.path, asked.places)
                else None
            )

    def _error(self, product: Product, refused: Refused) -> Answer:
        self._spend(product, None)
        return Answer.of_error(refused.status, refused.reason)

    def _spend(self, product: Product, weight: float | None) -> None:
        """Counts what a call weighs; an error, which has no weight of its own, costs 1."""
        with self.lock:
            self.counts.errors += weight is None
            self.counts.add_weight(product.path, 1 if weight is None else weight)
            self.quota.spend(1 if weight is None else weight, self.now())


def _written(asked: Asked, texts: list[str]) -> Answer:
    if asked.in_flatbuffers:
        return Answer(HTTPStatus.OK, messages_of(texts), content_type=CONTENT_TYPE, chunked=True)
    return Answer(HTTPStatus.OK, joined(texts).encode(), chunked=True)
