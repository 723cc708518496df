"""Open-Meteo's own question, cached by cell, beside /api/v1/forecast: at an instance and at the edge.

    python -m tests.benchmarks.openmeteo_api [--rounds 3] [--seconds 4] [--edge]

The same 2,000 cells and 100,000 clients ask the same instance by turns: /api/v1/forecast, a week of ten hourly
variables and ten daily ones in JSON and in FlatBuffers, and what a small app asks (present conditions and a week).
"""

from collections.abc import Sequence
from contextlib import ExitStack

from tests.benchmarks import cached, edge
from tests.benchmarks.measuring import records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, targets, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing

HOURLY = (
    "temperature_2m,relative_humidity_2m,apparent_temperature,precipitation,precipitation_probability,weather_code,"
    "pressure_msl,wind_speed_10m,wind_direction_10m,wind_gusts_10m"
)
DAILY = (
    "weather_code,temperature_2m_max,temperature_2m_min,apparent_temperature_max,apparent_temperature_min,"
    "precipitation_sum,precipitation_probability_max,wind_speed_10m_max,sunrise,sunset"
)
OURS = "/api/v1/forecast"
WEEK, WEEK_FLATBUFFERS, APP = "a week", "a week, FlatBuffers", "a small app"
QUESTIONS = {
    WEEK: f"hourly={HOURLY}&daily={DAILY}&timezone=auto",
    WEEK_FLATBUFFERS: f"hourly={HOURLY}&daily={DAILY}&timezone=auto&format=flatbuffers",
    APP: "current=temperature_2m,weather_code,wind_speed_10m&daily=weather_code,temperature_2m_max,temperature_2m_min"
    "&timezone=auto",
}
TARGET = 0.5
#: Each of the instance's workers works out each cell's answer once.
WARM_SECONDS = 8


def asked(question: str) -> list[str]:
    """The cached traffic, in Open-Meteo's words."""
    lines = []
    for line in traffic.cached(traffic.FORECAST):
        path, _, client = line.partition("\t")
        position = path.partition("?")[2].replace("lat=", "latitude=").replace("lon=", "longitude=")
        lines.append(f"/v1/forecast?{position}&{question}\t{client}")
    return lines


def compare(at: Setting, thing: Thing, *, rounds: int, seconds: float) -> dict[str, list[cached.Measured]]:
    """Each question at the same server in rounds; clients go on where the round before ended."""
    files = {OURS: traffic.write(at.folder / "forecast.txt", traffic.cached(traffic.FORECAST))}
    for number, (name, question) in enumerate(QUESTIONS.items()):
        files[name] = traffic.write(at.folder / f"question-{number}.txt", asked(question))
    records.keep(traffic.cells())
    for file in files.values():
        wrk.run(thing.base, file, WARM_SECONDS, begin=0.9)
    names = list(files)

    def one(name: str, number: int) -> cached.Measured:
        begin = (number * len(names) + names.index(name)) / (rounds * len(names))
        return cached.measure(at, thing, files[name], seconds, begin)

    return dict(zip(names, in_rounds(names, one, rounds), strict=True))


def section(title: str, measured: dict[str, list[cached.Measured]], target: float | None) -> Section:
    """The table, and how each question compares with /api/v1/forecast."""

    def of(name: str, field: str) -> Sequence[float]:
        return [getattr(each, field) for each in measured[name]]

    figures = [
        Figure(
            f"{title}, {name}, req/s ÷ {OURS}",
            ratio(of(name, "a_second"), of(OURS, "a_second")).middle,
            "higher",
            target,
        )
        for name in QUESTIONS
    ]
    wrong = sum(sum(of(name, "wrong")) for name in QUESTIONS)
    return Section(
        f"{title}: {traffic.CELLS:,} cells, {traffic.CLIENTS:,} clients",
        cached.lines(measured, ours=OURS),
        [*figures, Figure(f"{title}, wrong answers", wrong, "lower", 0)],
    )


def instance_section(at: Setting, *, rounds: int, seconds: float) -> Section:
    with things.instance(at) as thing:
        return section("/v1/forecast at an instance", compare(at, thing, rounds=rounds, seconds=seconds), TARGET)


def edge_section(at: Setting, *, rounds: int, seconds: float) -> Section:
    with ExitStack() as stack:
        instance = stack.enter_context(things.instance(at, "instance-behind-the-edge"))
        ours = stack.enter_context(edge.edge(at, instance))
        return section("/v1/forecast at the edge", compare(at, ours, rounds=rounds, seconds=seconds), None)


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--edge", action="store_true", help="at the edge too")
    options = parser.parse_args()
    wrk.require()
    with standalone.filled_setting(1) as at:
        sections = [instance_section(at, rounds=options.rounds, seconds=options.seconds)]
        if options.edge:
            sections.append(edge_section(at, rounds=options.rounds, seconds=options.seconds))
        for found in sections:
            print(told(found) + "\n".join(targets(found.figures)))


if __name__ == "__main__":
    main()
