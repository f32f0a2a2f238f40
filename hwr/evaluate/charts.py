"""Reject curves as SVG, without a plotting library."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from hwr.evaluate.confidence import RejectPoint

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 60
"""Margins of the reject curves."""
COLOURS = ("#1b6ca8", "#c8553d", "#3c896d", "#8b5fbf", "#b8860b", "#5c5c5c", "#d1477a", "#2a9d8f")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Readable distances between grid lines."""
MAX_GRID_LINES = 8


def draw_reject_curves(title: str, curves: Sequence[tuple[str, Sequence[RejectPoint]]]) -> str:
    """Return a chart of the CER against the share of lines kept, with one curve per set.

    Args:
        curves: name of each set with the points of its curve, at least one.
    """
    highest = max((point.cer for _, points in curves for point in points), default=0.0) or 0.01
    step = next((size for size in STEPS if highest / size <= MAX_GRID_LINES), highest / MAX_GRID_LINES)
    top = step * -(-highest // step)
    parts = [_text(LEFT, 24, title, size=15)]
    for number in range(round(top / step) + 1):
        y = _y(number * step, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{number * step * 100:.3g} %", "end"))
    for number in range(6):
        x = _x(number / 5)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{number * 20} %", "middle"))
    parts.append(_text(_x(0.5), HEIGHT - 18, "most confident lines kept", "middle"))
    parts.append(_text(LEFT - 50, TOP - 10, "CER"))
    for number, (name, points) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        vertices = " ".join(f"{_x(point.kept):.1f},{_y(point.cer, top):.1f}" for point in points)
        parts.append(f'<polyline points="{vertices}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 16 * (number + 1)
        parts.append(f'<path d="M{LEFT + 10} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 34, y, name))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([f'{head}font-size="13">', background, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    attributes = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {attributes}>{escape(text)}</text>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(rate: float, top: float) -> float:
    return HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM)
