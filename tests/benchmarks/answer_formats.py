"""What an answer of Open-Meteo takes to read, from its body to packed records: JSON against FlatBuffers.

    python -m tests.benchmarks.answer_formats [--rounds 5] [--cells 100] [--beside]

Prints CPU time for a place and bytes, raw and gzipped. With --beside an instance is asked for fresh cells in each of
the formats, as tests.benchmarks.fresh does: cells a second, and the p99 of cached answers alone and meanwhile.
"""

import argparse
import gzip
import statistics
import time

from tests.benchmarks import fresh
from tests.benchmarks.measuring import standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import told
from tests.support.limits import LIFTED
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.records.packing import pack
from weather.core.series import Series
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.answers.messages import messages_of
from weather.simulator.call import Asked
from weather.simulator.steering import PRODUCTS
from weather.upstream.validation import AnswerFormat, read_answer

FORMATS: tuple[AnswerFormat, ...] = ("json", "flatbuffers")


def bodies(cells: list[Cell], now: float) -> dict[AnswerFormat, bytes]:
    """What Open-Meteo would answer about the cells in each format."""
    query = {
        "latitude": ",".join(f"{cell.latitude:g}" for cell in cells),
        "longitude": ",".join(f"{cell.longitude:g}" for cell in cells),
        "hourly": ",".join(variable.name for variable in WEATHER.asked),
        "forecast_days": WEATHER.forecast_days,
        "timezone": "auto",
        "timeformat": "unixtime",
    }
    asked = Asked.parse("&".join(f"{name}={value}" for name, value in query.items()), PRODUCTS[WEATHER.path])
    texts = place_texts(asked, now)
    return {"json": joined(texts).encode(), "flatbuffers": messages_of(texts)}


def cpu_ms_of_a_place(body: bytes, cells: list[Cell], now: float, answer_format: AnswerFormat) -> tuple[float, float]:
    """CPU milliseconds for a place: to read and check the body, and to pack its record."""
    began = time.process_time()
    fetched = read_answer(body, cells, now, "simulator", WEATHER, answer_format)
    read = time.process_time()
    for series in fetched.values():
        if not isinstance(series, Series):
            raise TypeError(f"not weather: {series}")
        pack(series, WEATHER)
    packed = time.process_time()
    return (read - began) / len(cells) * 1e3, (packed - read) / len(cells) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--beside", action="store_true", help="fresh cells at an instance too; needs wrk")
    options = parser.parse_args()
    cells, now = traffic.cells(options.cells), time.time()
    given = bodies(cells, now)
    for answer_format in FORMATS:
        body = given[answer_format]
        rounds = [cpu_ms_of_a_place(body, cells, now, answer_format) for _ in range(options.rounds)]
        read, packed = (statistics.median(column) for column in zip(*rounds, strict=True))
        size, zipped = len(body) / len(cells) / 1e3, len(gzip.compress(body, 6)) / len(cells) / 1e3
        print(
            f"{answer_format:12} {read:6.2f} ms to read and check, {packed:.2f} ms to pack, {read + packed:.2f} ms of "
            f"CPU for a place; {size:.1f} kB of it, {zipped:.1f} kB gzipped"
        )
    if options.beside:
        beside(options.rounds)


def beside(rounds: int) -> None:
    """Fresh cells at an instance, in each format."""
    wrk.require()
    for answer_format in FORMATS:
        with standalone.filled_setting() as at:
            at.simulator.settings(base_ms=fresh.UPSTREAM_MS, per_place_ms=fresh.PER_PLACE_MS)
            variables = {"UPSTREAM_CONCURRENCY": fresh.CONCURRENCY, "OPEN_METEO_FORMAT": answer_format, **LIFTED}
            with things.instance(at, f"instance-{answer_format}", **variables) as thing:
                print(answer_format)
                print(told(fresh.section(at, thing, rounds=rounds, seconds=6)))


if __name__ == "__main__":
    main()
