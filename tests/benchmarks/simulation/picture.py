"""A picture of age against budget, drawn by hand as SVG: both axes in powers, a panel for each world."""

from collections.abc import Mapping, Sequence
from math import log10

#: A world's lines: (calls a day, mean age in hours) by name.
Lines = Mapping[str, Sequence[tuple[float, float]]]

WIDTH, HEIGHT, MARGIN = 420, 320, 56
COLOURS = ("#0b6e99", "#c8553d", "#777777", "#588157", "#8d6a9f")
HOURS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)


def svg(worlds: Mapping[str, Lines]) -> str:
    budgets = sorted({calls for lines in worlds.values() for points in lines.values() for calls, _ in points})
    panels = [_panel(name, lines, budgets, at * WIDTH) for at, (name, lines) in enumerate(worlds.items())]
    names = list(dict.fromkeys(name for lines in worlds.values() for name in lines))
    legend = [
        f'<text x="{MARGIN + 150 * at}" y="{HEIGHT + 16}" fill="{COLOURS[at % len(COLOURS)]}">{name}</text>'
        for at, name in enumerate(names)
    ]
    size = f'width="{max(1, len(worlds)) * WIDTH}" height="{HEIGHT + 28}"'
    style = 'font-family="sans-serif" font-size="11"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *panels, *legend, "</svg>", ""])


def _panel(name: str, lines: Lines, budgets: Sequence[float], left: int) -> str:
    def x(calls: float) -> float:
        span = log10(budgets[-1] / budgets[0]) or 1
        return left + MARGIN + (WIDTH - MARGIN - 20) * log10(calls / budgets[0]) / span

    def y(hours: float) -> float:
        return 30 + (HEIGHT - 30 - MARGIN) * log10(HOURS[-1] / max(hours, HOURS[0])) / log10(HOURS[-1] / HOURS[0])

    drawn = [f'<text x="{left + MARGIN}" y="18" font-weight="bold">{name}: mean age seen (hours) by calls a day</text>']
    for hours in HOURS:
        drawn.append(
            f'<line x1="{x(budgets[0])}" x2="{x(budgets[-1])}" y1="{y(hours)}" y2="{y(hours)}" stroke="#ddd"/>'
        )
        drawn.append(f'<text x="{left + MARGIN - 8}" y="{y(hours) + 4}" text-anchor="end">{hours:g}</text>')
    drawn += [f'<text x="{x(b)}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{b:,.0f}</text>' for b in budgets]
    for at, points in enumerate(lines.values()):
        path = " ".join(f"{x(calls):.1f},{y(hours):.1f}" for calls, hours in sorted(points))
        colour = COLOURS[at % len(COLOURS)]
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x(c):.1f}" cy="{y(h):.1f}" r="3" fill="{colour}"/>' for c, h in points]
    return "\n".join(drawn)
