"""A clock that a test sets: handed to what would otherwise read the time itself."""


class Clock:
    """Callable, gives `now` in seconds; it stands still until the test changes `now`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
