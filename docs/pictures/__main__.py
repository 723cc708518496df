"""Draws every picture into this folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.pictures import budget, cells, growth, house, interval, missed_age, request

#: What draws each picture, by the picture's name.
PICTURES: Mapping[str, Callable[[], str]] = {
    "house": house.draw,
    "request": request.draw,
    "cells": cells.draw,
    "missed_age": missed_age.draw,
    "interval": interval.draw,
    "budget": budget.draw,
    **growth.DRAWN,
}
FOLDER = Path(__file__).parent

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")
