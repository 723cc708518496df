"""The hub of a process: which streams show what, and what they are shown when a record is new or an answer ends."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from time import monotonic, time
from typing import Any

from weather.api.answer_cache import Cached
from weather.api.misses import Outcome
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.units import BY_NAME
from weather.live.answers import Answers
from weather.live.due import Due
from weather.live.message import Message, content_of
from weather.live.stream import Stream
from weather.live.topic import Topic
from weathernote.http.problems import Problem
from weathernote.redis import RedisDown

log = logging.getLogger(__name__)

#: Questions that are answered together: more at once would take longer to show the first.
QUESTIONS_AT_ONCE = 50
#: Streams that are told something before other work of the process gets its turn.
STREAMS_AT_ONCE = 200
#: How soon an answer is asked for anew that has ended, or that there was none.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0


class Hub:
    """Streams join and leave the topics of their questions; `run` asks for new answers and hands them out."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.topics: dict[Question, Topic] = {}
        self.streams: set[Stream] = set()
        self._timers: dict[Question, asyncio.TimerHandle] = {}
        self._due = Due()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Whose records are to be looked at: they may be newer than what is shown.
        self._unseen: set[Question] = set()
        self._looking: asyncio.Task[None] | None = None

    # ── streams ───────────────────────────────────────────────────────────────────────────────────

    def join(self, stream: Stream, question: Question) -> Topic:
        """Has the stream shown what is new about a question from now on."""
        topic = self.topics.get(question)
        if topic is None:
            topic = self.topics[question] = Topic(question)
        topic.streams.setdefault(stream, None)
        stream.units[question.cell] = question.units
        return topic

    def leave(self, stream: Stream, cell: Cell) -> None:
        """Ends that for one cell of the stream."""
        question = Question(WEATHER, cell, None, stream.units.pop(cell))  # type: ignore[arg-type] # put there by `join`
        topic = self.topics[question]
        topic.streams.pop(stream, None)
        stream.withdraw(cell)
        if not topic.streams:
            del self.topics[question]
            self._due.discard(question)
            self._stop_timer(question)

    def leave_all(self, stream: Stream) -> None:
        """Ends that for all cells of a stream that has ended."""
        for cell in list(stream.units):
            self.leave(stream, cell)
        self.streams.discard(stream)

    async def welcome_later(self, stream: Stream, topic: Topic, found: Cached, last_etag: str = "") -> None:
        """Shows a stream that has joined the topic its first answer once there is one, given what the cache said."""
        try:
            outcome = await self.answers.answer(topic.question, found, stream.requester)
        except Exception:
            log.exception("The first answer of a stream failed, request %s", stream.request_id)
            outcome = Problem("internal_error", "Something went wrong here; the request id finds it in the log.")
        self.welcome(stream, topic, outcome, last_etag)

    def welcome(self, stream: Stream, topic: Topic, outcome: Outcome, last_etag: str = "") -> None:
        """Shows a stream that has joined the topic its first answer, unless `last_etag` says that the phone has it."""
        if stream not in topic.streams:  # it has left meanwhile
            return
        if isinstance(outcome, Problem):
            self._welcome_without(stream, topic, outcome)
            return
        answer, body = outcome.answer, outcome.text
        if topic.answer is None or (topic.problem and answer.fetched_at >= topic.fetched_at):
            self._due.add([topic.question] if topic.problem else [], None)  # the others show the problem still
            topic.take(answer)
            self._time(topic)
            self._look_at([topic.question])  # a finished answer may be older than its record
        elif answer.fetched_at < topic.fetched_at or answer.expires_at <= time():
            # While it was asked for the others were shown a newer one.
            answer, body = topic.answer, topic.answer.text
        elif answer.fetched_at > topic.fetched_at:
            self._due.add([topic.question], monotonic())
        elif answer.expires_at < topic.ends_at:
            topic.ends_at = answer.expires_at
            self._time(topic)
        shown = topic.content_of_tag(last_etag) or content_of(answer.text)
        topic.streams[stream] = shown
        if last_etag != answer.etag and topic.content_of_tag(last_etag) is None:
            stream.offer(Message.weather(topic.question.cell, answer, body))

    def _welcome_without(self, stream: Stream, topic: Topic, problem: Problem) -> None:
        if topic.answer is not None and topic.problem is None:
            # The others show one, which has not ended.
            topic.streams[stream] = topic.content
            stream.offer(Message.weather(topic.question.cell, topic.answer))
            return
        topic.refuse(problem, self._pause_of(problem))
        self._time(topic)
        topic.streams[stream] = topic.content
        stream.offer(Message.problem(topic.question.cell, problem, stream.request_id))

    # ── what is new ───────────────────────────────────────────────────────────────────────────────

    def hear(self, payload: bytes) -> None:
        """Takes the key of a cell of which a new record is held; anything else is ignored."""
        if cell := Cell.from_member(payload):
            self._due.add(self._questions_about([cell]), monotonic())

    def look_for_missed(self) -> None:
        """Looks for what was missed while nothing could be heard of Redis.

        That is records which are newer than what is shown, and what was shown for want of Redis: stale answers.
        """
        self._due.add([question for question, topic in self.topics.items() if topic.is_makeshift], None)
        self._look_at(self.topics)

    async def run(self) -> None:
        """Asks for the answers that are due, until it is cancelled."""
        while True:
            batch = await self._due.take(QUESTIONS_AT_ONCE)
            try:
                await self._renew(batch)
            except Exception:
                log.exception("Streams could not be shown what is new; it is tried again.")
                for question in batch:
                    self._try_again(question)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop alone would not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    def _questions_about(self, cells: Iterable[Cell]) -> list[Question]:
        asked = (Question(WEATHER, cell, None, units) for cell in cells for units in BY_NAME)
        return [question for question in asked if question in self.topics]

    def _look_at(self, questions: Iterable[Question]) -> None:
        """Has the records behind what these topics show looked at soon."""
        self._unseen.update(questions)
        if self._looking is None or self._looking.done():
            self._looking = self._start(self._look())

    async def _look(self) -> None:
        while self._unseen:
            questions, self._unseen = self._unseen, set()
            shown: dict[Cell, int] = {}
            for topic in [self.topics[question] for question in questions if question in self.topics]:
                if topic.answer is not None:
                    cell = topic.question.cell
                    shown[cell] = min(shown.get(cell, topic.fetched_at), topic.fetched_at)
            try:
                self._due.add(self._questions_about(await self.answers.newer_than(shown)), monotonic())
            except RedisDown:
                self._unseen |= questions
                await asyncio.sleep(SHORTEST_PAUSE_SECONDS)

    async def _renew(self, batch: Mapping[Question, float | None]) -> None:
        topics = {question: self.topics[question] for question in batch if question in self.topics}
        shown = {each: -1 if batch[each] is None else topic.fetched_at for each, topic in topics.items()}
        outcomes = await self.answers.present(shown)
        for question, topic in topics.items():
            if question in outcomes:
                await self._show(topic, outcomes[question], batch[question])
            elif topic.streams:
                self._start(self._fetch(topic))

    async def _fetch(self, topic: Topic) -> None:
        """Asks for an answer of which nothing is held any more, in the name of one of the streams."""
        stream = next(iter(topic.streams))
        try:
            outcome = await self.answers.answer(topic.question, Cached(None, is_redis_up=True), stream.requester)
        except Exception:
            log.exception("An answer that streams show could not be fetched; it is tried again.")
            self._try_again(topic.question)
            return
        await self._show(topic, outcome, None)

    # ── showing ───────────────────────────────────────────────────────────────────────────────────

    async def _show(self, topic: Topic, outcome: Outcome, heard_at: float | None) -> None:
        """Hands the streams of a topic the outcome, but for those that show the same already."""
        message: Message | None = None
        if isinstance(outcome, Problem):
            topic.refuse(outcome, self._pause_of(outcome))
        else:
            topic.take(outcome.answer)
            message = Message.weather(topic.question.cell, outcome.answer, heard_at=heard_at)
        if self.topics.get(topic.question) is not topic:  # all its streams have left meanwhile
            return
        self._time(topic)
        content = topic.content
        for part in topic.behind(STREAMS_AT_ONCE):
            if topic.content != content:  # something newer is being shown
                return
            for stream in part:
                if stream in topic.streams:
                    topic.streams[stream] = content
                    stream.offer(message or self._problem(topic, stream))
            await asyncio.sleep(0)

    @staticmethod
    def _problem(topic: Topic, stream: Stream) -> Message:
        assert topic.problem is not None  # noqa: S101 - it is shown where there is no answer
        return Message.problem(topic.question.cell, topic.problem, stream.request_id)

    # ── time ──────────────────────────────────────────────────────────────────────────────────────

    def _time(self, topic: Topic) -> None:
        """Has the answer asked for anew when the one that is shown ends."""
        self._stop_timer(topic.question)
        delay = min(max(topic.ends_at - time(), SHORTEST_PAUSE_SECONDS / 20), 86_400.0)
        self._timers[topic.question] = asyncio.get_running_loop().call_later(
            delay, self._due.add, (topic.question,), None
        )

    def _try_again(self, question: Question) -> None:
        if topic := self.topics.get(question):
            topic.ends_at = time() + SHORTEST_PAUSE_SECONDS
            self._time(topic)

    def _stop_timer(self, question: Question) -> None:
        if timer := self._timers.pop(question, None):
            timer.cancel()

    @staticmethod
    def _pause_of(problem: Problem) -> float:
        """When to ask again that got a problem, in unix seconds."""
        seconds = problem.retry_after_seconds or SHORTEST_PAUSE_SECONDS
        return time() + min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
