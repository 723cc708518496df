"""How many requests a second a dollar buys on AWS's list price, at the edge and at an instance.

    python -m tests.benchmarks.cost [--rounds 3] [--seconds 4] [--share 0.6]

CPU time of a cached `/weather` is measured, and a task is taken to be busy for `--share` of its vCPUs, above which one
scales out. A vCPU of Fargate is a hardware thread, and a core of this machine is taken as one.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from tests.benchmarks import cached, edge
from tests.benchmarks.cached import Measured
from tests.benchmarks.measuring import standalone, things, wrk

#: Dollars in us-east-1, on demand: Fargate on Linux and x86, https://aws.amazon.com/fargate/pricing/
VCPU_HOUR, GIGABYTE_HOUR = 0.04048, 0.004445
SHARE = 0.6
#: What the plan asks of an instance of 2 vCPU: requests a second, and cells a second that nobody holds yet.
PLAN_CACHED, PLAN_FRESH = 1_000, 50


class Task(NamedTuple):
    """A task of Fargate: the instance's is that of deploy/aws/service.yaml, and the edge's is half as large."""

    name: str
    vcpus: float
    gigabytes: float

    @property
    def dollars_an_hour(self) -> float:
        return self.vcpus * VCPU_HOUR + self.gigabytes * GIGABYTE_HOUR

    def requests_a_second(self, cpu_us: float, share: float) -> float:
        """What it answers while it is busy for this share of its vCPUs."""
        return self.vcpus * share * 1e6 / cpu_us


INSTANCE, EDGE = Task("instance", 2, 4), Task("edge", 1, 2)


def line(task: Task, cpu_us: float, share: float = SHARE) -> str:
    """A row: CPU time of a request, requests a second of a task, for a dollar an hour, and the price of a million."""
    rate = task.requests_a_second(cpu_us, share)
    for_a_dollar = rate / task.dollars_an_hour
    million = task.dollars_an_hour / (rate * 3600) * 1e6
    return f"{task.name:12}{task.dollars_an_hour:12.4f}{cpu_us:9.0f}{rate:10,.0f}{for_a_dollar:16,.0f}{million:14.4f}"


def lines(instance: Sequence[Measured], at_edge: Sequence[Measured], share: float = SHARE) -> list[str]:
    """The table, and how many times the plan's requests an instance answers."""
    cpu_us = median(one.cpu_us for one in instance)
    plan = INSTANCE.requests_a_second(cpu_us, share) / PLAN_CACHED
    return [
        f"{'task':12}{'dollars/h':>12}{'CPU µs':>9}{'req/s':>10}{'req/s for $1/h':>16}{'$ a million':>14}",
        line(INSTANCE, cpu_us, share),
        line(EDGE, median(one.cpu_us for one in at_edge), share),
        f"Redis beside them takes {median(one.redis_us for one in instance):.0f} µs for a request of the instance.",
        f"An instance answers {plan:.1f} times the {PLAN_CACHED:,} cached requests a second of the plan; "
        f"`python -m tests.benchmarks.fresh` measures the {PLAN_FRESH} fresh cells a second beside them.",
    ]


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--share", type=float, default=SHARE, help="of its vCPUs that a task is busy for")
    options = parser.parse_args()
    wrk.require()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting())
        instance = stack.enter_context(things.instance(at, cached.OURS))
        before = stack.enter_context(edge.edge(at, instance))
        measured = cached.compare(
            at,
            [instance, before],
            "weather",
            rounds=options.rounds,
            seconds=options.seconds,
            warm_seconds=edge.WARM_SECONDS,
        )
    print("\n".join(lines(measured[cached.OURS], measured[edge.NAME], options.share)))


if __name__ == "__main__":
    main()
