"""JSON that is parsed in steps, against the same parsed at once."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weather.upstream import answer_json

pytestmark = pytest.mark.pure

#: What an answer is made of, and what it may be made wrong by.
pieces = st.lists(
    st.sampled_from([*'[]{},:"', " ", "\n", "\u00a0", "\ufeff", "nan", "-nan", "inf", "NaN", "-Infinity", "null"])
    | st.sampled_from(
        ["true", "7", "-0.5", "1e999", '"a"', '"a":', '"\\ud800"', '"a, nan"', '"°"', '{"a":nan}', "[nan,7]"]
        + ["},{", '"},{"', '{"a":7}', '{"a":{"b":[]}}', '{"a":[{},{}]}', "[{", "}]"]
    ),
    max_size=12,
).map("".join)


def parsed_at_once(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        # As text: of bytes the library would pass over a mark of their order.
        return json.loads(re.sub(r"(?<=[:,\[])\s*-?(?:nan|inf)\b", '"nan"', text, flags=re.ASCII), parse_constant=str)


@given(pieces | pieces.map(lambda text: f"[{text}]"))
@example("[nan,nan , -nan,\n inf]")
@example('[{"a":nan},{"a":[nan]}]')
@example("[7,]")
@example("[,7]")
@example("[] []")
@example("[]7")
@example("\ufefftrue")
@example('[{"a":1},{"a":"},{"}]')
@example('[{"a":[{"b":1},{"b":2}]},{"a":7}]')
@example('[{"a":1},{"a":nan}]')
@example('[{"a":1},{"a":2}')
@example('[{"a":1},{"a":2}] ')
@example('[{"a":1},{"a":2},]')
@settings(max_examples=500)
def test_json_in_steps_is_what_it_is_at_once(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_json, "_PIECE_CHARACTERS", 2)
        try:
            expected = parsed_at_once(text)
        except ValueError:
            with pytest.raises(ValueError):
                answer_json.parsed(text.encode())
            return
        assert answer_json.parsed(text.encode()) == expected


def test_an_array_has_at_most_as_many_items_as_a_call_has_cells() -> None:
    assert answer_json.parsed(json.dumps([0] * 1_000).encode()) == [0] * 1_000
    with pytest.raises(ValueError, match="more than 1000 items"):
        answer_json.parsed(json.dumps([0] * 1_001).encode())
