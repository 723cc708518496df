import pytest

from weathernote.telemetry.origin import LOOKUPS, ORIGINS, WORST_FIRST, worst

pytestmark = pytest.mark.pure


def test_every_origin_has_its_lookups_and_its_rank():
    assert set(ORIGINS) == set(LOOKUPS) == set(WORST_FIRST)
    assert len(ORIGINS) == len(WORST_FIRST)


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (["found"], "found"),
        (["found", "memory"], "memory"),
        (["derived", "stale", "found"], "stale"),
        (["stale", "fetched"], "fetched"),
        (["fetched", "none", "found"], "none"),
    ],
)
def test_a_call_about_several_places_is_as_good_as_its_worst(origins, expected):
    assert worst(origins) == expected
