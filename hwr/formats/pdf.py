"""Searchable PDF: the image of each page, and over it the text, invisible, each word in its place. PDFium writes it.

Words begin on the line's baseline, run along its slant, and are stretched to their width on the page; the size of the
font comes from the line's outline, for a dash is no smaller writing. Blanks fill the gaps between words, so that a
copied line has them. Lines stand in reading order.
"""

import math
import os
import re
from collections.abc import Iterator
from datetime import datetime
from io import BufferedRandom, BytesIO, RawIOBase
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

import cv2
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from hwr.errors import OutputError
from hwr.files.images import Pixels
from hwr.formats.glyphless import GlyphlessFont
from hwr.formats.places import font_size, on_baseline, placed_words
from hwr.formats.xml import SOFTWARE, base_name, clean, now
from hwr.page.page import Line, Page, Point

DEFAULT_DPI = 150.0
"""Where the image does not say how large a pixel is."""
PLAUSIBLE_DPI = (20.0, 10_000.0)
"""Other figures in a file say nothing: 1 is common."""
POINTS_PER_INCH = 72.0
MAX_POINTS = 14400.0
"""The longest side of a page that readers open."""
JPEG_QUALITY = 85
MAX_JPEG_SIDE = 65500
PDF_VERSION = 17
INVISIBLE = pdfium.FPDF_TEXTRENDERMODE_INVISIBLE
STEADY = math.radians(3)
"""Words that run by less than this off their line's direction are set in it."""
MIN_GAP = 0.05
"""Of the font's size: the least that a blank between words is wide."""


class PdfWriter:
    """Sets each page as it comes, and writes the file at the end. Until then the images wait in a temporary file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._document: Any = None
        self._font: Any = None
        self._images = TemporaryFile()  # noqa: SIM115

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        """Set a page.

        Raises:
            OutputError: the image cannot be stored.
            OSError: there is no room for it among the temporary files.
        """
        assert pixels is not None, "a PDF needs the page's pixels"
        jpeg = to_jpeg(page, pixels)
        self._start(page)
        height, width = pixels.shape[:2]
        scale = points_per_pixel(width, height, dpi)
        sheet = self._document.new_page(width * scale, height * scale)
        image = pypdfium2.PdfImage.new(self._document)
        image.load_jpeg(_Section(self._images, jpeg), autoclose=False)
        image.set_matrix(pypdfium2.PdfMatrix().scale(width * scale, height * scale))
        sheet.insert_obj(image)
        pieces = [piece for line in page.lines for piece in place_text(line, scale, height)]
        self._font.learn(piece.text for piece in pieces)
        for piece in pieces:
            text = self._font.text_object(piece.text, piece.size)
            pdfium.FPDFTextObj_SetTextRenderMode(text, INVISIBLE)
            pdfium.FPDFPageObj_SetMatrix(text, pdfium.FS_MATRIX(*piece.matrix))
            pdfium.FPDFPage_InsertObject(sheet, text)
        sheet.gen_content()
        sheet.close()

    def close(self) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        self._start(None)
        self._font.close()
        sink = _Sink(self._file)
        try:
            self._document.save(sink, PDF_VERSION)
        finally:
            self._document.close()
            self._images.close()
            sink.check()

    def _start(self, page: Page | None) -> None:
        """Make the document, named after its first page."""
        if self._document is None:
            title = re.sub(r"#\d+$", "", base_name(page.image)) if page else ""
            self._document = new_document(title, page.model if page else "")
            self._font = GlyphlessFont(self._document)


class _Section(RawIOBase):
    """Data put at the end of a file, as a stream from which PDFium takes it when it writes the document."""

    def __init__(self, file: BufferedRandom, data: bytes) -> None:
        self._file = file
        self._start = file.seek(0, os.SEEK_END)
        self._length = file.write(data)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        place = place if whence == os.SEEK_SET else self._length + place
        return self._file.seek(self._start + place) - self._start

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


class _Sink:
    """A file for PDFium, which goes on where writing fails: `check` raises the error afterwards."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: BaseException | None = None

    def write(self, data: Any) -> None:
        try:
            if self._error is None:
                self._file.write(data)
        except BaseException as error:  # an exception cannot pass through C
            self._error = error

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def new_document(title: str, model: str) -> Any:
    """A PDF without pages. PDFium cannot write what names a document: it comes from Pillow, whose page goes."""
    creator = f"{SOFTWARE}, model {model}" if model else SOFTWARE
    date = datetime.fromisoformat(now()).timetuple()
    named = BytesIO()
    Image.new("1", (1, 1)).save(
        named, "PDF", title=clean(title), creator=clean(creator), producer=SOFTWARE, creationDate=date, modDate=date
    )
    document = pypdfium2.PdfDocument(named.getvalue())
    document.del_page(0)
    return document


def to_jpeg(page: Page, pixels: Pixels) -> bytes:
    """The image compressed; made smaller where it is too long for JPEG.

    Raises:
        OutputError: it cannot be stored.
    """
    height, width = pixels.shape[:2]
    if max(width, height) > MAX_JPEG_SIDE:
        factor = MAX_JPEG_SIDE / max(width, height)
        size = (max(1, int(width * factor)), max(1, int(height * factor)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(pixels.dtype)
    stored, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not stored:
        raise OutputError(f"{page.image}: cannot be stored as JPEG")
    return jpeg.tobytes()


def points_per_pixel(width: int, height: int, dpi: float | None) -> float:
    """How large a pixel is on paper, in points; a page that would be too large for readers is made smaller."""
    low, high = PLAUSIBLE_DPI
    scale = POINTS_PER_INCH / (dpi if dpi and low <= dpi <= high else DEFAULT_DPI)
    return min(scale, MAX_POINTS / max(width, height))


class Piece(NamedTuple):
    """Text in its place: a word or a blank.

    Attributes:
        text: its characters.
        size: of the font, in points.
        matrix: a, b, c, d, e, f from the text's space to the page's (ISO 32000-1, 9.4.4).
    """

    text: str
    size: float
    matrix: tuple[float, float, float, float, float, float]


def place_text(line: Line, scale: float, height: int) -> Iterator[Piece]:
    """The words of a line and the blanks between them.

    Args:
        line: the line; words whose box is unknown share it out among them.
        scale: points per pixel.
        height: of the page, in pixels.
    """
    words = [word for word in placed_words(line) if word.text]
    if not words:
        return
    size = font_size(line) * scale
    spans = [on_baseline(line, word.box) for word in words]
    course = _direction(spans[0][0], spans[-1][1])
    for number, (word, (start, end)) in enumerate(zip(words, spans, strict=True)):
        length = max(math.dist(start, end), 1.0) * scale
        cosine, sine = _steady(_direction(start, end), course)
        x, y = start[0] * scale, (height - start[1]) * scale
        yield _piece(word.text, size, length, (cosine, sine), (x, y))
        if number + 1 < len(words):
            following = spans[number + 1][0]
            gap = ((following[0] - end[0]) * cosine - (following[1] - end[1]) * sine) * scale
            behind = (x + length * cosine, y + length * sine)
            yield _piece(" ", size, max(gap, MIN_GAP * size), (cosine, sine), behind)


def _piece(text: str, size: float, width: float, direction: Point, place: Point) -> Piece:
    """Text from this place on in this direction (cosine and sine), of this width; all in points."""
    cosine, sine = direction
    stretch = width / (len(text) * size)
    return Piece(text, size, (stretch * cosine, stretch * sine, -sine, cosine, *place))


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
