"""The refresh interval of a cell over how often it is asked for, by the service's own function and at two prices."""

from math import log10

from docs.pictures import svg
from weather.core.freshness.refresh_interval import LONGEST_SECONDS, SHORTEST_SECONDS, interval_seconds

#: Requests a day, and hours: both axes in powers of ten.
_RATES, _HOURS = (1, 100_000), (0.1, 100)
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 744, 50, 350
#: With a larger budget the price is lower. In seconds: at the lowest rates it is the interval itself.
_PRICES = (("a", 200 * 3600.0, "a small budget: price 200 h"), ("b", 20 * 3600.0, "ten times smaller price: 20 h"))


def draw() -> str:
    """The picture as SVG."""
    shapes = [svg.text(_LEFT, 28, "Popular cells are refreshed more often, rare ones still are", "name", "start")]
    for power in range(6):
        shapes += [svg.line([(_x(10**power), _TOP), (_x(10**power), _BOTTOM)], "grid")]
        shapes += [svg.text(_x(10**power), _BOTTOM + 18, f"{10**power:,}", "small")]
    for hours in (0.1, 1, 10, 100):
        shapes += [svg.line([(_LEFT, _y(hours)), (_RIGHT, _y(hours))], "grid")]
        shapes += [svg.text(_LEFT - 8, _y(hours) + 4, f"{hours:g} h", "small", "end")]
    for bound, words, x in (
        (SHORTEST_SECONDS, "never shorter: ten minutes", _LEFT + 132),
        (LONGEST_SECONDS, "never longer: 44 hours", _RIGHT),
    ):
        shapes.append(svg.line([(_LEFT, _y(bound / 3600)), (_RIGHT, _y(bound / 3600))], "line dash"))
        shapes.append(svg.text(x - 6, _y(bound / 3600) - 6, words, "small", "end"))
    for at, (kind, price, words) in enumerate(_PRICES):
        rates = [10 ** (step / 20) for step in range(101)]
        shapes.append(svg.line([(_x(r), _y(interval_seconds(r / 86_400, price) / 3600)) for r in rates], kind))
        shapes.append(svg.line([(_LEFT + 16, _BOTTOM - 92 + 20 * at), (_LEFT + 46, _BOTTOM - 92 + 20 * at)], kind))
        shapes.append(svg.text(_LEFT + 54, _BOTTOM - 88 + 20 * at, words, "small", "start"))
    shapes.append(svg.text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "requests for the cell in a day", "small"))
    return svg.picture(780, 404, "Refresh interval over a cell's popularity", shapes)


def _x(requests_a_day: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * log10(requests_a_day / _RATES[0]) / log10(_RATES[1] / _RATES[0])


def _y(hours: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * log10(hours / _HOURS[0]) / log10(_HOURS[1] / _HOURS[0])
