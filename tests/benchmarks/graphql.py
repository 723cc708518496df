"""GraphQL beside REST, cached by cell: requests a second for ten fields, bytes and time of two screens, the edge.

    python -m tests.benchmarks.graphql [--rounds 3] [--seconds 4] [--edge] [--only SHAPE …]

The same 2,000 cells and 100,000 clients ask the same instance by turns: /api/v1/weather; a query of ten fields with
variables; the same persisted, by GET; with each position written into the text, so that no document is met twice; and
the same schema with strawberry's own view as it comes. Then what a watch and a home screen get, one request after the
other: a home screen's five cells with three days, the place's name and the air are by REST four requests.
"""

import json
import re
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import sha256
from time import perf_counter
from typing import NamedTuple
from urllib.parse import quote

import requests as http

from tests.benchmarks import cached, edge
from tests.benchmarks.measuring import records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, targets, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing

URL = "/api/v1/graphql"
REST = "/api/v1/weather"
VARIABLES, PERSISTED, IN_THE_TEXT, PLAIN = "variables", "persisted", "in the text", "strawberry"
TARGETS = {VARIABLES: 0.4, PERSISTED: 0.5, IN_THE_TEXT: None, PLAIN: None}
WARM_SECONDS = 4

FIELDS = (
    "time temperature2m relativeHumidity2m apparentTemperature precipitation precipitationProbability weatherCode "
    "pressureMsl windSpeed10m isDay"
)
TEN = f"query Now($lat: Float!, $lon: Float!) {{ weather(lat: $lat, lon: $lon) {{ current {{ {FIELDS} }} }} }}"
WATCH = (
    "query W($lat: Float!, $lon: Float!) { weather(lat: $lat, lon: $lon) { current { temperature2m weatherCode } } }"
)
HOME = (
    "query Home($all: [Position!]!, $lat: Float!, $lon: Float!) { weatherAt(positions: $all) "
    "{ stale timezone current { temperature2m weatherCode isDay } "
    "daily(days: 3) { time weatherCode temperature2mMax temperature2mMin } } "
    "places(lat: $lat, lon: $lon) { name country } airQuality(lat: $lat, lon: $lon) { current { europeanAqi } } }"
)
HERE = [(40.7, -74.0), (51.5, -0.1), (48.9, 2.4), (35.7, 139.7), (-33.9, 151.2)]
_POSITION = re.compile(r"lat=([^&]*)&lon=(.*)")


def sent(query: str, variables: object) -> str:
    return json.dumps({"query": query, "variables": variables})


def persisted(query: str, variables: object) -> str:
    """The path of a GET that names the query by its hash."""
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    parts = {"extensions": json.dumps(named), "variables": json.dumps(variables)}
    return f"{URL}?" + "&".join(f"{name}={quote(text)}" for name, text in parts.items())


def register(base: str, *queries: str) -> None:
    for query in queries:
        body = {
            "query": query,
            "variables": {"lat": 1, "lon": 1, "all": [{"lat": 1, "lon": 1}]},
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}},
        }
        answered = http.post(base + URL, json=body, timeout=10, verify=False)  # noqa: S501 - an edge signs its own
        assert answered.status_code == 200, answered.text


# ── requests a second ─────────────────────────────────────────────────────────────────────────────


def _with_variables(lat: str, lon: str) -> str:
    return f"{URL}\t{{client}}\t{sent(TEN, {'lat': float(lat), 'lon': float(lon)})}"


def _persisted(lat: str, lon: str) -> str:
    return f"{persisted(TEN, {'lat': float(lat), 'lon': float(lon)})}\t{{client}}"


def _in_the_text(lat: str, lon: str) -> str:
    query = f"{{ weather(lat: {lat}, lon: {lon}) {{ current {{ {FIELDS} }} }} }}"
    return f"{URL}\t{{client}}\t{sent(query, {})}"


SHAPES: dict[str, Callable[[str, str], str]] = {
    VARIABLES: _with_variables,
    PERSISTED: _persisted,
    IN_THE_TEXT: _in_the_text,
    PLAIN: _with_variables,
}


def asked(shape: Callable[[str, str], str], unlike: bool) -> list[str]:
    """The cached traffic as queries; `unlike`: each position has decimals of its own within its cell."""
    lines = []
    for number, line in enumerate(traffic.cached(traffic.WEATHER)):
        path, _, client = line.partition("\t")
        found = _POSITION.search(path)
        assert found
        lat = f"{float(found[1]):.1f}{number:06}" if unlike else found[1]
        lines.append(shape(lat, found[2]).replace("{client}", client))
    return lines


def compare(at: Setting, things_: dict[str, Thing], *, rounds: int, seconds: float) -> dict[str, list[cached.Measured]]:
    """REST and each shape in rounds; clients go on where the round before ended."""
    files = {REST: traffic.write(at.folder / "rest.txt", traffic.cached(traffic.WEATHER))}
    for name in things_:
        if name != REST:
            files[name] = traffic.write(at.folder / f"{name}.txt", asked(SHAPES[name], name == IN_THE_TEXT))
    records.keep(traffic.cells())
    for name, file in files.items():
        wrk.run(things_[name].base, file, WARM_SECONDS, begin=0.9)
    names = list(files)

    def one(name: str, number: int) -> cached.Measured:
        begin = (number * len(names) + names.index(name)) / (rounds * len(names))
        return cached.measure(at, things_[name], files[name], seconds, begin)

    return dict(zip(names, in_rounds(names, one, rounds), strict=True))


