"""What a dataset declares: what Open-Meteo is asked for, what is held of it, and what phones are shown.

A dataset names its variables, its path and days upstream, its keys and lives in Redis, and the functions that derive
answers. The query, its weight, validation, records, their version and the shape of answers all follow from it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from weather.core.cells import Cell
from weather.core.freshness.drift import Drift
from weather.core.freshness.refresh_interval import WEATHERS_AGING, Aging
from weather.core.runs.areas import Areas
from weather.core.series import Series
from weather.core.units import IMPERIAL, METRIC, Units
from weather.core.variables import Variable

#: An answer for a number of days that few ask for is cheap to derive again, and would fill Redis' memory.
UNUSUAL_LIFE_SECONDS = 60

#: What a step between two rows of a record may come to, in units of the last decimal.
WIDEST_STEP = 32_767

#: Open-Meteo may give some days more than it was asked for.
MORE_DAYS = 2

#: The time that a record has for its first row. `labelled`: Open-Meteo's label, which is wrong in zones that are not a
#: full hour off UTC. `true`: the full hour of UTC that the values are about.
FirstRow = Literal["labelled", "true"]


@dataclass(frozen=True, eq=False)
class Section:
    """A part of an answer: an object of single values, or of columns of equal length."""

    name: Literal["current", "hourly", "daily"]
    #: (series, now in unix seconds, local days, units, further variables) → name → value or column. Sections of one
    #: value pass over days.
    derive: Callable[[Series, float, int, Units, Sequence[Variable]], Mapping[str, Any]]
    #: (further variables, units) → name → unit.
    units: Callable[[Sequence[Variable], Units], dict[str, str]]
    #: The names of values without a unit.
    without_unit: frozenset[str] = frozenset()

    @property
    def has_columns(self) -> bool:
        """Whether each name has a column rather than one value."""
        return self.name != "current"

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it that do not depend on extra variables."""
        return self.without_unit.union(self.units((), METRIC))


