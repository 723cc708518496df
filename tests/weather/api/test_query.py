"""What a query asks: the quick way and the whole one agree, and what is wrong with it is said in its words."""

from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from weather.api.query import is_about_several, plain_question_in, question_in, questions_in
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weathernote.http.problems import Problem

pytestmark = pytest.mark.pure

texts = st.text("-.0123456789", max_size=6) | st.decimals(-181, 181, places=2).map(str)


def asked(query, default_days=None):
    return question_in(QueryDict(query), WEATHER, default_days)


def errors_of(query, default_days=7):
    with pytest.raises(Problem) as refusal:
        (questions_in if "," in query else question_in)(QueryDict(query), WEATHER, default_days)
    return list(refusal.value.errors)


@given(texts, texts, st.sampled_from([None, 7]))
def test_the_quick_way_finds_the_same_question_as_the_whole_one(lat, lon, days):
    query = f"lat={lat}&lon={lon}"
    quick = plain_question_in(query, WEATHER, days)
    if quick is None:
        assert errors_of(query)
    else:
        assert quick == asked(query, days)


@pytest.mark.parametrize(
    "query", ["lon=1&lat=1", "lat=1&lon=1&days=3", "lat=1e1&lon=1", "lat=1&lon=%31", "lat=91&lon=1"]
)
def test_all_but_the_plainest_queries_are_left_to_the_whole_way(query):
    assert plain_question_in(query, WEATHER, 7) is None


def test_the_middle_of_the_map_is_a_place():
    assert asked("lat=0&lon=0") == Question(WEATHER, Cell(0, 0))
    assert asked("lat=-0.04&lon=12.34") == Question(WEATHER, Cell(0, 123))


@pytest.mark.parametrize("days", range(1, 11))
def test_one_to_ten_days_may_be_asked_for(days):
    assert asked(f"lat=1&lon=2&days={days}", 7) == Question(WEATHER, Cell(10, 20), days)


def test_without_them_the_days_are_the_usual_ones_and_the_units_metric():
    assert asked("lat=1&lon=2", 7) == Question(WEATHER, Cell(10, 20), 7, "metric")
    assert asked("lat=1&lon=2&days=3&units=imperial") == Question(WEATHER, Cell(10, 20), None, "imperial")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("lon=1", "is missing"),
        ("lat=&lon=1", "is empty"),
        ("lat=1&lat=1&lon=1", "must be given once"),
        ("lat=1&lat=&lon=1", "must be given once"),
    ],
)
def test_a_parameter_that_is_not_there_once_is_told_so(query, detail):
    assert errors_of(query) == [("lat", detail)]


@pytest.mark.parametrize("days", [0, 11, "x"])
def test_other_days_are_refused_in_words(days):
    assert errors_of(f"lat=1&lon=1&days={days}") == [("days", "must be a whole number from 1 to 10")]


# ── several places ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "several"),
    [
        ("lat=1,2&lon=1,2", True),
        ("lat=1&lon=1,2", True),
        ("lat=1&lon=1", False),
        ("lon=1&lat=3&lat=1,2", True),
        ("", False),
    ],
)
def test_a_comma_in_a_coordinate_asks_about_several(query, several):
    assert is_about_several(QueryDict(query)) is several


def positions(number):
    return f"lat={','.join(str(n) for n in range(number))}&lon={','.join(str(-n) for n in range(number))}"


def test_twenty_places_are_asked_about_in_their_order():
    questions = questions_in(QueryDict(positions(20) + "&days=3"), WEATHER, 7)
    assert questions == [Question(WEATHER, Cell(10 * n, -10 * n), 3) for n in range(20)]


def test_twenty_one_are_too_many_and_both_lists_are_told_so():
    detail = "has 21 places, 20 at most"
    assert errors_of(positions(21)) == [("lat", detail), ("lon", detail)]


@pytest.mark.parametrize("parameter", ["lat", "lon"])
def test_lists_of_different_lengths_name_the_longer_one(parameter):
    other = "lon" if parameter == "lat" else "lat"
    assert errors_of(f"{parameter}=1,2,3&{other}=1,2") == [(parameter, f"has 3 places where {other} has 2")]


def test_a_list_that_is_wrong_in_itself_is_not_counted_against_the_other():
    assert errors_of("lat=1,,3&lon=1,2") == [("lat", "has an empty place")]
    assert errors_of("lat=1,2") == [("lon", "is missing")]


def test_a_place_that_is_none_is_named_and_spoils_no_other():
    first, second, third = questions_in(QueryDict("lat=1,x,91&lon=1,2,y"), WEATHER, None)
    assert first == Question(WEATHER, Cell(10, 10))
    assert isinstance(second, Problem) and isinstance(third, Problem)
    assert [(name, detail.split(" must")[0]) for name, detail in second.errors] == [("lat", "of place 2")]
    assert [(name, detail.split(" must")[0]) for name, detail in third.errors] == [
        ("lat", "of place 3"),
        ("lon", "of place 3"),
    ]


def test_where_no_place_is_one_the_call_is_refused_with_all_that_is_wrong():
    assert [(name, detail[:10]) for name, detail in errors_of("lat=x,91&lon=1,y")] == [
        ("lat", "of place 1"),
        ("lat", "of place 2"),
        ("lon", "of place 2"),
    ]


def slowly(query, days):
    try:
        return question_in(QueryDict(query), WEATHER, days)
    except Problem:
        return None


words = st.text("0123456789.-+eE%& =", max_size=9)
degrees = st.decimals(-200, 200, places=5).map(str) | words
queries = st.tuples(degrees, degrees).map(lambda at: f"lat={at[0]}&lon={at[1]}") | st.lists(
    st.tuples(st.sampled_from(["lat", "lon", "days", "x"]), degrees), max_size=4
).map(urlencode)


@given(queries, st.sampled_from([None, 7]))
def test_a_query_that_is_read_quickly_is_read_alike(query, days):
    quick = plain_question_in(query, WEATHER, days)
    assert quick in (None, slowly(query, days))


def test_the_query_that_phones_send_is_read_quickly():
    assert plain_question_in("lat=40.7128&lon=-74.0060", WEATHER, 7) == Question(WEATHER, Cell(407, -740), 7)
