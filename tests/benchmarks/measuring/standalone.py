"""What a benchmark that is run by itself begins with; `bench.py` does this once for all of them."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.measuring import records, things, traffic
from tests.benchmarks.measuring.things import Setting


def parser(doc: str | None, *, rounds: int = 3, seconds: int) -> argparse.ArgumentParser:
    """A parser that describes itself by the first line of `doc`, with --rounds and --seconds (of load in each)."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--seconds", type=int, default=seconds, help="of load in each round")
    return made


@contextmanager
def filled_setting(cells: int = traffic.CELLS) -> Iterator[Setting]:
    """A Redis that holds the records and answers of that many cells, and an upstream."""
    with tempfile.TemporaryDirectory() as folder, things.setting(Path(folder)) as at:
        records.set_up(at.valkey)
        records.keep(traffic.cells(cells))
        yield at
