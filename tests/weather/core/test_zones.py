"""Names of time zones, and by how much Open-Meteo's labels are wrong in some."""

import pytest

from weather.core.zones import UnknownZone, is_known, label_error_seconds, zone_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("name", ["Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "UTC"])
def test_a_name_of_the_iana_database_is_known(name: str) -> None:
    assert is_known(name) and zone_of(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe",
        "Europe/Nowhere",
        "../Europe/Paris",
        "/Europe/Paris",
        "Factory",
        "localtime",
        "posixrules",
        "right/Europe/Paris",
        "posix/Europe/Paris",
        "right/UTC",
    ],
)
def test_a_path_a_folder_and_another_text_are_not(name: str) -> None:
    assert not is_known(name)
    with pytest.raises(UnknownZone):
        zone_of(name)


def test_copies_of_all_zones_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    zone_of.cache_clear()
    monkeypatch.setattr("weather.core.zones.ZoneInfo", lambda name: pytest.fail(f"{name} was looked for"))
    assert not is_known("right/Europe/Berlin") and not is_known("posix/Europe/Berlin")


@pytest.mark.parametrize(
    ("offset", "error"),
    [(0, 0), (3600, 0), (-10_800, 0), (19_800, 1_800), (20_700, 2_700), (-12_600, -1_800), (-1_800, -1_800)],
)
def test_labels_are_wrong_by_what_the_offset_has_beyond_full_hours(offset: int, error: int) -> None:
    assert label_error_seconds(offset) == error
