"""What a "prewarm now" of staff did, as values and as one sentence; pure."""

from dataclasses import dataclass

from prewarm.cities.formatting import format_count

NO_REDIS = "Redis does not answer, so nothing can be kept warm"


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """The result of refreshing some cities at once.

    `refreshed` of `cells` were fetched in `calls` calls to Open-Meteo. `failed` holds the names of the cities whose
    cell failed, `reasons` the phrases that say why anything was left undone. With `is_redis_down` the run ended
    early because Redis did not answer.
    """

    refreshed: int
    cells: int
    calls: int
    failed: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    is_redis_down: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every cell was refreshed and nothing went wrong."""
        return self.refreshed == self.cells and not (self.failed or self.reasons or self.is_redis_down)

    @property
    def text(self) -> str:
        """One sentence for staff, such as `2 of 3 cells refreshed in 1 call; 1 failed: Lima.`"""
        if self.is_redis_down:
            return f"{NO_REDIS}."
        phrases = [f"{self.refreshed} of {self.cells} cells refreshed in {format_count(self.calls, 'call')}"]
        if self.failed:
            phrases.append(f"{len(self.failed)} failed: {', '.join(self.failed)}")
        return f"{'; '.join([*phrases, *self.reasons])}."
