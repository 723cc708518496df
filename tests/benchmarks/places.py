"""`python -m tests.benchmarks.places`: how long a search over the 34,006 places takes, and a position, in milliseconds.

By default in a new SQLite file, with DATABASE_URL in that database, which is migrated. Each search asks the database:
what a process remembers of searches is left aside, and a thread asks over a connection that it keeps. CPU is this
process's own, of which SQLite is a part. A position is about 10 km from a place, and asks no database.
"""

import functools
import os
import random
import string
import tempfile
import time
from collections.abc import Callable, Sequence

import django

TIMES = 300


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/db.sqlite3")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weathernote.settings")
        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from weather.places.models import Place

        call_command("migrate", verbosity=0)
        names = random.Random(1).sample(list(Place.objects.values_list("name", flat=True)), TIMES)
        print(connection.vendor)
        tell("one letter", list(string.ascii_lowercase) * (TIMES // 26))
        for letters in (2, 3, 5):
            tell(f"{letters} letters", [name[:letters] for name in names])
        tell("a whole name", names)
        tell_of_positions()
        connection.close()


def tell(label: str, searches: Sequence[str]) -> None:
    from weather.places.search import find, key_of
    from weathernote.http.database_reader import reader

    print_times(
        label, [functools.partial(reader().read, functools.partial(find, key_of(text), 10)) for text in searches]
    )


def tell_of_positions() -> None:
    from weather.places.data.build_positions import lines, sites
    from weather.places.table import table

    print_times("the table", [table])
    chance = random.Random(1)
    places = chance.choices(list(sites(lines())), k=20 * TIMES)
    positions = [(place.latitude + chance.gauss(0, 0.1), place.longitude + chance.gauss(0, 0.1)) for place in places]
    print_times("a position", [functools.partial(table().answer, *position) for position in positions])


def print_times(label: str, questions: Sequence[Callable[[], object]]) -> None:
    taken: list[tuple[float, float]] = []
    for ask in questions:
        began, cpu = time.perf_counter(), time.process_time()
        ask()
        taken.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)))
    for what, values in zip(("wall", "CPU "), zip(*taken, strict=True), strict=True):
        ordered = sorted(values)
        median, p99 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
        print(f"{label:13} {what}  median {median:6.3f}  p99 {p99:6.3f}  of {len(ordered)}")


if __name__ == "__main__":
    main()
