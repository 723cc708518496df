"""Countries by their ISO 3166 code, from the table that comes with the time zones."""

import functools
from importlib import resources


@functools.cache
def names() -> dict[str, str]:
    """Each country's English name by its code."""
    table = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    # GeoNames and the European Union say XK, which ISO leaves to its users.
    return {code: name for code, name, *_ in lines} | {"XK": "Kosovo"}
