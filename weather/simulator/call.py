"""A call to Open-Meteo: what its query asks for, what it weighs, and how Open-Meteo words it when it asks wrongly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from weather.simulator.clock import Clock
from weather.simulator.place import Place

MOST_PLACES = 1000

#: Asking for one of these changes an answer in ways that are not simulated, so it is refused rather than ignored.
_NOT_SIMULATED = {
    "temperature_unit", "wind_speed_unit", "precipitation_unit", "elevation", "tilt", "azimuth",
    "current_weather", "minutely_15", "past_minutely_15", "forecast_minutely_15", "past_days", "past_hours",
    "forecast_hours", "start_date", "end_date", "start_hour", "end_hour", "domains",
}  # fmt: skip


class Refused(Exception):
    """An answer with an error status and Open-Meteo's `reason`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def bad_request(reason: str) -> Refused:
    """A refusal with status 400 and Open-Meteo's wording of the `reason`."""
    return Refused(HTTPStatus.BAD_REQUEST, reason)


@dataclass(frozen=True, eq=False)
class Product:
    """One of Open-Meteo's APIs: what can be asked of it, and what it answers about a place."""

    path: str
    #: Name → unit of what the sections `hourly` and `current` take.
    hourly: Mapping[str, str]
    #: Name → unit of what the section `daily` takes; a product without any passes over it.
    daily: Mapping[str, str]
    usual_days: int
    most_days: int
    #: How the server calls an hourly variable where a call names an unknown one.
    hourly_kind: str
    #: The model's point for a place, in degrees.
    grid_point: Callable[[Place], tuple[float, float]]
    #: The sections that were asked for, each as `"hourly_units":{…},"hourly":{…}`.
    sections: Callable[["Asked", Place, Clock], list[str]]


@dataclass(frozen=True)
class Asked:
    """A call that makes sense."""

    product: Product
    places: tuple[Place, ...]
    hourly: tuple[str, ...]
    daily: tuple[str, ...]
    current: tuple[str, ...]
    days: int
    zone: str
    unixtime: bool
    models: int
    api_key: str | None
    in_flatbuffers: bool

    @classmethod
    def parse(cls, query: str, product: Product) -> "Asked":
        """The call to `product` that a query string makes; Refused with the real server's text where it makes none."""
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        if unknown := _NOT_SIMULATED & given.keys():
            raise bad_request(f"The simulator does not know the parameter {', '.join(sorted(unknown))}.")
        _one_of(given, "cell_selection", "CellSelection", ("land", "sea", "nearest"))
        return cls(
            product=product,
            places=_places(given),
            hourly=_names(given, "hourly", product.hourly, product.hourly_kind),
            daily=_names(given, "daily", product.daily, "ForecastVariableDaily") if product.daily else (),
            current=_names(given, "current", product.hourly, product.hourly_kind),
            days=_days(given.get("forecast_days", str(product.usual_days)), product.most_days),
            zone=_zone(given.get("timezone", "GMT")),
            unixtime=_one_of(given, "timeformat", "Timeformat", ("iso8601", "unixtime")) == "unixtime",
            models=len(given.get("models", "best_match").split(",")),
            api_key=given.get("apikey"),
            in_flatbuffers=_one_of(given, "format", "ForecastResultFormat", ("json", "flatbuffers")) == "flatbuffers",
        )

    @property
    def weight(self) -> float:
        """Open-Meteo's accounting: ten variables for two weeks are one call, and nothing is less than one."""
        tenths = (len(self.hourly) + len(self.daily) + len(self.current)) * self.models / 10
        return len(self.places) * max(1.0, tenths, tenths * self.days / 14)


def _places(given: dict[str, str]) -> tuple[Place, ...]:
    latitudes, longitudes = _numbers(given, "latitude"), _numbers(given, "longitude")
    if len(latitudes) != len(longitudes):
        raise bad_request("Parameter 'latitude' and 'longitude' must have the same number of elements")
    for latitude, longitude in zip(latitudes, longitudes, strict=True):
        if not -90 <= latitude <= 90:
            raise bad_request(f"Latitude must be in range of -90 to 90°. Given: {latitude}.")
        if not -180 <= longitude <= 180:
            raise bad_request(f"Longitude must be in range of -180 to 180°. Given: {longitude}.")
    if len(latitudes) > MOST_PLACES:
        raise bad_request(f"Only up to {MOST_PLACES} locations can be requested at once")
    return tuple(map(Place, latitudes, longitudes))


def _numbers(given: dict[str, str], name: str) -> list[float]:
    if name not in given:
        raise bad_request(f"Data corrupted at path '{name}'. Value required for key '{name}'.")
    try:
        return [float(text) for text in given[name].split(",")]
    except ValueError:
        raise bad_request(
            f"Data corrupted at path '{name}'. Cannot initialize Float from invalid String value {given[name]}."
        ) from None


def _names(given: dict[str, str], section: str, known: Mapping[str, str], kind: str) -> tuple[str, ...]:
    names = tuple(filter(None, given.get(section, "").split(",")))
    for name in names:
        if name not in known:
            raise bad_request(f"Data corrupted at path ''. Cannot initialize {kind} from invalid String value {name}.")
    return names


def _days(text: str, most: int) -> int:
    if not text.lstrip("-").isdecimal():
        raise bad_request(f"Data corrupted at path 'forecast_days'. Cannot initialize Int from {text}.")
    if not 0 <= int(text) <= most:
        raise bad_request(f"Forecast days is invalid. Allowed range 0 to {most}. Given {int(text)}.")
    return int(text)


def _zone(name: str) -> str:
    if name != "auto":
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):  # a path, a folder, an unknown name
            raise bad_request("Invalid timezone") from None
    return name


def _one_of(given: dict[str, str], name: str, kind: str, allowed: Sequence[str]) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        raise bad_request(
            f"Data corrupted at path '{name}'. Cannot initialize {kind} from invalid String value {value}."
        )
    return value
