"""Reads the question of a request: by a short way for the usual form of a query, else by every parameter."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from rest_framework.request import Request

from weather.api.query import MOST_PLACES
from weather.core.cells import Cell, latitude_tenths, longitude_tenths
from weather.openmeteo_api.form import Asked, Form
from weather.openmeteo_api.names import Names, names_with
from weather.openmeteo_api.query import Refused, asked_in, form_in
from weathernote.http.problems import Problem

#: One place of plain decimals, and behind it whatever else is asked: what clients send.
_USUAL = re.compile(
    r"latitude=(-?[0-9]{1,3}(?:\.[0-9]{1,25})?)&longitude=(-?[0-9]{1,3}(?:\.[0-9]{1,25})?)(|&.{1,1000})"
)


def asked_of(request: Request) -> Asked:
    """The question of a request; raises Problem (400) with the reason."""
    extras = tuple(settings.EXTRA_VARIABLES)
    usual = _USUAL.fullmatch(request._request.META.get("QUERY_STRING", ""))
    if usual is not None:
        try:
            return Asked((Cell(latitude_tenths(usual[1]), longitude_tenths(usual[2])),), _form(usual[3], extras))
        except ValueError:
            pass  # below with the reason
    # A call for more places than a client has requests could never pass.
    most = min(MOST_PLACES, settings.RATE_LIMIT_REQUESTS)
    given: Mapping[str, Any] = dict(request.query_params.lists())
    try:
        return asked_in(given, names_with(extras), most)
    except Refused as refused:
        raise Problem("invalid_parameter", str(refused)) from None


def names_here() -> Names:
    """What this instance can be asked for."""
    return names_with(tuple(settings.EXTRA_VARIABLES))


@lru_cache(maxsize=1024)
def _form(rest: str, extras: tuple[str, ...]) -> Form:
    """The form in what follows the place of a query: read once for all positions. Raises Refused."""
    given = parse_qs(rest, keep_blank_values=True)
    form = form_in(given, names_with(extras))
    if len(form.zones) > 1 or "latitude" in given or "longitude" in given:
        raise Refused("not about the one place before it")
    return form
