"""The figures of an earlier run, kept in baseline.json, and what has moved since."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.measuring.figures import TOLERANCE, Figure

FILE = Path(__file__).with_name("baseline.json")


def read(file: Path = FILE) -> dict[str, float]:
    return json.loads(file.read_text()) if file.exists() else {}


def keep(figures: Sequence[Figure], file: Path = FILE) -> None:
    kept = {figure.name: float(f"{figure.value:.4g}") for figure in figures if figure.kept}
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def compared(figures: Sequence[Figure], before: Mapping[str, float]) -> tuple[list[str], bool]:
    """What to say about the figures that are kept, and whether one got worse, or was `before` and is not measured."""
    missing = before.keys() - {figure.name for figure in figures}
    lines, worse = [f"missing {name}" for name in sorted(missing)], bool(missing)
    for figure in figures:
        if not figure.kept:
            continue
        if figure.name not in before:
            lines.append(f"{'new':7} {figure.name}: {figure.value:.4g}")
            continue
        moved = figure.moved(before[figure.name])
        worse |= moved == "worse"
        change = figure.value / before[figure.name] - 1
        lines.append(
            f"{moved or 'as ever':7} {figure.name}: {before[figure.name]:.4g} → {figure.value:.4g} ({change:+.0%})"
        )
    if not any(line.startswith(("better", "worse", "missing")) for line in lines):
        lines.append(f"Nothing moved by more than {TOLERANCE:.0%}.")
    return lines, worse
