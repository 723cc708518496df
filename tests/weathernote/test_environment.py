"""The readers of the environment: what makes no sense is told in one sentence, and its default stays in force."""

from collections.abc import Callable
from operator import methodcaller
from typing import Any

import pytest

from tests.settings import OURS
from tests.support.reading.settings_names import SETTINGS_READ
from weathernote.environment import REDIS_SCHEMES, Environment, database_config

pytestmark = pytest.mark.pure

Read = Callable[[Environment], Any]

SWITCH: Read = methodcaller("switch", "X")
WHOLE: Read = methodcaller("integer", "X", 5, 1, 60)
REAL: Read = methodcaller("real", "X", 5, 0.1, 60)
FORMAT: Read = methodcaller("choice", "X", "json", "flatbuffers")
LEVEL: Read = methodcaller("log_level", "X", "INFO")
REDIS: Read = methodcaller("url", "X", "", REDIS_SCHEMES)
DATABASE: Read = methodcaller("url", "X", "", ("sqlite", "postgres", "postgresql"))
HTTP: Read = methodcaller("url", "X", "https://default/", ("https", "http"))


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        *(
            (SWITCH, "", False),
            (SWITCH, "0", False),
            (SWITCH, "off", False),
            (SWITCH, "1", True),
            (SWITCH, "True", True),
        ),
        *((WHOLE, "", 5), (WHOLE, "1", 1), (WHOLE, "60", 60)),
        *((REAL, "", 5), (REAL, "0.1", 0.1), (REAL, "7", 7)),
        *((LEVEL, "", "INFO"), (LEVEL, "debug", "DEBUG")),
        *((HTTP, "", "https://default/"), (HTTP, "http://[::1]:8100", "http://[::1]:8100")),
    ],
)
def test_a_value_that_makes_sense_is_taken(read: Read, value: str, expected: object) -> None:
    environment = Environment({"X": value})
    assert read(environment) == expected
    assert environment.problems == []


@pytest.mark.parametrize(
    ("read", "url"),
    [
        (REDIS, "redis://cache:6379/0"),
        (REDIS, "rediss://default:p%40ss,word@cache.example:6380"),
        (REDIS, "unix:///run/redis.sock"),
        (REDIS, "redis+cluster://:secret@one:7000,two:7001"),
        (DATABASE, "postgres://weathernote:pa,ss@database/weathernote"),
        (DATABASE, "sqlite:////var/lib/weathernote.sqlite3"),
    ],
)
def test_the_promised_addresses_are_taken_as_they_are(read: Read, url: str) -> None:
    environment = Environment({"X": url})
    assert read(environment) == url
    assert environment.problems == []


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (SWITCH, "maybe", "X must be 0 or 1, not 'maybe'."),
        *(
            (WHOLE, v, f"X must be a whole number from 1 to 60, not {v!r}.")
            for v in ("0", "61", "5.0", "٥", " 5", "5\n")
        ),
        *(
            (REAL, v, f"X must be a number from 0.1 to 60, not {v!r}.")
            for v in ("nan", "inf", "1e1", "-1", "0.01", "5s")
        ),
        (FORMAT, "xml", "X must be json or flatbuffers, not 'xml'."),
        (LEVEL, "loud", "X must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'."),
        (HTTP, "ftp://elsewhere/", "X must begin with https:// or http:// (it has ftp)."),
        (HTTP, "localhost:8100", "X must begin with https:// or http:// (it has no scheme)."),
        (HTTP, "http://", "X must begin with https:// or http:// (it has http)."),
        *(
            (REDIS, v, "X must name a host and a port between 1 and 65535.")
            for v in (
                "redis://:6379",
                "redis://cache:0",
                "redis://cache:65536",
                "redis://cache:six",
                "redis://[::1",
                "redis+cluster://one:7000,two:70000",
                "redis+cluster://one:7000,,two:7001",
            )
        ),
        (REDIS, "unix://redis.sock", "X must name a file, as in unix:///path."),
        (DATABASE, "sqlite://weather.sqlite3", "X must name a file, as in sqlite:///path."),
    ],
)
def test_nonsense_is_one_sentence_and_the_default_stays(read: Read, value: str, sentence: str) -> None:
    environment = Environment({"X": value})
    assert read(environment) == read(Environment({}))
    assert environment.problems == [sentence]


