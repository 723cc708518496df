"""For schemathesis: what OpenAPI cannot say of parameters that depend on each other.

Several places in one call have as many `lat` as `lon`; a place is asked for by `search`, or by both `lat` and `lon`.
"""

import json
from typing import Any

import schemathesis

COORDINATES = (("lat", "lon"), ("latitude", "longitude"))
#: Reasons of /v1/forecast to refuse what its schema allows: of what is a zone it says no more than that it is a text.
NOT_IN_THE_SCHEMA = ("must have the same number of elements", "Invalid timezone", "Parameter 'timezone' must have")
NEITHER_OR_BOTH = {"is missing", "cannot be combined with lat and lon"}


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """As many of the one as of the other, where both are lists."""
    for names in COORDINATES if query else ():
        both = [query.get(name) for name in names]
        if all(isinstance(values, list) and values for values in both):
            count = min(map(len, both))
            query |= {name: values[:count] for name, values in zip(names, both, strict=True)}
    return query


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Not a failure: such combinations are refused, and a wrong place among good ones is answered with its problem."""
    if response.headers.get("content-type") == ["application/octet-stream"]:
        return True
    if response.status_code == 200 and any(isinstance(value, dict) for value in (case.query or {}).values()):
        return False  # sent as parameters of other names, which are ignored
    body = json.loads(response.content or b"null")
    if response.status_code == 400 and "reason" in body:
        return not any(words in body["reason"] for words in NOT_IN_THE_SCHEMA)
    if response.status_code == 400:
        if case.path == "/api/v1/places" and any(error["detail"] in NEITHER_OR_BOTH for error in body["errors"]):
            return False
        return not any(" places where " in error["detail"] for error in body["errors"])
    places = body.get("places", ()) if isinstance(body, dict) else ()
    return not (response.status_code == 200 and any("problem" in place for place in places))
