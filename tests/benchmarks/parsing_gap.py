"""`python -m tests.benchmarks.parsing_gap`: how long the other threads wait while an answer of 100 places is read.

One thread looks at the clock and sleeps for 50 µs, again and again, as a thread does that serves a request and waits
for Redis. Prints the longest time between two of its looks while another thread reads the answer, for json.loads on
the whole body and for the service's own reading, and the longest of a thread that is left alone.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.simulator.answers.forecast import FORECAST
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.call import Asked
from weather.upstream.client import OpenMeteo
from weather.upstream.validation import read_answer, read_location

NAP_SECONDS = 0.000_05


class Ticker(threading.Thread):
    """Notes the gaps between its own looks at the clock."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gaps: list[float] = []
        self.ended = threading.Event()

    def run(self) -> None:
        before = time.perf_counter()
        while not self.ended.is_set():
            time.sleep(NAP_SECONDS)
            now = time.perf_counter()
            self.gaps.append(now - before)
            before = now


def gaps_beside(work: Callable[[], object]) -> list[float]:
    ticker = Ticker()
    ticker.start()
    time.sleep(0.005)
    work()
    ticker.ended.set()
    ticker.join()
    return ticker.gaps


def main(places: int, seconds: float) -> None:
    cells = [Cell(-600 + 1200 * number // places, -1700 + 3400 * number // places) for number in range(places)]
    now = time.time()
    query = OpenMeteo("http://nowhere", WEATHER)._query(cells, WEATHER.sections)
    body = bytearray(joined(place_texts(Asked.parse(query, FORECAST), now)).encode())

    def whole() -> None:
        documents = json.loads(body.decode(), parse_constant=str)
        for cell, document in zip(cells, documents, strict=True):
            read_location(document, cell, now, "simulator", WEATHER)

    def ours() -> None:
        assert all(isinstance(got, Series) for got in read_answer(body, cells, now, "simulator", WEATHER).values())

    print(f"{places} places, {len(body) / 1e6:.1f} MB; the longest wait of the other thread in each of many readings:")
    ways = {"nobody reads": lambda: time.sleep(0.05), "json.loads of the whole": whole, "place by place": ours}
    for name, work in ways.items():
        longest, took, until = [], [], time.monotonic() + seconds / len(ways)
        while time.monotonic() < until:
            began = time.perf_counter()
            longest.append(max(gaps_beside(work)))
            took.append(time.perf_counter() - began - 0.005)
        middle, worst = statistics.median(longest) * 1000, max(longest) * 1000
        print(f"{name:24} median {middle:5.1f} ms, worst {worst:5.1f} ms; took {statistics.median(took) * 1000:.0f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long the whole may take")
    arguments = parser.parse_args()
    main(arguments.places, arguments.seconds)
