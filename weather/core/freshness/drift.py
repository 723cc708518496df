"""How far a held forecast had drifted from the new one when it was refreshed: what freshness is worth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weather.core.series import Series

#: The ages that are told apart: up to so many seconds, and the name.
AGES = (
    (600, "10m"),
    (3600, "1h"),
    (10_800, "3h"),
    (21_600, "6h"),
    (43_200, "12h"),
    (86_400, "1d"),
)
OLDER = "2d"


def age_of(held: Series, now: float) -> str:
    """The label of the first group of AGES that the held forecast's age at `now` (unix seconds) fits into, or OLDER."""
    age_seconds = now - held.fetched_at
    return next((name for seconds, name in AGES if age_seconds <= seconds), OLDER)


@dataclass(frozen=True, eq=False, slots=True)
class Drift:
    """What of a dataset's present conditions is compared at a refresh."""

    #: (series, now in unix seconds) → name → value.
    conditions: Callable[[Series, float], Mapping[str, object]]
    #: The variables whose difference is a distance, in their own unit.
    distances: tuple[str, ...] = ()
    #: The variables that are codes: another code is a distance of 1.
    codes: tuple[str, ...] = ()

    def between(self, held: Series, new: Series, now: float) -> dict[str, float]:
        """Variable → distance, to the hundredth, of the conditions at `now` by `held` from those by `new`.

        A variable that is null in either is left out.
        """
        before, after = self.conditions(held, now), self.conditions(new, now)
        drifted = {}
        for name in (*self.distances, *self.codes):
            old, known = before[name], after[name]
            if isinstance(old, int | float) and isinstance(known, int | float):
                drifted[name] = float(old != known) if name in self.codes else round(abs(known - old), 2)
        return drifted
