"""A plot of multiples as SVG: bars along a logarithmic axis, in groups."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from msgspec import Struct

WIDTH: Final = 800
LEFT: Final = 250
RIGHT: Final = 70
HEAD: Final = 60
GAP: Final = 26
STEP: Final = 18
HIGH: Final = 12
TICKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
COLOUR: Final = "#1b6ca8"
OTHERS: Final = "#b9c4cc"


class Bar(Struct, frozen=True):
    """A name, and a multiple of what all are held against."""

    name: str
    value: float


def bars(title: str, groups: Mapping[str, Sequence[Bar]]) -> str:
    """Draw groups of bars; the first of each group is ours."""
    values = [bar.value for group in groups.values() for bar in group] or [1.0]
    low = min(0.5, *values, 1.0)
    high = max(2.0, *values, 1.0)

    def across(value: float) -> float:
        share = math.log(value / low) / math.log(high / low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    height = HEAD + sum(GAP + STEP * len(group) for group in groups.values()) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        "<style>text { font: 12px sans-serif } .name { font-weight: bold }</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="20">{escape(title)}</text>',
        *(
            part
            for tick in TICKS
            if low <= tick <= high
            for part in _tick(across(tick), tick, height)
        ),
    ]
    y = HEAD
    for operation, group in groups.items():
        parts.append(_text(8, y + 10, operation, "start", ' class="name"'))
        y += STEP
        for number, bar in enumerate(group):
            begin, end = sorted((across(1), across(bar.value)))
            colour = OTHERS if number else COLOUR
            parts.append(_text(LEFT - 8, y + 10, bar.name, "end"))
            parts.append(
                f'<rect class="bar" x="{begin:.1f}" y="{y}" width="{max(1.0, end - begin):.1f}" '
                f'height="{HIGH}" fill="{colour}"/>'
            )
            parts.append(_text(end + 5, y + 10, f"{bar.value:.3g}", "start"))
            y += STEP
        y += GAP - STEP
    return "\n".join([*parts, "</svg>", ""])


def _tick(x: float, tick: float, height: int) -> tuple[str, str]:
    colour = "#555555" if tick == 1 else "#e4e8eb"
    line = f'<path d="M{x:.1f},{HEAD - 14} V{height - GAP}" stroke="{colour}"/>'
    return line, _text(x, HEAD - 19, f"{tick:g}", "middle")


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
