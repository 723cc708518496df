"""Shapes for the manual's pictures: plain SVG with a background of its own, so that it reads in light and in dark."""

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
svg { font: 13px system-ui, sans-serif; }
.ground { fill: #ffffff; } .box { fill: #eef4f8; stroke: #6b8aa0; } .main { fill: #d5e8f5; stroke: #2f6f9f; }
text { fill: #1c2a33; } .small { font-size: 11px; fill: #4a5d69; } .name { font-weight: 600; }
.line, .arrow { stroke: #4a5d69; fill: none; stroke-width: 1.4; } .tip { fill: #4a5d69; }
.grid { stroke: #d9e1e6; fill: none; } .a { stroke: #0b6e99; fill: none; stroke-width: 2.5; }
.b { stroke: #c8553d; fill: none; stroke-width: 2.5; } .area { fill: #0b6e99; opacity: .14; }
.dot { fill: #c8553d; } .dash { stroke-dasharray: 6 5; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #16202a; } .box { fill: #22313d; stroke: #6f8fa5; } .main { fill: #1f4560; stroke: #7cbbe4; }
  text { fill: #e8eff3; } .small { fill: #b3c3cd; } .line, .arrow { stroke: #b3c3cd; } .tip { fill: #b3c3cd; }
  .grid { stroke: #34444f; } .a { stroke: #6cc1ea; } .b { stroke: #f0917c; } .area { fill: #6cc1ea; }
  .dot { fill: #f0917c; }
}
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 10 5 0 10z"/></marker></defs>'
)


def picture(width: int, height: int, title: str, shapes: Iterable[str]) -> str:
    """A whole SVG file; `title` is what a screen reader says."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    ground = f'<rect class="ground" width="{width}" height="{height}" rx="8"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", _TIP, ground, *shapes, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of text, its baseline at `y`."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, lines: Sequence[str], kind: str = "box") -> str:
    """A box with its name in bold and smaller lines below it, centred."""
    name, *rest = lines
    first = y + height / 2 + 5 - 8 * len(rest)
    drawn = [f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>']
    drawn.append(text(x + width / 2, first, name, "name"))
    drawn += [text(x + width / 2, first + 16 * (at + 1), line, "small") for at, line in enumerate(rest)]
    return "\n".join(drawn)


def arrow(*points: tuple[float, float]) -> str:
    """A line through the points, with a tip at its end."""
    return f'<polyline class="arrow" marker-end="url(#tip)" points="{_joined(points)}"/>'


def line(points: Iterable[tuple[float, float]], kind: str = "line") -> str:
    """A line through the points."""
    return f'<polyline class="{kind}" points="{_joined(points)}"/>'


def area(points: Iterable[tuple[float, float]]) -> str:
    """A filled area with the points as its corners."""
    return f'<polygon class="area" points="{_joined(points)}"/>'


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
