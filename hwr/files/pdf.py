"""PDF -> page images, rendered by PDFium.

A scanned page is rendered at the resolution of its scan, any other page at 300 dpi.
"""

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hwr.errors import InputError
from hwr.files.images import Pixels
from hwr.files.pixels import PageImage

POINTS_PER_INCH = 72
DEFAULT_DPI = 300
MAX_SIDE = 6000
"""Maximum pixels of the longer side: an A4 page at 500 dpi."""
MIN_DPI = 100
"""Scans of a lower resolution are rendered at this one, which makes letters smoother though not finer."""
SCAN_SHARE = 0.5
"""Minimum share of a page that images cover if it is a scan."""
NO_PDF = "the PDF is broken, truncated or has no pages"
MIN_IMAGE = 0.01
"""Images that cover a smaller share of the page, such as a stamp, do not determine its resolution."""


class PdfPages:
    """An open PDF; see `hwr.files.documents.Document`."""

    def __init__(self, pdf: Any, name: str) -> None:
        self.name = name
        self.count = len(pdf)
        self._pdf = pdf

    def page(self, number: int, colour: bool = False) -> PageImage:
        """Render a page upright, with its annotations.

        Raises:
            InputError: it is broken, or has no size.
        """
        import pypdfium2

        name = f"{self.name}#{number}" if self.count > 1 else self.name
        try:
            page = self._pdf[number - 1]
            try:
                scale = find_scale(page)
                pixels = _draw(page, scale, colour)
            finally:
                page.close()
        except (pypdfium2.PdfiumError, ValueError, OverflowError) as error:
            raise InputError(f"{name}: the page is broken ({error})") from None
        return PageImage(name, number, self.count, pixels, scale * POINTS_PER_INCH)


@contextmanager
def open_pdf(source: bytes | Path, name: str, password: str | None = None) -> Iterator[PdfPages]:
    """Open a PDF file, given by its bytes or its path.

    Raises:
        InputError: it is broken, encrypted, or has no pages.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(source, password=password)
    except pypdfium2.PdfiumError as error:
        raise InputError(f"{name}: {_reason(error, password)}") from None
    try:
        if len(pdf) == 0:
            raise InputError(f"{name}: {NO_PDF}")
        yield PdfPages(pdf, name)
    finally:
        pdf.close()


def _reason(error: Exception, password: str | None) -> str:
    text = str(error).lower()
    if "password" in text:
        return "the PDF is encrypted; " + ("--password gives its password" if password is None else "wrong password")
    if "security" in text:
        return "the PDF is encrypted in a way that is not supported; save it without protection"
    return NO_PDF


def find_scale(page: Any) -> float:
    """Return the pixels per point at which to render a page.

    Raises:
        ValueError: the page has no size.
    """
    width, height = page.get_size()
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError(f"its size is {width:g} x {height:g} points")
    dpi = max(MIN_DPI, scan_dpi(page, width * height) or DEFAULT_DPI)
    return float(min(dpi / POINTS_PER_INCH, MAX_SIDE / max(width, height)))


def scan_dpi(page: Any, area: float) -> float | None:
    """Return the highest resolution of the images that cover a page; None if they do not cover most of it.

    A scan may be cut into strips, or consist of layers of different resolution: fine ink, coarse paper.

    Args:
        page: of PDFium.
        area: of the page in square points.
    """
    import pypdfium2.raw as pdfium

    covered, density = 0.0, 0.0
    for image in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=2):
        across, down = ctypes.c_uint(), ctypes.c_uint()
        sides = [ctypes.c_float() for _ in range(4)]
        if not (
            pdfium.FPDFImageObj_GetImagePixelSize(image.raw, across, down)
            and pdfium.FPDFPageObj_GetBounds(image.raw, *sides)
        ):
            continue
        left, bottom, right, top = (side.value for side in sides)
        size = abs((right - left) * (top - bottom))
        if size < MIN_IMAGE * area or across.value * down.value == 0:
            continue
        covered += size
        density = max(density, across.value * down.value / size)
    return POINTS_PER_INCH * math.sqrt(density) if covered >= SCAN_SHARE * area else None


def _draw(page: Any, scale: float, colour: bool) -> Pixels:
    # Slightly less, since the size is rounded up: a scan of 2480 columns must not become one of 2481.
    bitmap = page.render(scale=scale * (1 - 1e-6), grayscale=not colour)
    try:
        pixels = np.array(bitmap.to_numpy(), np.uint8, copy=True)
    finally:
        bitmap.close()
    if pixels.ndim == 3:
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, :3]
    return np.ascontiguousarray(pixels)
