"""How names are compared."""

import pytest

from weather.places.fold import fold, loose

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("name", ["São Paulo", "SAO PAULO", "são  paulo", " Sa\u0303o Paulo "])
def test_case_accents_and_blanks_do_not_matter(name: str) -> None:
    assert fold(name) == "sao paulo"


@pytest.mark.parametrize(("name", "folded"), [("Ørsted", "orsted"), ("Łódź", "lodz"), ("Þorshöfn", "thorshofn")])
def test_letters_that_do_not_decompose_have_a_plain_form(name: str, folded: str) -> None:
    assert fold(name) == folded


@pytest.mark.parametrize(("name", "other"), [("St.-Petersburg", "St Petersburg"), ("Xi'an", "Xian"), ("Xi’an", "Xian")])
def test_hyphens_dots_and_apostrophes_do_not_matter_to_a_search(name: str, other: str) -> None:
    assert loose(name) == loose(other) and fold(name) != fold(other)
