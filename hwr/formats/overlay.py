"""The page with the result drawn on it, to look at."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.errors import OutputError
from hwr.files.images import Pixels
from hwr.formats import DocumentWriter
from hwr.page.page import Line, Page, Point
from hwr.page.placing import fit_lines

POLYGON_COLOUR = (200, 140, 40)
"""Blue, green, red, like all colours in this module."""
BASELINE_COLOUR = (40, 40, 220)
REGION_COLOUR = (60, 160, 60)
UNCERTAIN_COLOUR = (0, 140, 255)
NUMBER_COLOUR = (40, 40, 220)
MAX_PIXELS = 25_000_000
"""Larger pages are drawn on a smaller copy."""
PAPER_SHARE = 0.35
"""Share of white mixed into the page, so that the colours are visible."""


class OverlayWriter(DocumentWriter):
    """Writes one page as PNG.

    Regions are green, polygons blue and baselines red. Each line has its number in reading order at its start, and
    uncertain words have orange boxes.
    """

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        """Write the page.

        Raises:
            OutputError: the image cannot be stored as PNG.
        """
        assert pixels is not None, "an overlay needs the page's pixels"
        stored, data = cv2.imencode(".png", draw_page(page, pixels))
        if not stored:
            raise OutputError(f"{page.image}: cannot be stored as PNG")
        self._file.write(data.tobytes())


def draw_page(page: Page, pixels: Pixels) -> NDArray[np.uint8]:
    """Return the pale page, shape (H, W, 3), blue, green, red, with lines and regions; a large page is made smaller."""
    factor = (MAX_PIXELS / (pixels.shape[0] * pixels.shape[1])) ** 0.5
    if factor < 1:
        size = (max(1, int(pixels.shape[1] * factor)), max(1, int(pixels.shape[0] * factor)))
        page = fit_lines(page, *size, page.image).page
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    colour = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.ndim == 2 else pixels
    canvas = np.asarray(cv2.addWeighted(colour, 1 - PAPER_SHARE, np.full_like(colour, 255), PAPER_SHARE, 0), np.uint8)
    pen = max(1, round(max(page.width, page.height) / 1200))
    for region in page.regions:
        _draw(canvas, region.polygon, REGION_COLOUR, pen, closed=True)
    for line in page.lines:
        _draw(canvas, line.polygon, POLYGON_COLOUR, pen, closed=True)
        for word in line.words:
            if word.uncertain:
                x0, y0, x1, y1 = (round(value) for value in word.box)
                cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), UNCERTAIN_COLOUR, pen)
    for line in page.lines:
        _draw(canvas, line.baseline, BASELINE_COLOUR, 2 * pen, closed=False)
    for number, line in enumerate(page.lines, start=1):
        _write_number(canvas, number, line, pen)
    return canvas


def _draw(canvas: Any, points: Sequence[Point], colour: tuple[int, int, int], pen: int, closed: bool) -> None:
    if points:
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], closed, colour, pen, cv2.LINE_AA)


def _write_number(canvas: NDArray[np.uint8], number: int, line: Line, pen: int) -> None:
    """Draw the number left of the line's start, or above it without room there, with white around it."""
    start = (line.baseline or line.polygon or ((0.0, 0.0),))[0]
    scale, text = 0.5 * pen + 0.2, str(number)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, pen)
    left = min(max(0, round(start[0]) - width - 3 * pen), max(0, canvas.shape[1] - width))
    bottom = min(max(height + pen, round(start[1])), max(height, canvas.shape[0] - pen))
    for colour, thickness in (((255, 255, 255), 4 * pen), (NUMBER_COLOUR, pen)):
        cv2.putText(canvas, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
