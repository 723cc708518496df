import json
import shutil
import string
import subprocess
import time
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.weather.cells import CSV, ROWS
from weather.core.cells import Cell, InvalidPosition, exact_tenths, latitude_tenths, longitude_tenths

pytestmark = pytest.mark.pure

HALF_A_CELL = Decimal("0.05")


def degrees(limit: int) -> st.SearchStrategy[str]:
    """Texts of decimal degrees up to ±limit, with up to 25 decimals."""
    return st.integers(0, 25).flatmap(
        lambda places: st.decimals(-limit, limit, places=places).map(lambda value: format(value, "f"))
    )


def doubles(limit: int) -> st.SearchStrategy[float]:
    """Doubles up to ±limit; between 1e-6 and 1e-4 JavaScript and Dart print them with up to 22 decimals."""
    return st.floats(-limit, limit)


cells = st.builds(Cell, st.integers(-900, 900), st.integers(-1800, 1799))


# The table that every language is held against


@pytest.mark.parametrize(("lat", "lon", "cell_lat", "cell_lon"), ROWS)
def test_a_listed_position_is_in_its_listed_cell(lat: str, lon: str, cell_lat: str, cell_lon: str) -> None:
    cell = Cell.parse(lat, lon)

    assert cell.key == f"lat:{cell_lat}:lon:{cell_lon}"
    assert (str(cell.latitude), str(cell.longitude)) == (cell_lat, cell_lon)


@pytest.mark.parametrize("limit", [90, 180])
@given(st.data())
def test_the_short_way_to_a_cell_ends_where_the_exact_one_does(limit: int, data: st.DataObject) -> None:
    text = data.draw(
        degrees(limit) | doubles(limit).map(repr) | st.sampled_from([at for row in ROWS for at in row[:2]])
    )

    try:
        exact = exact_tenths("lat", text, limit)
    except InvalidPosition:
        exact = None
    try:
        short = latitude_tenths(text) if limit == 90 else longitude_tenths(text)
    except InvalidPosition:
        short = None
    assert short == (-1800 if exact == 1800 else exact)


@pytest.mark.parametrize(("lat", "lon", "cell_lat", "cell_lon"), ROWS)
def test_a_listed_position_has_the_same_cell_by_the_exact_way(lat: str, lon: str, cell_lat: str, cell_lon: str) -> None:
    assert exact_tenths("lat", lat, 90) == latitude_tenths(lat)
    exact = exact_tenths("lon", lon, 180)
    assert longitude_tenths(lon) == (-1800 if exact == 1800 else exact)


def test_the_table_is_plain_csv_with_each_position_once() -> None:
    text = CSV.read_text(encoding="ascii")

    assert set(text) <= set("lat,lon,cell_lat,cell_lon" + string.digits + "+-.eE\n")
    assert len({row[:2] for row in ROWS}) == len(ROWS) >= 120


# Every position has one cell


@given(degrees(90), degrees(180))
def test_a_position_is_at_most_half_a_cell_from_its_cells_centre(lat: str, lon: str) -> None:
    cell = Cell.parse(lat, lon)

    north = Decimal(cell.tenths_lat) / 10 - Decimal(lat)
    east = Decimal(cell.tenths_lon) / 10 - Decimal(lon)
    assert abs(north) <= HALF_A_CELL
    assert min(abs(east), abs(east - 360), abs(east + 360)) <= HALF_A_CELL


@given(degrees(90), degrees(180))
def test_every_cell_is_on_the_map_and_has_one_name(lat: str, lon: str) -> None:
    cell = Cell.parse(lat, lon)

    assert -900 <= cell.tenths_lat <= 900
    assert -1800 <= cell.tenths_lon <= 1799
    assert "-0.0" not in cell.key


@given(st.decimals(-90, 90, places=3), st.decimals(-180, 180, places=3))
def test_halves_go_away_from_zero(lat: Decimal, lon: Decimal) -> None:
    mirrored = Cell.parse(str(-lat), str(-lon))

    cell = Cell.parse(str(lat), str(lon))
    assert mirrored.tenths_lat == -cell.tenths_lat
    assert mirrored.tenths_lon in (-cell.tenths_lon, -1800)


