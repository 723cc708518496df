"""How names are compared: without case, accents and the like; pure."""

import unicodedata

# Letters of their own in some languages, for which others type these.
_BASE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})


def fold(text: str) -> str:
    """The form in which São Paulo, SAO PAULO and são  paulo are one."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.translate(_BASE).casefold().split())


# What is typed or not as people please: St Petersburg for St.-Petersburg, Xian for Xi'an.
_LOOSE = str.maketrans({"-": " ", "‐": " ", "–": " "} | dict.fromkeys(".,'ʼʻ‘`´", None))


def loose(text: str) -> str:
    """As `fold`, with hyphens as spaces and without dots, commas and apostrophes: how names are looked up."""
    return " ".join(fold(text).translate(_LOOSE).split())
