"""A plot of times over sizes, as SVG: a line for each tenant, ours and the naive way."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from bench.result import percentile
from bench.search.asked import Asked
from bench.search.naive import NAIVELY

WIDTH: Final = 720
HEIGHT: Final = 420
LEFT: Final = 60
RIGHT: Final = 250
TOP: Final = 36
BOTTOM: Final = 48
COLOURS: Final = ("#1b6ca8", "#c2571a", "#2c7a4b", "#7a3b8f", "#8a8a8a", "#a88a1b")

Line = tuple[str, bool, list[tuple[float, float]]]
"""A name, whether it is the naive way, and points of labels and milliseconds."""


def lines(asked: Mapping[int, Sequence[Asked]]) -> list[Line]:
    """Make a line for each tenant and filter, and of tenants one of the naive way."""
    found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for rows, each in sorted(asked.items()):
        for one in each:
            found.setdefault((one.what, False), []).append((rows, one.p50_ms))
            if one.naive_ms:
                naive = percentile(one.naive_ms[NAIVELY[-1]], 0.5)
                found.setdefault((one.what, True), []).append((rows, naive))
    return [(what, naive, points) for (what, naive), points in found.items()]


def drawn(title: str, given: Sequence[Line]) -> str:
    """Draw lines over logarithmic axes. Units: milliseconds, labels."""
    points = [point for _, _, each in given for point in each]
    across = _axis([point[0] for point in points])
    up = _axis([point[1] for point in points])

    def place(point: tuple[float, float]) -> str:
        x = LEFT + _share(point[0], across) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - _share(point[1], up) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20">{escape(title)}</text>',
    ]
    for power in range(across[0], across[1] + 1):
        x, y = place((10.0**power, 10.0 ** up[0])).split(",")
        parts.append(_tick(float(x), float(y) + 18, f"{10**power:,}", "middle"))
    for power in range(up[0], up[1] + 1):
        x, y = place((10.0 ** across[0], 10.0**power)).split(",")
        parts.append(_tick(LEFT - 6, float(y) + 4, f"{10.0**power:g} ms", "end"))
        parts.append(f'<path d="M{x},{y} H{WIDTH - RIGHT}" stroke="#dddddd"/>')
    names = list(dict.fromkeys(what for what, _, _ in given))
    for number, (what, naive, each) in enumerate(given):
        colour = COLOURS[names.index(what) % len(COLOURS)]
        dashes = ' stroke-dasharray="5 4"' if naive else ""
        path = " L".join(map(place, each))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}"{dashes}/>')
        for point in each:
            x, y = place(point).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        y_key = TOP + 18 * number
        x_key = WIDTH - RIGHT + 16
        parts.append(f'<path d="M{x_key},{y_key} h24" stroke="{colour}"{dashes}/>')
        name = f"{what}{', naive' if naive else ''}"
        parts.append(_tick(x_key + 30, y_key + 4, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _axis(values: Sequence[float]) -> tuple[int, int]:
    """Give the powers of ten around values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _share(value: float, axis: tuple[int, int]) -> float:
    return (math.log10(value) - axis[0]) / (axis[1] - axis[0])


def _tick(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
