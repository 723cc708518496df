"""How names are compared: without case, accents and the like; pure."""

import unicodedata

# Letters of their own in some languages, for which others type these.
_BASE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})


def fold(text: str) -> str:
    """A name without case, accents and extra blanks: São Paulo, SAO PAULO and são  paulo become one."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.translate(_BASE).casefold().split())


# Marks that people type or leave out: St Petersburg for St.-Petersburg, Xian for Xi'an.
_LOOSE = str.maketrans({"-": " ", "‐": " ", "–": " "} | dict.fromkeys(".,'ʼʻ‘`´", None))


def loose(text: str) -> str:
    """A folded name with hyphens as spaces, without dots, commas and apostrophes: the form that is searched."""
    return " ".join(fold(text).translate(_LOOSE).split())
