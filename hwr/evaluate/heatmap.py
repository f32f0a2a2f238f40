"""A table of numbers as a drawing: SVG, written by hand."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

CELL_WIDTH, CELL_HEIGHT = 76, 40
LEFT, TOP, BOTTOM = 110, 50, 50
LOW, HIGH = (27, 108, 168), (247, 240, 230)
"""Colours of the lowest and of the highest number."""


def draw_heatmap(
    title: str,
    rows: tuple[str, Sequence[float]],
    columns: tuple[str, Sequence[float]],
    values: Sequence[Sequence[float]],
    digits: int = 3,
) -> str:
    """A cell for each row and column, darker where the number is lower; the lowest has a frame.

    Args:
        rows, columns: name of the axis, and where its cells stand on it.
        values: of each row the numbers of its columns.
    """
    flat = [value for row in values for value in row]
    low, high = min(flat), max(flat)
    width = LEFT + CELL_WIDTH * len(columns[1]) + 20
    height = TOP + CELL_HEIGHT * len(rows[1]) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="14" y="24" font-size="15">{escape(title)}</text>',
    ]
    for number, (place, row) in enumerate(zip(rows[1], values, strict=True)):
        y = TOP + number * CELL_HEIGHT
        parts.append(f'<text x="{LEFT - 10}" y="{y + 25}" text-anchor="end">{place:g}</text>')
        for index, value in enumerate(row):
            share = (value - low) / (high - low) if high > low else 0.0
            x = LEFT + index * CELL_WIDTH
            frame = ' stroke="black" stroke-width="2"' if value == low else ""
            parts.append(
                f'<rect x="{x}" y="{y}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" fill="{_colour(share)}"{frame}/>'
            )
            ink = "white" if share < 0.5 else "black"
            parts.append(
                f'<text x="{x + CELL_WIDTH // 2}" y="{y + 25}" text-anchor="middle" fill="{ink}">'
                f"{value:.{digits}f}</text>"
            )
    below = TOP + CELL_HEIGHT * len(rows[1])
    for index, place in enumerate(columns[1]):
        x = LEFT + index * CELL_WIDTH + CELL_WIDTH // 2
        parts.append(f'<text x="{x}" y="{below + 18}" text-anchor="middle">{place:g}</text>')
    parts.append(f'<text x="{LEFT}" y="{below + 40}">{escape(columns[0])}</text>')
    parts.append(f'<text x="14" y="{TOP - 10}">{escape(rows[0])}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _colour(share: float) -> str:
    # the square root spreads the low numbers, between which the choice is
    mixed = [round(low + (high - low) * share**0.5) for low, high in zip(LOW, HIGH, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)
