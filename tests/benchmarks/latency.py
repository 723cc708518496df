"""Latency at a fixed rate, whatever the answers do: an open loop, from the moment when each request was due.

    python -m tests.benchmarks.latency [--rate 1000] [--rounds 3] [--seconds 8]

In HDR histograms. The bare server answers in no time, so its row is what the generator itself adds.
"""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from hdrh.histogram import HdrHistogram

from tests.benchmarks.measuring import standalone, things, traffic
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Thing
from tests.support.load import Answers, Ask, Load

RATE = 1_000
GENERATORS = 2
PERCENTILES = (50, 90, 99, 99.9)
P99_TARGET_MS = 10
_MOST_MICROSECONDS = 60_000_000


def histogram(answers: Answers) -> HdrHistogram:
    """Of microseconds."""
    filled = HdrHistogram(1, _MOST_MICROSECONDS, 3)
    for each in answers.answers:
        filled.record_value(max(1, round(each.latency_seconds * 1e6)))
    return filled


def percentile_ms(answers: Answers, percentile: float) -> float:
    return float(histogram(answers).get_value_at_percentile(percentile)) / 1000


def asks(lines: Sequence[str], begin: int, count: int) -> list[Ask]:
    """Requests for tests.support.load from lines for wrk, from number `begin` on."""
    chosen = (lines[(begin + number) % len(lines)] for number in range(count))
    return [Ask(*line.split("\t")) for line in chosen]


def at_rate(base: str, asked: Sequence[Ask], rate: float, seconds: float) -> Answers:
    with Load(base, asked, rate=rate, seconds=seconds, processes=GENERATORS) as load:
        return load.answers()


def section(running: Sequence[Thing], *, rate: int, rounds: int, seconds: int) -> Section:
    """The instance first; what stands after it is compared with it."""
    lines, count = traffic.cached(traffic.WEATHER, seed=5), rate * seconds
    order = {thing.name: at for at, thing in enumerate(running)}

    def one(thing: Thing, number: int) -> Answers:
        begin = (number * len(running) + order[thing.name]) * count
        return at_rate(thing.base, asks(lines, begin, count), rate, seconds)

    measured = dict(zip(order, in_rounds(running, one, rounds), strict=True))
    out = [f"{'ms':24}" + "".join(f"{'p' + str(part):>9}" for part in PERCENTILES) + f"{'wrong':>8}   ours ÷ this: p99"]
    p99 = {name: [percentile_ms(each, 99) for each in answers] for name, answers in measured.items()}
    wrong = {name: sum(_wrong(each) for each in answers) for name, answers in measured.items()}
    ours = running[0].name
    for name, answers in measured.items():
        columns = [statistics.median(percentile_ms(each, part) for each in answers) for part in PERCENTILES]
        row = f"{name:24}" + "".join(f"{value:9.2f}" for value in columns) + f"{wrong[name]:8}"
        out.append(row if name == ours else f"{row}   {ratio(p99[ours], p99[name]).middle:.2f}")
    return Section(
        f"latency at {rate:,} requests a second, {rounds} rounds of {seconds} s",
        out,
        [
            Figure(f"p99 at {rate:,} req/s, ms", statistics.median(p99[ours]), "lower", P99_TARGET_MS),
            Figure(f"wrong answers at {rate:,} req/s", wrong[ours], "lower", 0),
        ],
    )


def _wrong(answers: Answers) -> int:
    return len(answers) - answers.statuses()[200]


def main() -> None:
    parser = standalone.parser(__doc__, seconds=8)
    parser.add_argument("--rate", type=int, default=RATE)
    options = parser.parse_args()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting())
        running = [stack.enter_context(things.instance(at))]
        running += [
            stack.enter_context(things.peer(at, name)) for name in ("FastAPI, usual", "FastAPI, tuned", "bare WSGI")
        ]
        print(told(section(running, rate=options.rate, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
