"""Rounds: each thing in turn, again and again, so that what else the machine does meets all of them alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
U = TypeVar("U")


def in_rounds(things: Sequence[T], measure: Callable[[T, int], U], rounds: int) -> list[list[U]]:
    """What `measure` gave for each thing, round by round; the second argument tells the round.

    Every other round goes backwards: whoever comes after the heaviest is not always the same.
    """
    measured: list[list[U]] = [[] for _ in things]
    for at in range(rounds):
        for number in list(range(len(things)))[:: 1 if at % 2 == 0 else -1]:
            measured[number].append(measure(things[number], at))
    return measured


class Ratio(NamedTuple):
    """The middle of the rounds' ratios, and the least and the most."""

    middle: float
    least: float
    most: float


def ratio(ones: Sequence[float], others: Sequence[float]) -> Ratio:
    """How many times the others, each round by itself: two of one round met the same machine."""
    ratios = sorted(one / other for one, other in zip(ones, others, strict=True))
    return Ratio(statistics.median(ratios), ratios[0], ratios[-1])


def medians(columns: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in columns.items()}