@dataclass(frozen=True, eq=False, slots=True)
class AnswerKind:
    """A kind of answer that Redis stores finished, as `key:lat:…:lon:…`, with `:days:…` if clients can choose days.

    Kinds and datasets are compared by identity, which is fast: questions contain them and are keys of dictionaries.
    """

    key: str
    sections: tuple[Section, ...]
    #: The name of the setting with an answer's life in seconds.
    life_setting: str
    #: The local days that it covers if the client names no number; None for current conditions.
    usual_days: int | None = None
    takes_days: bool = False

    def key_of(self, cell: Cell, days: int | None) -> str:
        """The key in Redis of the answer in metric units."""
        return f"{self.key}:{cell.key}:days:{days}" if self.takes_days else f"{self.key}:{cell.key}"

    @property
    def ends_at_midnight(self) -> bool:
        """Whether it begins with the cell's local day, and so must not outlive it."""
        return self.usual_days is not None

    def units(self, extras: Sequence[Variable], units: Units) -> dict[str, str]:
        """Name → unit of all values in it, with those of the `extras`."""
        named: dict[str, str] = {}
        for section in self.sections:
            named |= section.units(extras, units)
        return named


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one call asks of Open-Meteo and a record holds of a cell, and the kinds of answers derived from it."""

    #: The name in metrics.
    name: str
    #: The name of the setting with the URL upstream, and the path, if that URL has none.
    url_setting: str
    path: str
    variables: tuple[Variable, ...]
    #: The first part of a record's key: `upstream` in `upstream:lat:…:lon:…`.
    record_key: str
    #: The sorted set of the cells that are not asked for a while because they had no data.
    rejected_key: str
    #: The sorted set of how often cells are asked for.
    popularity_key: str
    #: The first part of the keys of the queue of cells to fetch. It has the hash tag of the leases, for the slots are
    #: shared by all datasets: `wanted:{open-meteo}` in `wanted:{open-meteo}:0`.
    queue_key: str
    kinds: tuple[AnswerKind, ...]
    forecast_days: int
    #: How many days from now an answer must cover, and the variables that must have a value for each hour of them.
    covered_days: int
    gapless: tuple[str, ...]
    first_row: FirstRow = "true"
    #: Whether a record keeps hours of the one before it that its answers can show: those of a day of another time zone.
    keeps_earlier_rows: bool = False
    #: Whether its refreshes come after those of other datasets where the budget is not enough for all; those of records
    #: that end soon do not.
    refreshes_late: bool = False
    aging: Aging = WEATHERS_AGING
    #: The sorted set of what is asked for now, which prewarm goes by; empty for a dataset that it does not serve.
    recent_popularity_key: str = ""
    #: The variables that a setting may add, and those that it adds.
    optional: tuple[Variable, ...] = ()
    extras: tuple[Variable, ...] = ()
    #: What of a held record is compared with the one that replaces it; None for nothing.
    drift: Drift | None = None
    #: Which model a cell's values come from, so that a record is refreshed after that model's runs; None for a dataset
    #: whose records are refreshed at intervals alone.
    areas: Areas | None = None
    #: The channel in Redis on which the keys of cells are published whose records are new; empty if nobody listens.
    held_channel: str = ""

    def with_extras(self, names: Iterable[str]) -> "Dataset":
        """This dataset with the optional variables of these names; unknown names are ignored."""
        named = frozenset(names)
        return replace(self, extras=tuple(variable for variable in self.optional if variable.name in named))

    @cached_property
    def asked(self) -> tuple[Variable, ...]:
        """The variables in a call and a record, in this order."""
        return self.variables + self.extras

    @cached_property
    def sections(self) -> dict[str, tuple[str, ...]]:
        """Section of Open-Meteo's query → names of the variables asked for in it."""
        return {"hourly": tuple(variable.name for variable in self.asked)}

    @cached_property
    def decimals(self) -> dict[str, int]:
        """Name → decimals of every variable in a record, whatever extras the instance that wrote it has."""
        return {variable.name: variable.decimals for variable in self.variables + self.optional}

    @cached_property
    def has_imperial_units(self) -> bool:
        """Whether a value has another unit in imperial; if none has, that answer is the metric one."""
        return any(IMPERIAL.unit(variable) != variable.unit for variable in self.variables + self.optional)

    @cached_property
    def wide(self) -> frozenset[str]:
        """The variables whose range is too wide for a record's steps in all their decimals."""
        variables = self.variables + self.optional
        return frozenset(
            variable.name
            for variable in variables
            if (variable.maximum - variable.minimum) * 10**variable.decimals > WIDEST_STEP
        )

    @property
    def weight_of_a_cell(self) -> float:
        """The weight of a call for each of its cells."""
        return cell_weight(len(self.asked), self.forecast_days)

    def is_long_enough(self, hours: int) -> bool:
        """Whether a series may have so many hours."""
        return self.covered_days * 24 <= hours <= (self.forecast_days + MORE_DAYS) * 24

    def kind(self, days: int | None) -> AnswerKind:
        """The kind of answer to a question that names a number of days, or None for current conditions."""
        return next(kind for kind in self.kinds if kind.takes_days == (days is not None))

    def record_key_of(self, cell: Cell) -> str:
        """The key in Redis of the cell's records: a hash with a field for each version of record."""
        return f"{self.record_key}:{cell.key}"


def cell_weight(variables: int, forecast_days: int) -> float:
    """The weight of each cell in a call: a tenth for each variable of fourteen days, and at least 1.

    The formula is that of its public source: max(1, v/10, v/10 × days/14), with v over all sections.
    """
    return max(1.0, variables / 10, variables / 10 * forecast_days / 14)


def rounded_up(weight: float) -> int:
    """A weight rounded up to a whole number, as budgets count."""
    # 10 places of 1.1 are 11, and not the 12 that 11.000000000000002 would come to.
    return math.ceil(round(weight, 6))
