"""Charts as SVG, without a plotting library: reject curves, and tables of numbers as heat maps."""

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

CELL_WIDTH, CELL_HEIGHT = 76, 40
MAP_LEFT, MAP_TOP, MAP_BOTTOM = 110, 50, 50
"""Margins of a heat map."""
LOW, HIGH = (27, 108, 168), (247, 240, 230)
"""Colours of the lowest and of the highest number."""


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
        places = " ".join(f"{_x(point.kept):.1f},{_y(point.cer, top):.1f}" for point in points)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 16 * (number + 1)
        parts.append(f'<path d="M{LEFT + 10} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 34, y, name))
    return _svg(WIDTH, HEIGHT, parts)


def draw_heatmap(
    title: str,
    rows: tuple[str, Sequence[float]],
    columns: tuple[str, Sequence[float]],
    values: Sequence[Sequence[float]],
) -> str:
    """Return a chart with a cell for each row and column, darker where the number is lower; the lowest has a frame.

    Args:
        rows, columns: name of the axis, and the value of each row or column.
        values: the numbers of each row, one for each column.
    """
    flat = [value for row in values for value in row]
    low, high = min(flat), max(flat)
    parts = [_text(14, 24, title, size=15), _text(14, MAP_TOP - 10, rows[0])]
    for number, (place, row) in enumerate(zip(rows[1], values, strict=True)):
        y = MAP_TOP + number * CELL_HEIGHT
        parts.append(_text(MAP_LEFT - 10, y + 25, f"{place:g}", "end"))
        for index, value in enumerate(row):
            share = (value - low) / (high - low) if high > low else 0.0
            x = MAP_LEFT + index * CELL_WIDTH
            frame = ' stroke="black" stroke-width="2"' if value == low else ""
            size = f'width="{CELL_WIDTH}" height="{CELL_HEIGHT}"'
            parts.append(f'<rect x="{x}" y="{y}" {size} fill="{_colour(share)}"{frame}/>')
            ink = "white" if share < 0.5 else "black"
            parts.append(_text(x + CELL_WIDTH // 2, y + 25, f"{value:.3f}", "middle", ink))
    below = MAP_TOP + CELL_HEIGHT * len(rows[1])
    for index, place in enumerate(columns[1]):
        parts.append(_text(MAP_LEFT + index * CELL_WIDTH + CELL_WIDTH // 2, below + 18, f"{place:g}", "middle"))
    parts.append(_text(MAP_LEFT, below + 40, columns[0]))
    return _svg(MAP_LEFT + CELL_WIDTH * len(columns[1]) + 20, below + MAP_BOTTOM, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
    background = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([f'{head}font-size="13">', background, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "black", size: int = 13) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"'
    return f"<text {place}>{escape(text)}</text>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(rate: float, top: float) -> float:
    return HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM)


def _colour(share: float) -> str:
    # The square root spreads the low numbers, between which the choice is.
    mixed = [round(low + (high - low) * share**0.5) for low, high in zip(LOW, HIGH, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)
