"""Searchable PDF: the image of each page, and over it the text, invisible, each word in its place.

Words begin on the line's baseline, run along its slant, and are stretched to their width on the page; the size of the
font comes from the line's outline, for a dash is no smaller writing. Blanks fill the gaps between words, so that a
copied line has them. Lines stand in reading order.
"""

import math
import re
import zlib
from typing import BinaryIO

import cv2
import numpy as np

from hwr.errors import OutputError
from hwr.formats import glyphless
from hwr.formats.document import Pixels
from hwr.formats.glyphless import GlyphlessFont
from hwr.formats.pdf_objects import PdfObjects, text_string
from hwr.formats.places import font_size, on_baseline, placed_words
from hwr.formats.xml import SOFTWARE, base_name, now
from hwr.page import Line, Page, Point

DEFAULT_DPI = 150.0
"""Where the image does not say how large a pixel is."""
PLAUSIBLE_DPI = (20.0, 10_000.0)
"""Other figures in a file say nothing: 1 is common."""
POINTS_PER_INCH = 72.0
MAX_POINTS = 14400.0
"""The longest side of a page that readers open."""
JPEG_QUALITY = 85
MAX_JPEG_SIDE = 65500
EM_WIDTH = glyphless.WIDTH / glyphless.UNITS
INVISIBLE = "3 Tr"
STEADY = math.radians(3)
"""Words that run by less than this off their line's direction are set in it."""
MIN_GAP = 0.1
"""Of a blank's own width: the least that a blank between words is wide."""


class PdfWriter:
    """Writes each page as it comes; what names them all stands at the end of the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._objects = PdfObjects(file)
        self._tree = self._objects.reserve()
        self._font_number = self._objects.reserve()
        self._font = GlyphlessFont()
        self._pages: list[int] = []
        self._title = self._model = ""

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        """Write a page.

        Raises:
            OutputError: the image cannot be stored.
        """
        assert pixels is not None, "a PDF needs the page's pixels"
        if not self._pages:
            self._title, self._model = re.sub(r"#\d+$", "", base_name(page.image)), page.model
        height, width = pixels.shape[:2]
        scale = points_per_pixel(width, height, dpi)
        image = self._add_image(page, pixels)
        content = [f"q {width * scale:.3f} 0 0 {height * scale:.3f} 0 0 cm /Im Do Q", "BT", INVISIBLE]
        for line in page.lines:
            content += text_operators(line, self._font, scale, height)
        stream = self._objects.add_stream("\n".join([*content, "ET"]).encode("ascii"))
        self._pages.append(
            self._objects.add(
                f"<< /Type /Page /Parent {self._tree} 0 R /MediaBox [0 0 {width * scale:.3f} {height * scale:.3f}] "
                f"/Resources << /XObject << /Im {image} 0 R >> /Font << /F {self._font_number} 0 R >> >> "
                f"/Contents {stream} 0 R >>"
            )
        )

    def close(self) -> None:
        objects = self._objects
        self._font.write(objects, self._font_number)
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        objects.add(f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>", self._tree)
        root = objects.add(f"<< /Type /Catalog /Pages {self._tree} 0 R >>")
        creator = f"{SOFTWARE}, model {self._model}" if self._model else SOFTWARE
        date = re.sub(r"[-:T]", "", now())
        info = objects.add(
            f"<< /Title {text_string(self._title)} /Creator {text_string(creator)} /Producer {text_string(SOFTWARE)} "
            f"/CreationDate (D:{date}) >>"
        )
        objects.close(root, info)

    def _add_image(self, page: Page, pixels: "Pixels") -> int:
        height, width = pixels.shape[:2]
        space = "/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB"
        entries = (
            f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace {space} /BitsPerComponent 8"
        )
        if max(width, height) > MAX_JPEG_SIDE:
            data = np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[:, :, ::-1]).tobytes()
            return self._objects.add_stream(zlib.compress(data), f"{entries} /Filter /FlateDecode", packed=True)
        stored, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not stored:
            raise OutputError(f"{page.image}: cannot be stored as JPEG")
        return self._objects.add_stream(jpeg.tobytes(), f"{entries} /Filter /DCTDecode", packed=True)


def points_per_pixel(width: int, height: int, dpi: float | None) -> float:
    """How large a pixel is on paper, in points; a page that would be too large for readers is made smaller."""
    low, high = PLAUSIBLE_DPI
    scale = POINTS_PER_INCH / (dpi if dpi and low <= dpi <= high else DEFAULT_DPI)
    return min(scale, MAX_POINTS / max(width, height))


def text_operators(line: Line, font: GlyphlessFont, scale: float, height: int) -> list[str]:
    """The operators of a content stream (ISO 32000-1, 9.4) that set a line.

    Args:
        line: the line; words whose box is unknown share it out among them.
        font: numbers the characters.
        scale: points per pixel.
        height: of the page, in pixels.
    """
    words = [word for word in placed_words(line) if word.text]
    if not words:
        return []
    size = font_size(line) * scale
    operators = [f"/F {size:.3f} Tf"]
    spans = [on_baseline(line, word.box) for word in words]
    course = _direction(spans[0][0], spans[-1][1])
    for number, (word, (start, end)) in enumerate(zip(words, spans, strict=True)):
        length = max(math.dist(start, end), 1.0) * scale
        cosine, sine = _steady(_direction(start, end), course)
        x, y = start[0] * scale, (height - start[1]) * scale
        stretch = 100 * length / (len(word.text) * EM_WIDTH * size)
        operators.append(f"{cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} {x:.3f} {y:.3f} Tm")
        operators.append(f"{stretch:.3f} Tz {font.encode(word.text)} Tj")
        if number + 1 < len(words):
            following = spans[number + 1][0]
            gap = ((following[0] - end[0]) * cosine - (following[1] - end[1]) * sine) * scale
            operators.append(f"{100 * max(gap / (EM_WIDTH * size), MIN_GAP):.3f} Tz {font.encode(' ')} Tj")
    return operators


def _steady(word: tuple[float, float], line: tuple[float, float]) -> tuple[float, float]:
    """The line's direction, if the word's is nearly the same: readers take a change of direction for a new line."""
    same = word[0] * line[0] + word[1] * line[1]
    return line if same > math.cos(STEADY) else word


def _direction(start: Point, end: Point) -> tuple[float, float]:
    """Cosine and sine of the angle in which a word runs, upwards positive."""
    length = math.dist(start, end)
    if length == 0:
        return 1.0, 0.0
    return (end[0] - start[0]) / length, (start[1] - end[1]) / length
