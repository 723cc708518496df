"""What a dollar buys: the arithmetic, and that the instance is the one that is deployed."""

import re

import pytest

from tests.benchmarks import cost
from tests.benchmarks.cached import Measured
from tests.support.servers import TOP


def measured(cpu_us: float) -> Measured:
    return Measured(a_second=1, cpu_us=cpu_us, redis_us=20, p99_ms=1, wrong=0, uncounted=0)


def test_a_task_answers_what_its_vcpus_do_in_their_share():
    assert cost.INSTANCE.requests_a_second(cpu_us=100, share=0.5) == 10_000


def test_a_million_requests_cost_an_hours_price_by_its_requests():
    name, dollars, _, rate, for_a_dollar, million = cost.line(cost.Task("a", 1, 0), 200, share=1).split()
    assert (name, float(dollars), rate) == ("a", 0.0405, "5,000")
    assert for_a_dollar == f"{5000 / cost.VCPU_HOUR:,.0f}"
    assert float(million) == pytest.approx(cost.VCPU_HOUR / 18, abs=1e-4)


def test_the_table_takes_the_middle_of_the_rounds_and_holds_it_against_the_plan():
    rounds = [measured(cpu_us) for cpu_us in (90, 100, 500)]
    table = cost.lines(rounds, [measured(25)], share=0.5)
    assert [row.split()[2] for row in table[1:3]] == ["100", "25"]
    assert table[-1].startswith("An instance answers 10.0 times the 1,000 cached requests")


def test_the_instance_is_the_task_of_the_aws_template():
    template = (TOP / "deploy/aws/service.yaml").read_text()
    family = template.partition("Family: !Sub ${AWS::StackName}-instance\n")[2]
    cpu, memory = (int(re.findall(rf'{what}: "(\d+)"', family)[0]) for what in ("Cpu", "Memory"))
    assert (cpu / 1024, memory / 1024) == (cost.INSTANCE.vcpus, cost.INSTANCE.gigabytes)
