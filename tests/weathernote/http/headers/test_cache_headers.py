"""What caches are told of an answer's life and of where it came from."""

import pytest

from weathernote.http.headers.cache_headers import CacheResult, cache_control, cache_status

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("stale_seconds", "header"),
    [
        (3600, "public, max-age=600, stale-while-revalidate=60, stale-if-error=3600"),
        (90, "public, max-age=600, stale-while-revalidate=60, stale-if-error=90"),
        (20, "public, max-age=600, stale-while-revalidate=20, stale-if-error=20"),
        (0, "public, max-age=600, stale-while-revalidate=0, stale-if-error=0"),
    ],
)
def test_nothing_is_shown_stale_for_longer_than_it_may_be(stale_seconds: int, header: str) -> None:
    assert cache_control(600, stale_seconds) == header


def test_an_answer_that_ends_with_no_day_may_be_shown_for_an_hour_of_errors() -> None:
    assert cache_control(5) == "public, max-age=5, stale-while-revalidate=60, stale-if-error=3600"


@pytest.mark.parametrize(
    ("result", "is_stored", "header"),
    [
        ("hit", True, "weathernote; hit; ttl=376"),
        ("hit", False, "weathernote; hit; ttl=376"),
        ("miss", True, "weathernote; fwd=miss; stored"),
        ("miss", False, "weathernote; fwd=miss"),
        ("stale", True, "weathernote; fwd=stale; stored"),
        ("stale", False, "weathernote; fwd=stale"),
    ],
)
def test_a_hit_names_its_life_and_the_others_whether_they_are_stored(
    result: CacheResult, is_stored: bool, header: str
) -> None:
    assert cache_status(result, 376, is_stored=is_stored) == header
