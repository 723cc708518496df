"""Several places in one call: each answered as if it had been asked for alone, Redis and Open-Meteo asked for all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weather.api.service import Origin, Served, Service
from weather.core import answers, freshness
from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.admission import Asker
from weather.fetching.store import LONGEST_PAST_SECONDS
from weathernote.http.problems import Problem
from weathernote.redis import Reply

Outcome = Served | Problem

_OPENING, _CLOSING = b'{"places":[', b"]}"


def answers_to(
    service: Service, questions: Sequence[Question], replies: Sequence[Reply], asker: Asker
) -> dict[Question, Outcome]:
    """The outcome for each of the distinct questions, in their order, given Redis' replies to `Service.finding`."""
    outcomes: dict[Question, Outcome] = {}
    missed: dict[Question, Reply] = {}
    for question, reply in zip(questions, replies, strict=True):
        service.popularity.saw(question.cell)
        if answer := service.store.found(question, reply):
            outcomes[question] = Served(answer, "found", kept=True)
        else:
            missed[question] = reply
    if missed:
        outcomes |= _Missed(service, missed).outcomes(asker)
    return {question: outcomes[question] for question in questions}


@dataclass(slots=True)
class _Missed:
    """The questions of a call whose answers were not found finished, and what comes to be known of their cells."""

    service: Service
    replies: Mapping[Question, Reply]
    known: dict[Cell, tuple[Series, Origin]] = field(default_factory=dict)
    #: What stands for an answer that cannot be worked out.
    instead: dict[Cell, Outcome] = field(default_factory=dict)
    #: Cells to wait for: of which nothing is held, whose refresh is worth it, and whose refresh no queue takes.
    new: list[Cell] = field(default_factory=list)
    old: list[Cell] = field(default_factory=list)
    alone: list[Cell] = field(default_factory=list)

    def outcomes(self, asker: Asker) -> dict[Question, Outcome]:
        cells = [question.cell for question in self.replies]
        held = self.service.store.held_with_all(cells, self.service.popularity)
        for question, reply in self.replies.items():
            self._sort(question, reply, *held[question.cell])
        if self.new or self.old or self.alone:
            self._wait(asker)
        return self._worked_out()

    def _sort(self, question: Question, reply: Reply, held: Series | None, rate: float) -> None:
        """As `Service.answer` does, but that what is to be waited for is only noted."""
        service, cell = self.service, question.cell
        if held is None:
            past = service.store.past(question, reply)
            if past is None:
                self.new.append(cell)
            else:
                self.instead[cell] = Served(past, "stale", kept=False)
            return
        age, interval = service.now() - held.fetched_at, service.price.interval_seconds(rate)
        if not freshness.is_due(age, interval):
            self.known[cell] = held, "derived"
            return
        self.known[cell] = held, "stale"
        if service.store.is_gone(reply):
            self.alone += [cell] if age > LONGEST_PAST_SECONDS else []
        elif freshness.should_wait(age, interval):
            self.old.append(cell)
        else:
            service.fetcher.refresh(cell)

    def _wait(self, asker: Asker) -> None:
        got = self.service.waiting.for_several(self.new, self.old, asker, alone=self.alone)
        for cell, one in got.items():
            if isinstance(one, Problem):
                self.instead[cell] = one
            else:
                self.known[cell] = one, "fetched"
        for cell in self.old:
            if cell not in got:
                self.service.fetcher.refresh(cell)

    def _worked_out(self) -> dict[Question, Outcome]:
        finished = {
            question: self._derived(question, *self.known[question.cell])
            for question in self.replies
            if question.cell in self.known
        }
        kept = bool(finished) and self.service.store.finish_several(finished)
        outcomes: dict[Question, Outcome] = {
            question: Served(answer, self.known[question.cell][1], kept) for question, answer in finished.items()
        }
        return {question: outcomes.get(question) or self.instead[question.cell] for question in self.replies}

    def _derived(self, question: Question, series: Series, origin: Origin) -> Answer:
        service = self.service
        return answers.derive(question, series, service.now(), service.life_seconds(question), stale=origin == "stale")


def envelope(texts: Iterable[bytes]) -> bytes:
    """The body, of the very texts that the places' own calls would have got."""
    return b"%s%s%s" % (_OPENING, b",".join(texts), _CLOSING)


def soonest(outcomes: Iterable[Outcome]) -> Problem:
    """What a call is refused with of which no place could be answered: as the place that may be asked again first."""
    waits = [one for one in outcomes if isinstance(one, Problem)]
    return min(waits, key=lambda problem: problem.retry_after_seconds or 0)
