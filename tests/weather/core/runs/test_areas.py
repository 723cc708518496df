"""Which model answers for a place: those of known cities, of the areas' edges, and one for every cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.runs.areas import Area, Areas, Model, load
from weather.core.runs.regions import Box

pytestmark = pytest.mark.pure
AREAS = load("weather.json")
HOUR_SECONDS = 3600


def _model_at(lat: float, lon: float) -> str:
    return AREAS.model_of(Cell.parse(str(lat), str(lon))).name


@pytest.mark.parametrize(
    ("place", "lat", "lon", "model"),
    [
        ("Amsterdam", 52.37, 4.9, "knmi_harmonie_arome_netherlands"),
        ("Brussels", 50.85, 4.35, "knmi_harmonie_arome_netherlands"),
        ("Oslo", 59.91, 10.75, "metno_nordic_pp"),
        ("Copenhagen", 55.68, 12.57, "metno_nordic_pp"),
        ("Riga", 56.95, 24.1, "metno_nordic_pp"),
        ("London", 51.51, -0.13, "ukmo_uk_deterministic_2km"),
        ("Dublin", 53.35, -6.26, "ukmo_uk_deterministic_2km"),
        ("Berlin", 52.52, 13.41, "dwd_icon_d2"),
        # In the area of AROME France too, which comes later.
        ("Paris", 48.85, 2.35, "dwd_icon_d2"),
        ("Brest", 48.39, -4.49, "meteofrance_arome_france_hd"),
        ("Perpignan", 42.7, 2.9, "meteofrance_arome_france_hd"),
        ("Reykjavik", 64.15, -21.94, "dmi_harmonie_arome_europe"),
        ("Warsaw", 52.23, 21.01, "dmi_harmonie_arome_europe"),
        ("Chicago", 41.88, -87.63, "ncep_hrrr_conus"),
        ("Vancouver", 49.28, -123.12, "ncep_hrrr_conus"),
        ("Tokyo", 35.68, 139.69, "jma_msm"),
        ("Madrid", 40.42, -3.7, "dwd_icon_eu"),
        ("Lisbon", 38.72, -9.14, "dwd_icon_eu"),
        ("Cairo", 30.04, 31.24, "dwd_icon_eu"),
        ("Sydney", -33.87, 151.21, "ecmwf_ifs"),
        ("Mexico City", 19.43, -99.13, "ecmwf_ifs"),
        ("Sapporo", 43.06, 141.35, "ecmwf_ifs"),
    ],
)
def test_a_city_has_the_model_of_the_first_area_that_it_lies_in(place: str, lat: float, lon: float, model: str) -> None:
    assert _model_at(lat, lon) == model


def test_the_triangle_of_france_is_left_out_of_britains_area() -> None:
    assert _model_at(50.8, 0.3) == "ukmo_uk_deterministic_2km"  # Eastbourne
    assert _model_at(49.9, 1.1) == "dwd_icon_d2"  # Dieppe


def test_an_areas_border_belongs_to_it_and_the_next_cell_does_not() -> None:
    assert (_model_at(36.0, 125.0), _model_at(36.0, 124.9)) == ("jma_msm", "ecmwf_ifs")
    assert (_model_at(54.9, 9.5), _model_at(54.8, 9.5)) == ("metno_nordic_pp", "dwd_icon_d2")
    assert (_model_at(61.0, -10.9), _model_at(61.1, -10.9)) == (
        "ukmo_uk_deterministic_2km",
        "dmi_harmonie_arome_europe",
    )


def test_a_projected_grids_sides_are_curves_on_the_map() -> None:
    """Those of HRRR run through 21.1° and 47.8° N at its corners, and further north on its central meridian."""
    assert (_model_at(21.2, -122.5), _model_at(21.2, -97.5)) == ("ncep_hrrr_conus", "ecmwf_ifs")
    assert (_model_at(24.3, -97.5), _model_at(24.4, -97.5)) == ("ecmwf_ifs", "ncep_hrrr_conus")
    assert (_model_at(52.6, -97.5), _model_at(52.7, -97.5)) == ("ncep_hrrr_conus", "ecmwf_ifs")
    assert (_model_at(47.8, -61.0), _model_at(47.9, -61.0)) == ("ncep_hrrr_conus", "ecmwf_ifs")


@pytest.mark.parametrize("cell", [Cell(900, 0), Cell(-900, 0), Cell(900, -1800), Cell(0, -1800), Cell(0, 1799)])
def test_poles_and_both_sides_of_the_antimeridian_have_the_global_model(cell: Cell) -> None:
    assert AREAS.model_of(cell).name == "ecmwf_ifs"


@given(st.integers(-900, 900), st.integers(-1800, 1799))
def test_every_cell_has_one_model_and_it_is_that_of_the_first_area_that_has_its_centre(lat: int, lon: int) -> None:
    fitting = [area.model for area in AREAS.areas if area.has(lat / 10, lon / 10)]
    assert AREAS.model_of(Cell(lat, lon)) is fitting[0]


def test_a_cell_that_is_asked_for_again_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = load("weather.json")
    first = areas.model_of(Cell(525, 134))
    monkeypatch.setattr(Area, "has", lambda *_: pytest.fail("looked up"))
    assert areas.model_of(Cell(525, 134)) is first


def test_models_run_every_one_three_or_six_hours() -> None:
    hours = {model.interval_seconds / HOUR_SECONDS for model in AREAS.models.values()}
    assert hours == {1, 3, 6}
    assert AREAS.models["dwd_icon_d2"] == Model("dwd_icon_d2", 3 * HOUR_SECONDS)
    assert list(AREAS.models) == [area.model.name for area in AREAS.areas]


def test_a_table_whose_last_area_is_not_the_globe_is_refused() -> None:
    with pytest.raises(ValueError, match="the last area"):
        Areas((Area(Model("anywhere", HOUR_SECONDS), Box(south=0)),))
    with pytest.raises(ValueError, match="the last area"):
        Areas(())


def test_weather_is_refreshed_after_runs_and_air_quality_at_intervals() -> None:
    assert WEATHER.areas is not None
    assert AIR_QUALITY.areas is None
    assert WEATHER.with_extras(["uv_index"]).areas is WEATHER.areas