@pytest.mark.parametrize("read", [REDIS, DATABASE, HTTP])
@pytest.mark.parametrize(
    "value",
    ["redsi://user:hunter2@cache:6379", "user:hunter2@cache", "redis://:hunter2@", "postgres://u:hunter2/x@db:1"],
)
def test_no_sentence_shows_a_password(read: Read, value: str) -> None:
    environment = Environment({"X": value})
    read(environment)
    assert len(environment.problems) == 1
    assert "hunter2" not in environment.problems[0]


def test_every_problem_is_gathered() -> None:
    environment = Environment({"ONE": "x", "TWO": "y"})
    environment.integer("ONE", 1, 0)
    environment.switch("TWO")
    assert [problem.split()[0] for problem in environment.problems] == ["ONE", "TWO"]


def test_items_lose_their_blanks_and_empty_ones_are_dropped() -> None:
    assert Environment({"X": " a.example, ,b.example,"}).items("X") == ["a.example", "b.example"]


def test_no_items_are_the_default() -> None:
    assert Environment({"X": " , "}).items("X", ("localhost",)) == ["localhost"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/lib/weather%20note.sqlite3", {"NAME": "/var/lib/weather note.sqlite3", "HOST": ""}),
        ("sqlite:///db.sqlite3?timeout=5", {"NAME": "db.sqlite3", "OPTIONS": {"timeout": 5}}),
        (
            "postgres://weathernote:pa,ss@database.example:5433/weathernote",
            {"USER": "weathernote", "PASSWORD": "pa,ss", "HOST": "database.example", "PORT": 5433},
        ),
        ("postgresql://me:p%40s%2Fs%3A%25+@db/n%23", {"PASSWORD": "p@s/s:%+", "HOST": "db", "NAME": "n#", "PORT": ""}),
        ("postgres://me:p@ss@db/n", {"USER": "me", "PASSWORD": "p@ss", "HOST": "db"}),
        ("postgres://db/n", {"USER": "", "PASSWORD": "", "HOST": "db"}),
        ("postgres://me:pw@[2001:db8::1]:5433/n", {"HOST": "2001:db8::1", "PORT": 5433}),
        ("postgres://one,two/n", {"HOST": "one,two", "PORT": ""}),
        ("postgres://me:pw@%2Fvar%2FRun%2Fpg/n", {"HOST": "/var/Run/pg", "PORT": "", "NAME": "n"}),
        ("postgres://%2Fvar%2Frun:5433/n", {"HOST": "/var/run", "PORT": 5433}),
        (
            "postgres://me:pw@db/n?sslmode=verify-full&sslrootcert=/srv/ca/rds.pem&prepare_threshold=0",
            {"OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/srv/ca/rds.pem", "prepare_threshold": 0}},
        ),
        (
            "postgres://db/n?conn_max_age=60&CONN_HEALTH_CHECKS=true",
            {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "OPTIONS": {}},
        ),
        ("postgres://db/n?conn_max_age=None", {"CONN_MAX_AGE": None}),
    ],
)
def test_a_database_is_described_as_django_wants_it(url: str, expected: dict[str, object]) -> None:
    config = database_config(url)
    assert {name: config[name] for name in expected} == expected
    assert config["ENGINE"] == f"django.db.backends.{'sqlite3' if url.startswith('sqlite') else 'postgresql'}"


def test_no_setting_of_the_developer_s_shell_reaches_a_test():
    assert set(OURS) >= SETTINGS_READ
