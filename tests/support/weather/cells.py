"""The table of positions and their cells that every language is held against."""

import csv
from pathlib import Path

CSV = Path(__file__).parents[2] / "data" / "cells.csv"
with CSV.open(newline="") as lines:
    ROWS = [(row["lat"], row["lon"], row["cell_lat"], row["cell_lon"]) for row in csv.DictReader(lines)]