@given(cells)
def test_a_cells_centre_is_in_the_cell(cell: Cell) -> None:
    assert Cell.parse(str(cell.latitude), str(cell.longitude)) == cell


@given(cells)
def test_a_cell_is_found_by_its_key(cell: Cell) -> None:
    assert Cell.from_key(cell.key) == Cell.from_member(cell.key.encode()) == cell


def test_a_member_that_is_no_text_is_no_cell() -> None:
    assert Cell.from_member(b"\xff") is None


def test_negative_zero_is_the_same_cell_as_zero() -> None:
    assert {Cell.parse(zero, "0") for zero in ("0", "-0", "0.0", "-0.0", "-0.04", "-1e-999")} == {Cell(0, 0)}


def test_the_antimeridian_has_one_name() -> None:
    assert {Cell.parse("0", lon).key for lon in ("180", "-180", "179.95", "-179.95")} == {"lat:0.0:lon:-180.0"}


def test_the_poles_are_cells() -> None:
    assert [Cell.parse(pole, "0").key for pole in ("90", "-90")] == ["lat:90.0:lon:0.0", "lat:-90.0:lon:0.0"]


@pytest.mark.parametrize(
    "key",
    ["", "lat:40.7", "lat:40.74:lon:-74.0", "lat:40.7:lon:-74", "lat:-0.0:lon:0.0", "lat:0.0:lon:180.0"]
    + ["lon:40.7:lat:-74.0", "lat:40.7:lon:-74.0:", "lat:40.7:lon:-74.0\n", "lat:91.0:lon:0.0", "lat:nan:lon:0.0"],
)
def test_other_text_is_no_key(key: str) -> None:
    with pytest.raises(ValueError):
        Cell.from_key(key)
    assert Cell.from_member(key.encode()) is None


# Whatever else comes in is refused


WORDS = "NaN nan inf -inf Infinity 1e400 1e999 ٤٠.٧ ४०.७ ４０ ½ ² 1_0 1_0.5 +40.7 --40.7 −40.7 0x1 0x1p3 * 40.7:lon:1"
FORMS = "1e e1 E 1e+1 1e1.5 1e0001 .7 -.7 40. 40,7 40.7.1 1/2 0001 4071e-2 - . 0.00000000000000000000000001"
BLANKS = [
    "",
    " ",
    " 40.7",
    "40.7 ",
    "4 0",
    "\n40.7",
    "40.7\n",
    "40.7\r\n",
    "40.7\x00",
    "\xa040.7",
    "40.7\xa0",
    "40\u20097",
]
LONG = ["0." + "1" * 26, "1" * 5000, "0." + "1" * 5000, "1e" + "1" * 5000]


@pytest.mark.parametrize("text", [*WORDS.split(), *FORMS.split(), *BLANKS, *LONG])
def test_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidPosition) as refusal:
        Cell.parse(text, "0")

    assert (refusal.value.parameter, len(refusal.value.detail) < 100) == ("lat", True)


@pytest.mark.parametrize(
    ("lat", "lon", "parameter"),
    [
        ("90.1", "0", "lat"),
        ("-90.00000000000000000001", "0", "lat"),
        ("91", "181", "lat"),
        ("0", "180.00000000000000000001", "lon"),
        ("0", "-180.1", "lon"),
        ("0", "999", "lon"),
        ("0", "1e3", "lon"),
    ],
)
def test_a_position_off_the_map_is_refused_by_its_name(lat: str, lon: str, parameter: str) -> None:
    with pytest.raises(InvalidPosition) as refusal:
        Cell.parse(lat, lon)

    assert refusal.value.parameter == parameter


