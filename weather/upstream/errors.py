"""What can go wrong with a call to Open-Meteo; each message is one clear line without the key or the query."""

from weather.core.windows import Window


class UpstreamError(Exception):
    """The call brought no weather."""


class UpstreamUnavailable(UpstreamError):
    """It did not answer in time, said 5xx or refused the key, or something on the way failed."""

    def __init__(self, message: str, *, worth_a_retry: bool = False) -> None:
        super().__init__(message)
        self.worth_a_retry = worth_a_retry


class UpstreamRefused(UpstreamError):
    """It said 429; with the seconds until it may be asked again and the quota that ran out, where it said so."""

    def __init__(self, message: str, *, retry_after_seconds: int | None = None, window: Window | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.window = window


class InvalidResponse(UpstreamError):
    """It answered with something that is not weather."""


class NoWeatherHere(InvalidResponse):
    """Its answer about this one place is invalid, and will be for a while; those about other places may be valid."""


class UnreadableHere(NoWeatherHere):
    """This process cannot read the answer about this one place: its zone data is older, or its clock is wrong."""


class CallRejected(InvalidResponse):
    """It said 400 about some place, and the calls that may be spent to find out which are used up."""


class PlaceRejected(NoWeatherHere):
    """It said 400 about a place: with several places in the call, one of them spoils it for all."""
