"""The reject curve as a drawing: SVG, written by hand."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from hwr.evaluate.confidence import RejectPoint

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 60
COLOURS = ("#1b6ca8", "#c8553d", "#3c896d", "#8b5fbf", "#b8860b", "#5c5c5c", "#d1477a", "#2a9d8f")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Distances of grid lines that read well."""
MOST_LINES = 8


def draw_reject_curves(title: str, curves: Sequence[tuple[str, Sequence[RejectPoint]]]) -> str:
    """CER against the share of lines kept, one curve a set, as the text of an SVG file.

    Args:
        curves: name of each set with the points of its curve, at least one.
    """
    highest = max((point.cer for _, points in curves for point in points), default=0.0) or 0.01
    step = next((size for size in STEPS if highest / size <= MOST_LINES), highest / MOST_LINES)
    top = step * -(-highest // step)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
    ]
    for number in range(round(top / step) + 1):
        y = _y(number * step, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number * step * 100:.3g} %</text>')
    for number in range(6):
        x = _x(number / 5)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number * 20} %</text>')
    parts.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 18}" text-anchor="middle">surest lines kept</text>')
    parts.append(f'<text x="{LEFT - 50}" y="{TOP - 10}">CER</text>')
    for number, (name, points) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(f"{_x(point.kept):.1f},{_y(point.cer, top):.1f}" for point in points)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 16 * (number + 1)
        parts.append(f'<path d="M{LEFT + 10} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 34}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(rate: float, top: float) -> float:
    return HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM)
