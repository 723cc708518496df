"""What may be searched for, in places and in cities alike."""

from collections.abc import Sequence

LONGEST_SEARCH = 100
#: What a search has to have in it, as a regular expression: blanks are no more than nothing. str.strip() takes these
#: controls for blanks too.
SOMETHING = r"[^\s\u001c-\u001f\u0085]"


def wrong_with(searches: Sequence[str]) -> str | None:
    """Why what is given as `search` cannot be searched for, if there is a reason."""
    if not searches:
        return "is missing"
    if len(searches) > 1:
        return "must be given once"
    if not searches[0].strip():
        return "is empty"
    return f"must have at most {LONGEST_SEARCH} characters" if len(searches[0]) > LONGEST_SEARCH else None
