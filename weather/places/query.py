"""Which searches are valid, for places and cities."""

from collections.abc import Sequence

LONGEST_SEARCH = 100
#: A regular expression for a character that is not blank, which a search must contain. str.strip() counts these
#: controls as blanks.
SOMETHING = r"[^\s\u001c-\u001f\u0085]"


def wrong_with(searches: Sequence[str]) -> str | None:
    """Why the values of the parameter `search` are refused; None if they are valid."""
    if not searches:
        return "is missing"
    if len(searches) > 1:
        return "must be given once"
    if not searches[0].strip():
        return "is empty"
    return f"must have at most {LONGEST_SEARCH} characters" if len(searches[0]) > LONGEST_SEARCH else None
