"""Plans give what graphql-core's own execution of the same schema gives, of queries by chance."""

import random
from datetime import UTC, datetime

import pytest
import time_machine
from graphql import GraphQLObjectType, execute_sync, get_named_type, parse

from tests.support.graphql_resolvers import Resolving
from weather.graphql.schema import graphql_schema

ROOTS = [
    "weather(lat: 40.7, lon: -74)",
    "weather(lat: $lat, lon: $lon, units: IMPERIAL)",
    "weatherAt(positions: [{lat: $lat, lon: 3.14}, {lat: 40.7, lon: -74}])",
    "airQuality(lat: 40.7, lon: -74)",
    "airQualityAt(positions: $all, units: $units)",
    "places(lat: $lat, lon: $lon)",
]
HEAD = (
    "query ($lat: Float = 48.14, $lon: Float = 11.58, $yes: Boolean!, $no: Boolean!, $days: Int = 2, "
    "$all: [Position!] = [{lat: 1, lon: 2}], $units: Units = IMPERIAL)"
)
VARIABLES = {"yes": True, "no": False}
DIRECTIVES = ["", "", "", " @skip(if: $yes)", " @include(if: $yes)", " @skip(if: false)", " @include(if: $no)"]


class Chance:
    """Writes queries by chance."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.fragments: list[str] = []

    def query(self) -> str:
        roots = " ".join(self.root(number) for number in range(self.dice.randint(1, 4)))
        return f"{HEAD} {{ __typename {roots} ...Uses }} {' '.join(self.fragments)} {USES}"

    def root(self, number: int) -> str:
        root = self.dice.choice(ROOTS)
        query = graphql_schema().query_type
        assert query
        made = get_named_type(query.fields[root.partition("(")[0]].type)
        assert isinstance(made, GraphQLObjectType)
        return f"r{number}: {root}{self.directive()} {self.selection(made)}"

    def directive(self) -> str:
        return self.dice.choice(DIRECTIVES)

    def selection(self, type_: GraphQLObjectType) -> str:
        names = [name for name in type_.fields if name != "units"]
        chosen = [self.field(type_, name) for name in self.dice.sample(names, self.dice.randint(1, min(6, len(names))))]
        if self.dice.random() < 0.3:
            chosen.append("__typename")
        if self.dice.random() < 0.3:
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            self.fragments[int(name[1:])] = f"fragment {name} on {type_.name} {{ {' '.join(chosen)} }}"
            return f"{{ ...{name} ... on {type_.name} {{ __typename }} }}"
        return f"{{ __typename {' '.join(chosen)} }}"

    def field(self, type_: GraphQLObjectType, name: str) -> str:
        made = get_named_type(type_.fields[name].type)
        alias = f"{self.dice.choice('abcdefgh')}{name}: " if self.dice.random() < 0.3 else ""
        arguments = self.dice.choice(["", "(days: 3)", "(days: $days)"]) if type_.fields[name].args else ""
        # One alias must have the same arguments wherever it stands.
        if arguments:
            alias = {"": "", "(days: 3)": "three: ", "(days: $days)": "some: "}[arguments]
        inner = f" {self.selection(made)}" if isinstance(made, GraphQLObjectType) else ""
        return f"{alias}{name}{arguments}{self.directive()}{inner}"


#: All variables are used in some way.
USES = (
    "fragment Uses on Query { used: weatherAt(positions: $all, units: $units) { daily(days: $days) { time } } "
    "usedToo: weather(lat: $lat, lon: $lon) { stale @skip(if: $no) latitude @include(if: $yes) } }"
)


NULLS = {
    "positions": "query ($v: [Position!] = []) { weatherAt(positions: $v) { stale } }",
    "a coordinate among positions": "query ($v: Float = 1) { airQualityAt(positions: [{lat: $v, lon: 1}]) { stale } }",
    "units of several": "query ($v: Units = METRIC) { weatherAt(positions: [], units: $v) { stale } __typename }",
    "a coordinate": "query ($v: Float = 1) { a: weather(lat: $v, lon: 1) { stale } __typename }",
    "units": "query ($v: Units = METRIC) { airQuality(lat: 1, lon: 1) { stale } a: weather(lat: 1, lon: 1, units: $v) "
    "{ stale } }",
    "a limit": 'query ($v: Int = 3) { places(search: "par", limit: $v) { name } __typename }',
    "days": "query ($v: Int = 3) { weather(lat: 1, lon: 1) { a: daily(days: $v) { time } latitude "
    "daily { __typename } } }",
    "days of several": "query ($v: Int) { weatherAt(positions: [{lat: 1, lon: 1}, {lat: 2, lon: 1}]) "
    "{ daily(days: $v) { time } latitude } }",
    "what to skip": "query ($v: Boolean = true) { weather(lat: 1, lon: 1) { stale } __typename @skip(if: $v) }",
    "what to include": "query ($v: Boolean = true) { weather(lat: 1, lon: 1) { stale } __typename @include(if: $v) }",
    "what to skip of the schema": "query ($v: Boolean = true) { __schema @skip(if: $v) { queryType { name } } }",
}


@pytest.mark.parametrize("name", NULLS)
def test_a_null_is_an_error_where_it_is_one_to_graphql_core(ask, name):
    query = NULLS[name]
    reference = execute_sync(graphql_schema(), parse(query), context_value=Resolving(), variable_values={"v": None})
    response = ask(query, {"v": None})
    assert reference.errors and response.json()["errors"]
    # Where nothing is answered it is refused before it is executed.
    assert (response.status_code, response.json().get("data")) == (200 if reference.data else 400, reference.data)
    if reference.data:
        assert [one["path"] for one in response.json()["errors"]] == [one.path for one in reference.errors]


@pytest.mark.parametrize("seed", range(25))
def test_a_plan_gives_what_graphql_core_gives(ask, simulator, seed, db):
    query = Chance(seed).query()
    with time_machine.travel(datetime(2026, 11, 24, 15, 30, tzinfo=UTC), tick=False):
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        ask(query, VARIABLES)
        response = ask(query, VARIABLES)
        reference = execute_sync(graphql_schema(), parse(query), context_value=Resolving(), variable_values=VARIABLES)
    assert reference.errors is None
    assert response.json() == {"data": reference.data}, query
    assert list(response.json()["data"]) == list(reference.data or {})
