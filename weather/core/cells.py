"""A position on the map and the 0.1° cell that it belongs to."""

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ASCII digits only: \d would let Arabic digits in. Phones near Greenwich print -3.1e-6.
_POSITION = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,25})?([eE]-?[0-9]{1,3})?")
# The form that nearly all phones write: its first two decimals determine the nearest tenth.
_PLAIN = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9])([0-9]?)[0-9]{0,23})?")
_TENTH = Decimal("0.1")
#: From a cell's centre to the model's own point. Grids are 0.5° wide at most, and at a coast the point moves on to the
#: next land: one and a half of their cells are 83 km.
FARTHEST_KM = 120.0
_EARTH_RADIUS_KM = 6371.0


class InvalidPosition(ValueError):
    """A text that is not a latitude or longitude; `parameter` is its query parameter, `detail` the reason."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Cell:
    """A 0.1° square of the map, named by its centre in tenths of a degree."""

    tenths_lat: int
    tenths_lon: int

    @classmethod
    def parse(cls, lat: str, lon: str) -> "Cell":
        """The cell of a position in degrees as decimal text; raises InvalidPosition for any other text."""
        return cls(latitude_tenths(lat), longitude_tenths(lon))

    @classmethod
    def from_key(cls, key: str) -> "Cell":
        """The cell whose `key` this is; raises ValueError for any other text."""
        what, lat, which, lon = key.split(":")
        if (what, which) != ("lat", "lon"):
            raise ValueError(f"not the key of a cell: {key!r}")
        cell = cls.parse(lat, lon)
        if cell.key != key:  # lat:40.74:lon:1 is a position, but not a cell's key
            raise ValueError(f"not the key of a cell: {key!r}")
        return cell

    @classmethod
    def from_member(cls, member: bytes) -> "Cell | None":
        """The cell of a member of a set in Redis, its key; None for what another release or a hand wrote there."""
        try:
            return cls.from_key(member.decode())
        except ValueError:
            return None

    def is_near(self, latitude: float, longitude: float) -> bool:
        """Whether a point of a model's grid, in degrees, is near enough to stand for this cell.

        Answers in another order than the question's fail it too.
        """
        return great_circle_km(self.latitude, self.longitude, latitude, longitude) <= FARTHEST_KM

    @property
    def latitude(self) -> float:
        """The centre's latitude in degrees north."""
        return self.tenths_lat / 10

    @property
    def longitude(self) -> float:
        """The centre's longitude in degrees east, -180.0 to 179.9."""
        return self.tenths_lon / 10

    @property
    def key(self) -> str:
        """The cell's part of keys and members in Redis, such as `lat:40.7:lon:-74.0`."""
        return f"lat:{self.tenths_lat / 10}:lon:{self.tenths_lon / 10}"


def latitude_tenths(text: str) -> int:
    """The cell's latitude in tenths of a degree, from a latitude as decimal text.

    Raises InvalidPosition for text that is not a latitude.
    """
    return _tenths("lat", text, 90)


def longitude_tenths(text: str) -> int:
    """The cell's longitude in tenths of a degree, from a longitude as decimal text; the antimeridian is always -1800.

    Raises InvalidPosition for text that is not a longitude.
    """
    tenths = _tenths("lon", text, 180)
    return -1800 if tenths == 1800 else tenths


def _tenths(parameter: str, text: str, limit: int) -> int:
    plain = _PLAIN.fullmatch(text)
    if plain is None or (degrees := int(plain[2])) >= limit:
        return exact_tenths(parameter, text, limit)
    tenths = degrees * 10 + int(plain[3] or 0) + ((plain[4] or "") >= "5")
    return -tenths if plain[1] else tenths


def exact_tenths(parameter: str, text: str, limit: int) -> int:
    """The nearest tenth of a degree to degrees as decimal text of any allowed form, halves away from zero.

    `limit` is the largest number of degrees. Raises InvalidPosition, naming the parameter, for all other text.
    """
    # On the decimal text and halves away from zero, so that every language gets the same cell.
    return int(exact_degrees(parameter, text, limit).quantize(_TENTH, rounding=ROUND_HALF_UP).scaleb(1))


def exact_degrees(parameter: str, text: str, limit: int) -> Decimal:
    """The degrees that decimal text of any allowed form stands for, from -`limit` to `limit`.

    Raises InvalidPosition, naming the parameter, for all other text.
    """
    if not _POSITION.fullmatch(text):
        raise InvalidPosition(parameter, "must be a decimal number of degrees, such as 40.7128")
    degrees = Decimal(text)
    if abs(degrees) > limit:
        raise InvalidPosition(parameter, f"must be between -{limit} and {limit} degrees")
    return degrees


def great_circle_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The distance in km between two positions in degrees, by the haversine formula."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half_phi, half_lambda = (other_phi - phi) / 2, math.radians(other_lon - lon) / 2
    square = math.sin(half_phi) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(half_lambda) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, square)))
