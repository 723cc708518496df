"""Reads what a request asks, from the body of a POST or the query of a GET; the text of a document is not read here."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.http import HttpRequest, QueryDict

from weather.graphql import numbers
from weather.graphql.errors import Refused
from weather.graphql.numbers import NumberTooLong

MOST_QUERY_BYTES = 8 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
# A plus sign is a blank there, which these two need not have.
_USUAL = re.compile(
    r"(?:extensions=(?P<extensions>[^&+]{1,400})&)?variables=(?P<variables>[^&+]{2,4000})(?:&extensions=(?P<last>[^&+]{1,400}))?"
)
_NAMES = ("query", "operationName", "variables", "extensions")


class GraphQLRequest(NamedTuple):
    """A request: the text of its document, or None if it names a persisted one; its hash; and what is asked of it."""

    text: str | None
    sha256: str
    operation_name: str | None
    variables: Mapping[str, Any]
    #: Whether the document is to be kept under its hash, or is asked for by it.
    is_persisted: bool


def request_in(request: HttpRequest, body: bytes) -> GraphQLRequest:
    """What a GET, HEAD or POST asks; raises Refused."""
    if request.method == "POST":
        return _of(_json(body))
    query = request.META.get("QUERY_STRING", "")
    return _persisted(query) or _of(_parameters(request.GET))


def _persisted(query: str) -> GraphQLRequest | None:
    """What the usual query of a persisted one asks, its two parameters and nothing else; None for any other.

    It takes a third of the time that reading every parameter takes.
    """
    # Bytes that were not encoded are read as UTF-8 by the general way, as an edge reads them.
    usual = _USUAL.fullmatch(query) if query.isascii() else None
    if usual is None:
        return None
    first, variables, last = usual["extensions"], usual["variables"], usual["last"]
    sha256 = "" if first and last else _sha256_in(first or last or "")
    if not sha256:
        return None
    given = _parsed(unquote(variables).encode(errors="replace"), "The parameter variables")
    return GraphQLRequest(None, sha256, None, _object({"variables": given}, "variables"), is_persisted=True)


@lru_cache(maxsize=1024)
def _sha256_in(extensions: str) -> str:
    """The hash in percent-encoded extensions; empty where they say anything else."""
    try:
        return _of({"extensions": _parsed(unquote(extensions).encode(errors="replace"), "extensions")}).sha256
    except Refused:
        return ""


def _parameters(query: QueryDict) -> Mapping[str, Any]:
    given: dict[str, Any] = {}
    for name in _NAMES:
        values = query.getlist(name)
        if len(values) > 1:
            raise Refused(f"The parameter {name} must be given once.")
        if values:
            given[name] = values[0]
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _parsed(given[name].encode(errors="replace"), f"The parameter {name}")
        else:
            given.pop(name, None)
    return given


def _json(body: bytes) -> Mapping[str, Any]:
    given = _parsed(body, "The body")
    if isinstance(given, list):
        raise Refused("A request has one query: batches are not served.")
    if not isinstance(given, dict):
        raise Refused("The body must be a JSON object.")
    return given


def _parsed(text: bytes, what: str) -> Any:
    try:
        return numbers.JSON.decode(text.decode())
    except NumberTooLong as wrong:
        raise Refused(f"{what} {wrong}.") from None
    except (ValueError, RecursionError):
        raise Refused(f"{what} must be JSON, in UTF-8.") from None


def _of(given: Mapping[str, Any]) -> GraphQLRequest:
    text, name = _text(given, "query"), _text(given, "operationName")
    variables, extensions = _object(given, "variables"), _object(given, "extensions")
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        if not text:
            raise Refused("The query is missing.")
        return GraphQLRequest(text, _hash(text), name, variables, is_persisted=False)
    sha256 = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or persisted.get("version") != 1:
        raise Refused("extensions.persistedQuery must have version 1 and a sha256Hash of 64 hex digits.")
    if text and _hash(text) != sha256:
        raise Refused("The sha256Hash is not that of the query.")
    return GraphQLRequest(text or None, sha256, name, variables, is_persisted=True)


def _hash(text: str) -> str:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise Refused("The query has characters that are none.") from None
    if len(encoded) > MOST_QUERY_BYTES:
        raise Refused(f"The query has {len(encoded):,} bytes; {MOST_QUERY_BYTES:,} are the most.")
    return hashlib.sha256(encoded).hexdigest()


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Refused(f"{name} must be a text.")


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise Refused(f"{name} must be an object.")
