"""Failed calls in a row: one row for each dataset, whose host may fail while those of the others answer; pure."""

from dataclasses import dataclass

from weather.core.datasets import DATASETS, WEATHER

#: The pause after the first, second, … failure in a row; one or two may be chance.
PAUSE_SECONDS = (0, 0, 1, 2, 4, 8, 16, 30)


@dataclass(slots=True)
class FailureRow:
    """How many calls failed since the last success, and until when there must be none: unix seconds of Redis' clock."""

    failures: int = 0
    paused_until: float = 0.0

    def add(self, now: float) -> None:
        """Counts a failure: several in a row make a pause, of 30 seconds at most."""
        self.failures += 1
        self.paused_until = now + PAUSE_SECONDS[min(self.failures, len(PAUSE_SECONDS)) - 1]

    def end(self) -> None:
        """After a success: ends the row and its pause."""
        self.failures, self.paused_until = 0, 0.0


@dataclass(frozen=True, slots=True)
class RowFields:
    """The names of a row's two fields in the budget's hash in Redis."""

    failures: str
    paused_until: str


def _fields_of(dataset: str) -> RowFields:
    # Weather's have no suffix: instances from before the second dataset read and write these names.
    suffix = "" if dataset == WEATHER.name else f":{dataset}"
    return RowFields(f"failures{suffix}", f"paused:until{suffix}")


#: Name of a dataset → the fields of its row.
FIELDS = {dataset.name: _fields_of(dataset.name) for dataset in DATASETS}


def no_failures() -> dict[str, FailureRow]:
    """Name of a dataset → an empty row."""
    return {dataset: FailureRow() for dataset in FIELDS}
