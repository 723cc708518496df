"""What can go wrong with a call to Open-Meteo; each message is one clear line without the key or the query."""

from weather.core.windows import Window


class UpstreamError(Exception):
    """No weather came of the call."""


class UpstreamUnavailable(UpstreamError):
    """It did not answer in time, said 5xx or refused the key, or something on the way failed."""

    def __init__(self, message: str, *, worth_a_retry: bool = False) -> None:
        super().__init__(message)
        self.worth_a_retry = worth_a_retry


class UpstreamRefused(UpstreamError):
    """It said 429; after how long to ask again and which quota ran out, where it said so."""

    def __init__(self, message: str, *, retry_after_seconds: int | None = None, window: Window | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.window = window


class InvalidResponse(UpstreamError):
    """It answered with something that is not weather."""


class NoWeatherHere(InvalidResponse):
    """What it said about this one place is no weather: so it will be for a while, and other places may be well."""


class UnreadableHere(NoWeatherHere):
    """What it said about this one place this process cannot read: its zone data is older, or its clock is wrong."""


class CallRejected(InvalidResponse):
    """It said 400 about a place, again and again, and the calls that may look for that place are used up."""


class PlaceRejected(NoWeatherHere):
    """It said 400 about a place: with several places in the call, one of them spoils it for all."""
