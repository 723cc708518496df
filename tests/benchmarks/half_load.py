"""Latency at half of what the tuned FastAPI can carry: the instance beside it, in rounds.

    python -m tests.benchmarks.half_load [--rounds 3] [--seconds 5]

512 connections pause between requests as phones do, so that one slow answer does not hold back the others. First the
peer is loaded as far as it goes; then both get half of that.
"""

import statistics
from contextlib import ExitStack

from tests.benchmarks.measuring import records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing

PEER = "FastAPI, tuned"
CONNECTIONS = 512
#: In which the peer is loaded as far as it goes.
_WHOLE_SECONDS = 3


def section(at: Setting, ours: Thing, peer: Thing, *, rounds: int, seconds: float) -> Section:
    requests = traffic.write(at.folder / "weather.txt", traffic.cached(traffic.WEATHER))
    records.keep(traffic.cells())
    for thing in (ours, peer):
        wrk.run(thing.base, requests, 1, begin=0.9)
    whole = wrk.run(peer.base, requests, _WHOLE_SECONDS, begin=0.8).a_second
    pause_ms = round(CONNECTIONS / (whole / 2) * 1000)
    running = [ours, peer]

    def one(thing: Thing, number: int) -> wrk.Run:
        begin = (number * len(running) + running.index(thing)) / (len(running) * rounds)
        return wrk.run(thing.base, requests, seconds, begin=begin, connections=CONNECTIONS, pause_ms=pause_ms)

    measured = in_rounds(running, one, rounds)
    p99 = ratio(*([each.p99_ms for each in runs] for runs in measured))
    out = [f"{'':24}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'wrong':>8}"]
    for thing, runs in zip(running, measured, strict=True):
        a_second, p50_ms, p99_ms = (
            statistics.median(getattr(each, name) for each in runs) for name in ("a_second", "p50_ms", "p99_ms")
        )
        wrong = sum(each.unwanted + each.failed for each in runs)
        out.append(f"{thing.name:24}{a_second:9,.0f}{p50_ms:9.2f}{p99_ms:9.2f}{wrong:8}")
    out.append(f"p99 of the instance ÷ the peer's {p99.middle:.2f} ({p99.least:.2f}–{p99.most:.2f})")
    return Section(
        f"latency at half of the {whole:,.0f} requests a second that {PEER}, carries",
        out,
        [Figure(f"p99 at half its load ÷ {PEER}", p99.middle, "lower", 1)],
    )


def main() -> None:
    options = standalone.parser(__doc__, seconds=5).parse_args()
    wrk.require()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting(1))
        ours = stack.enter_context(things.instance(at))
        peer = stack.enter_context(things.peer(at, PEER))
        print(told(section(at, ours, peer, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
