"""Cells: every phone in a square of 0.1° asks the same question."""

from docs.pictures import svg

_SIDE, _LEFT, _TOP = 120, 70, 50
#: Places in New York as (latitude, longitude): three in one cell, one in the next.
_PHONES = ((40.7128, -74.0060), (40.6892, -74.0445), (40.7411, -73.9897), (40.7794, -73.9632))


def draw() -> str:
    """The picture as SVG."""
    shapes = [svg.text(_LEFT, 30, "Phones → cells: the nearest tenth of a degree", "name", "start")]
    for row, tenths_lat in enumerate((408, 407)):
        for column, tenths_lon in enumerate((-741, -740, -739)):
            left, top = _LEFT + column * _SIDE, _TOP + row * _SIDE
            kind = "main" if (tenths_lat, tenths_lon) in _cells() else "box"
            shapes.append(f'<rect class="{kind}" x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}"/>')
            shapes.append(
                svg.text(left + 8, top + _SIDE - 8, f"{tenths_lat / 10}, {tenths_lon / 10}", "small", "start")
            )
    for lat, lon in _PHONES:
        x = _LEFT + (lon + 74.15) * 10 * _SIDE
        y = _TOP + (40.85 - lat) * 10 * _SIDE
        shapes.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    shapes += [
        svg.arrow((_LEFT + 3 * _SIDE + 6, 110), (_LEFT + 3 * _SIDE + 46, 110)),
        svg.box(480, 74, 280, 72, ("one call of weight 1.0 for each cell", "ten variables × 336 hours, for 14 days")),
        svg.arrow((620, 146), (620, 184)),
        svg.box(
            480,
            188,
            280,
            92,
            ("two weeks of answers", "/weather for every minute", "/forecast for 1 to 10 days"),
            "main",
        ),
    ]
    return svg.picture(780, 312, "Positions of phones, the cells they belong to, and what one call buys", shapes)


def _cells() -> set[tuple[int, int]]:
    return {(round(lat * 10), round(lon * 10)) for lat, lon in _PHONES}