def section(title: str, measured: dict[str, list[cached.Measured]], *, has_targets: bool) -> Section:
    def of(name: str, field: str) -> Sequence[float]:
        return [getattr(each, field) for each in measured[name]]

    figures = []
    for name in measured:
        if name != REST:
            target = TARGETS[name] if has_targets else None
            fast = ratio(of(name, "a_second"), of(REST, "a_second")).middle
            figures.append(Figure(f"{title}, {name}, req/s ÷ REST", fast, "higher", target))
            thrifty = ratio(of(REST, "cpu_us"), of(name, "cpu_us")).middle
            figures.append(Figure(f"{title}, {name}, req per CPU second ÷ REST", thrifty, "higher", target))
    wrong = sum(sum(of(name, "wrong")) for name in measured)
    figures.append(Figure(f"{title}, wrong answers", wrong, "lower", 0))
    return Section(
        f"{title}: {traffic.CELLS:,} cells, {traffic.CLIENTS:,} clients", cached.lines(measured, ours=REST), figures
    )


# ── screens ───────────────────────────────────────────────────────────────────────────────────────


class Screen(NamedTuple):
    """The requests that fill a screen: GETs by path, or POSTs of a body."""

    name: str
    gets: Sequence[str] = ()
    post: str = ""


def screens() -> list[Screen]:
    lat, lon = HERE[0]
    lats, lons = (",".join(str(one[axis]) for one in HERE) for axis in (0, 1))
    position, watch = f"lat={lat}&lon={lon}", {"lat": lat, "lon": lon}
    home = {"all": [{"lat": north, "lon": east} for north, east in HERE], **watch}
    several = f"lat={lats}&lon={lons}"
    rest_home = [f"{REST}?{several}", f"/api/v1/forecast?{several}&days=3", f"/api/v1/places?{position}"]
    return [
        Screen("watch, REST", [f"{REST}?{position}"]),
        Screen("watch, GraphQL", post=sent(WATCH, watch)),
        Screen("watch, persisted", [persisted(WATCH, watch)]),
        Screen("home, REST", [*rest_home, f"/api/v1/air-quality?{position}"]),
        Screen("home, GraphQL", post=sent(HOME, home)),
        Screen("home, persisted", [persisted(HOME, home)]),
    ]


def screens_section(title: str, base: str, times: int = 30) -> Section:
    """Bytes of the bodies, before any compression, and the middle of the times in ms."""
    register(base, WATCH, HOME)
    lines = [f"{'':20}{'requests':>9}{'bytes':>8}{'ms':>7}"]
    with http.Session() as session:
        session.verify, session.trust_env = False, False  # an edge signs its own certificate
        for screen in screens():
            took, bytes_ = [], 0
            for number in range(times):
                session.headers["x-client-id"] = f"{title}, {screen.name} {number // 4}"
                began = perf_counter()
                answers = [session.get(base + path, timeout=10) for path in screen.gets]
                if screen.post:
                    headers = {"Content-Type": "application/json"}
                    answers.append(session.post(base + URL, data=screen.post, headers=headers, timeout=10))
                took.append((perf_counter() - began) * 1000)
                assert all(one.status_code == 200 for one in answers), [one.text for one in answers]
                bytes_ = sum(len(one.content) for one in answers)
            row = f"{screen.name:20}{len(screen.gets) + bool(screen.post):9}{bytes_:8,}"
            lines.append(row + f"{statistics.median(took):7.1f}")
    return Section(f"{title}: bytes and time", lines, [])


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--edge", action="store_true", help="the screens at the edge too")
    parser.add_argument("--only", nargs="+", default=list(SHAPES), choices=SHAPES)
    options = parser.parse_args()
    wrk.require()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting(1))
        instance = stack.enter_context(
            things.instance(at, AIR_QUALITY_URL=at.simulator.url, COLD_CELLS_PER_CLIENT_PER_HOUR=100_000)
        )
        running = dict.fromkeys([REST, *options.only], instance)
        if PLAIN in running:
            application = things.like_an_instance("tests.benchmarks.peers.plain_strawberry:application")
            running[PLAIN] = stack.enter_context(
                things.peer(at, PLAIN, application, OPEN_METEO_URL=at.simulator.url, SECRET_KEY="of a benchmark")
            )
        register(instance.base, TEN)
        measured = compare(at, running, rounds=options.rounds, seconds=options.seconds)
        _tell(section("ten fields, cached", measured, has_targets=True))
        _tell(screens_section("at an instance", instance.base))
        if options.edge:
            ours = stack.enter_context(edge.edge(at, instance))
            _tell(screens_section("at the edge", ours.base))


def _tell(found: Section) -> None:
    print(told(found) + "\n".join(targets(found.figures)), flush=True)


if __name__ == "__main__":
    main()