def _mutated(number: str) -> st.SearchStrategy[str]:
    """The number with one character replaced by, or with one inserted from, what people and machines get wrong."""
    oddities = st.sampled_from(
        list("+-_.,eExX: \t\n\r\x00\xa0\u2212\u0664\u0967\uff14\U0001d7d2½∞") + ["nan", "inf", "99"]
    )
    return st.builds(
        lambda at, oddity, length: number[:at] + oddity + number[at + length :],
        st.integers(0, len(number)),
        oddities,
        st.integers(0, 1),
    )


@given(st.text() | st.text(string.digits + "+-.eE") | degrees(200).flatmap(_mutated), degrees(180))
@example("9" * 5000, "0")
@example("1e999", "0")
@settings(max_examples=500)
def test_any_text_is_a_cell_or_refused(lat: str, lon: str) -> None:
    try:
        cell = Cell.parse(lat, lon)
    except InvalidPosition:
        return
    assert set(lat) <= set(string.digits + "-.eE")
    assert Cell.from_key(cell.key) == cell


@pytest.mark.parametrize("text", ["1" * 1_000_000, "-" * 1_000_000, "1e" + "9" * 1_000_000, "0." + "0" * 1_000_000])
def test_a_megabyte_of_digits_is_refused_at_once(text: str) -> None:
    started = time.thread_time()
    with pytest.raises(InvalidPosition):
        Cell.parse("0", text)

    assert time.thread_time() - started < 0.1


# Every language prints a double its own way, and all mean one cell


def _digits(value: float) -> tuple[str, str, int]:
    """The sign, the shortest digits that name a double, and the place of the decimal point in them."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    return "-" * sign, "".join(map(str, digits)), len(digits) + exponent


def javascript(value: float) -> str:
    """A double as JavaScript prints it (ECMA-262, Number::toString): an exponent below 1e-6, no `.0`, no `-0`."""
    sign, digits, point = _digits(value)
    if value == 0:
        return "0"
    if point <= -6:
        mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
        return f"{sign}{mantissa}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"


def dart(value: float) -> str:
    """A double as Dart prints it (num.toString): the same thresholds, with `.0` and with `-0.0`."""
    if value == 0:
        return repr(value)
    text = javascript(value)
    return text if "." in text or "e" in text else f"{text}.0"


@pytest.mark.parametrize(
    ("value", "in_javascript", "in_dart"),
    [
        (1.0, "1", "1.0"),
        (-0.0, "0", "-0.0"),
        (-180.0, "-180", "-180.0"),
        (40.7128, "40.7128", "40.7128"),
        (1e-6, "0.000001", "0.000001"),
        (1e-7, "1e-7", "1e-7"),
        (-1.25e-7, "-1.25e-7", "-1.25e-7"),
        (5e-324, "5e-324", "5e-324"),
    ],
)
def test_the_spellers_spell_as_documented(value: float, in_javascript: str, in_dart: str) -> None:
    assert (javascript(value), dart(value)) == (in_javascript, in_dart)


@given(doubles(90), doubles(180))
@example(8.45, 0.35)
@example(-3.1e-7, 1e-7)
@example(1.2345678901234567e-6, -9.876543210987654e-5)
@example(1.0000000000000002e-4, -0.0)
def test_a_double_is_in_one_cell_however_its_language_prints_it(lat: float, lon: float) -> None:
    by_language = {Cell.parse(spell(lat), spell(lon)) for spell in (repr, javascript, dart)}

    assert len(by_language) == 1


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_speller_spells_as_node_does() -> None:
    sample = [float(f"{sign}{digits}e{exponent}") for sign in ("", "-") for exponent in range(-9, 3)
              for digits in ("1", "1.5", "1.2345678901234567", "1.7999999999999998")]  # fmt: skip
    script = "process.stdout.write(JSON.stringify(JSON.parse(process.argv[1]).map(String)))"

    spelled = subprocess.run(
        ["node", "-e", script, json.dumps([0.0, *sample])], capture_output=True, check=True, timeout=20, text=True
    ).stdout

    assert json.loads(spelled) == [javascript(value) for value in [0.0, *sample]]
