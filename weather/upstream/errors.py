"""What can go wrong with a call to Open-Meteo; each message is one line without the API key or the query."""

from weather.core.windows import Window


class UpstreamError(Exception):
    """A call to Open-Meteo that gave no data, or none for one cell."""


class UpstreamUnavailable(UpstreamError):
    """Open-Meteo did not answer in time, answered 5xx or refused the API key, or the connection failed.

    `worth_a_retry` says whether a second attempt at once may succeed.
    """

    def __init__(self, message: str, *, worth_a_retry: bool = False) -> None:
        super().__init__(message)
        self.worth_a_retry = worth_a_retry


class UpstreamRefused(UpstreamError):
    """Open-Meteo answered 429.

    `retry_after_seconds` and `window`, the part of the quota that ran out, are None where the answer does not say.
    """

    def __init__(self, message: str, *, retry_after_seconds: int | None = None, window: Window | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.window = window


class InvalidResponse(UpstreamError):
    """An answer of Open-Meteo that has not the expected form, or has a status that is not expected."""


class NoWeatherHere(InvalidResponse):
    """The part of an answer about one cell is invalid, whatever the dataset, and will be for a while."""


class UnreadableHere(NoWeatherHere):
    """This process cannot read the answer about one cell: its time zone data is older, or its clock is wrong."""


class CallRejected(InvalidResponse):
    """Open-Meteo answered 400 for some cell of the call, and no further calls may be spent to find out which one."""


class LocationRejected(NoWeatherHere):
    """Open-Meteo answered 400 for a location; if the call has several, it rejects all of them for one."""
