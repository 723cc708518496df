"""Reads the parameters of a query, and gathers what is wrong with them."""

from collections.abc import Callable
from typing import TypeVar

from django.http import QueryDict

Value = TypeVar("Value")
#: The name of each parameter that is wrong, and the reason: what `problems.invalid_parameters` takes.
Errors = list[tuple[str, str]]


def parsed(query: QueryDict, name: str, parse: Callable[[str], Value], errors: Errors) -> Value | None:
    """The value of a parameter, which must be given once; None if it is wrong, which is added to `errors`.

    `parse` raises ValueError with the reason for text that is no such value.
    """
    values = query.getlist(name)
    try:
        if len(values) == 1 and values[0]:
            return parse(values[0])
        errors.append((name, "must be given once" if len(values) > 1 else "is empty" if values else "is missing"))
    except ValueError as invalid:
        errors.append((name, str(invalid)))
    return None
