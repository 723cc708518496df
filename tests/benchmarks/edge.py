"""Cached answers at the edge, against an nginx that keeps answers by cell and counts nobody.

    python -m tests.benchmarks.edge [--rounds 3] [--seconds 4] [--url https://127.0.0.1:8443 --pid 123]

The edge is the project's own, or the one at --url, whose nginx master is --pid.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from tests.benchmarks import cached
from tests.benchmarks.measuring import standalone, things, wrk
from tests.benchmarks.measuring.figures import Figure, Section
from tests.benchmarks.measuring.rounds import ratio
from tests.benchmarks.measuring.things import Setting, Thing
from tests.benchmarks.peers.nginx_cell_cache import nginx_cell_cache
from tests.edge.edge_server import EdgeServer, edge_before

NAME, LIMIT = "edge", "nginx cell cache"
TARGET = 0.9
#: In which an edge finds all 2,000 cells at the instance once.
WARM_SECONDS = 3


#: All clients come from one address here; their own limits stay in force.
ADDRESS_REQUESTS = 10_000_000


@contextmanager
def edge(at: Setting, instance: Thing) -> Iterator[Thing]:
    """The project's edge before `instance`, as it is rendered for production."""
    before = edge_before(
        [urlsplit(instance.base).netloc], at.folder / "edge", address_requests=ADDRESS_REQUESTS, hand_seconds=5
    )
    with EdgeServer(before) as started:
        yield Thing(NAME, started.base, started.pid)


def compare(
    at: Setting, instance: Thing, ours: Thing, *, rounds: int, seconds: float
) -> dict[str, list[cached.Measured]]:
    """The edge and the cell cache in rounds; both listen alike: with TLS or without."""
    with nginx_cell_cache(at.folder / "nginx-cell-cache", instance.base, tls=ours.base.startswith("https")) as limit:
        return cached.compare(at, [ours, limit], "weather", rounds=rounds, seconds=seconds, warm_seconds=WARM_SECONDS)


def section(at: Setting, *, rounds: int, seconds: int) -> Section:
    title = "cached /weather at the edge, against an nginx that keeps cells and counts nobody"
    with ExitStack() as stack:
        instance = stack.enter_context(things.instance(at, "instance-behind-the-edge"))
        ours = stack.enter_context(edge(at, instance))
        measured = compare(at, instance, ours, rounds=rounds, seconds=seconds)
    fast = ratio([each.a_second for each in measured[NAME]], [each.a_second for each in measured[LIMIT]])
    thrifty = ratio([each.cpu_us for each in measured[LIMIT]], [each.cpu_us for each in measured[NAME]])
    wrong = sum(each.wrong for each in measured[NAME])
    return Section(
        title,
        cached.lines(measured, ours=NAME),
        [
            Figure("edge, req/s ÷ nginx cell cache", fast.middle, "higher", TARGET),
            Figure("edge, req per CPU second ÷ nginx cell cache", thrifty.middle, "higher", TARGET, kept=True),
            Figure("edge, wrong answers", wrong, "lower", 0),
        ],
    )


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--url", help="of an edge that runs")
    parser.add_argument("--pid", type=int, default=0, help="of its nginx master")
    options = parser.parse_args()
    wrk.require()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting())
        instance = stack.enter_context(things.instance(at))
        ours = Thing(NAME, options.url, options.pid) if options.url else stack.enter_context(edge(at, instance))
        measured = compare(at, instance, ours, rounds=options.rounds, seconds=options.seconds)
        print("\n".join(cached.lines(measured, ours=NAME)))


if __name__ == "__main__":
    main()
