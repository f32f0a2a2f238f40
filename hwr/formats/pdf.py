"""Searchable PDF: the image of each page, with invisible text on top of the words. PDFium writes it.

Words begin on the line's baseline, follow its slant and are stretched to their width on the page. The size of the font
comes from the line's outline, because a dash is as large as other writing. PDF readers separate words by the gap
between them, so a word ends slightly before the next one even if their ink touches. Spaces fill the gaps, so that
copied text contains them. Lines are in reading order.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BufferedRandom, RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

import cv2
import pypdfium2
import pypdfium2.raw as pdfium

from hwr.errors import OutputError
from hwr.files.images import Pixels
from hwr.formats import DocumentWriter
from hwr.formats.glyphless import GlyphlessFont
from hwr.formats.positions import font_size, on_baseline, words_with_boxes
from hwr.formats.xml import SOFTWARE, base_name, clean, now
from hwr.page.page import Line, Page, Point

DEFAULT_DPI = 150.0
"""Resolution if the image states none."""
PLAUSIBLE_DPI = (20.0, 10_000.0)
"""Other stated resolutions are ignored: 1 is common."""
POINTS_PER_INCH = 72.0
MAX_POINTS = 14400.0
"""Maximum length of a side of a page that readers open."""
JPEG_QUALITY = 85
MAX_JPEG_SIDE = 65500
PDF_VERSION = 17
INVISIBLE = pdfium.FPDF_TEXTRENDERMODE_INVISIBLE
STEADY = math.radians(3)
"""Words whose direction differs by less than this from the line's are set in the line's direction."""
MIN_GAP = 0.25
"""Gap between words as a share of the font's size: PDFium, poppler and pdf.js ignore smaller gaps."""
SAME_LINE, FAR = 1.0, 3.0
"""Shares of the font's size: heights within the first can be one line for PDFium, and within the second cannot."""
MIN_WORD = 0.1
"""Share of its width that a word keeps if the next one begins before it ends."""


class PdfWriter(DocumentWriter):
    """Sets each page immediately, and writes the file at the end. Until then the images are in a temporary file."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._document: Any = None
        self._font: Any = None
        self._images = TemporaryFile()  # noqa: SIM115

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        """Set a page.

        Raises:
            OutputError: the image cannot be stored.
            OSError: the folder of temporary files is full.
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
        pieces = list(page_pieces(page, scale, height))
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
        """Make the document, named after the first page."""
        if self._document is None:
            title = re.sub(r"#\d+$", "", base_name(page.image)) if page else ""
            self._document = new_document(title, page.model if page else "", page.language if page else "")
            self._font = GlyphlessFont(self._document)


class _Section(RawIOBase):
    """Append data to a file, and return it as a stream from which PDFium reads it when it writes the document."""

    def __init__(self, file: BufferedRandom, data: bytes) -> None:
        self._file = file
        self._start = file.seek(0, os.SEEK_END)
        self._length = file.write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        offset = offset if whence == os.SEEK_SET else self._length + offset
        return self._file.seek(self._start + offset) - self._start

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


class _Sink:
    """A file for PDFium, which continues if writing fails: `check` raises the error afterwards."""

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


def is_our_pdf(path: Path) -> bool:
    """Return whether a file is a PDF that names hwr, of any version, as its producer."""
    try:
        document = pypdfium2.PdfDocument(path)
    except (pypdfium2.PdfiumError, OSError):
        return False
    try:
        return str(document.get_metadata_value("Producer")).split(" ")[0] == SOFTWARE.split(" ")[0]
    finally:
        document.close()


def new_document(title: str, model: str, language: str) -> Any:
    """Make a PDF without pages.

    PDFium keeps the metadata of a document but cannot write them, so it starts from a file that has them.
    """
    creator = f"{SOFTWARE}, model {model}" if model else SOFTWARE
    date = datetime.fromisoformat(now()).strftime("(D:%Y%m%d%H%M%SZ)")
    facts = {"Title": _string(title), "Creator": _string(creator), "Producer": _string(SOFTWARE)}
    facts |= {"CreationDate": date, "ModDate": date}
    spoken = f"/Lang {_string(language)}" if language else ""
    objects = (
        f"<< /Type /Catalog /Pages 2 0 R {spoken} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1 1] >>",
        f"<< {' '.join(f'/{key} {value}' for key, value in facts.items())} >>",
    )
    document = pypdfium2.PdfDocument(_pdf_file(objects))
    document.del_page(0)
    return document


def _pdf_file(objects: Sequence[str]) -> bytes:
    """Return a file of these objects; the first is the catalogue, the last names the document (ISO 32000-1, 7.5)."""
    data, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    table = "0000000000 65535 f \n" + "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(objects)
    trailer = f"trailer\n<< /Size {count + 1} /Root 1 0 R /Info {count} 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + f"xref\n0 {count + 1}\n{table}{trailer}".encode("ascii")


def _string(text: str) -> str:
    """Return a text string of PDF, in UTF-16 (ISO 32000-1, 7.9.2.2)."""
    return f"<FEFF{clean(text).encode('utf-16-be').hex().upper()}>"


def to_jpeg(page: Page, pixels: Pixels) -> bytes:
    """Return the compressed image; it is made smaller if it is too long for JPEG.

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
    """Return the size of a pixel on paper, in points; a page that would be too large for readers is made smaller."""
    low, high = PLAUSIBLE_DPI
    scale = POINTS_PER_INCH / (dpi if dpi and low <= dpi <= high else DEFAULT_DPI)
    return min(scale, MAX_POINTS / max(width, height))


class Piece(NamedTuple):
    """A word or a space, with its size and position.

    Attributes:
        text: its characters.
        size: of the font, in points.
        matrix: a, b, c, d, e, f from the text's space to the page's (ISO 32000-1, 9.4.4).
    """

    text: str
    size: float
    matrix: tuple[float, float, float, float, float, float]


def page_pieces(page: Page, scale: float, height: int) -> Iterator[Piece]:
    """Yield the text of a page in reading order.

    PDFium takes consecutive words at nearly the same height for one line and sorts them from left to right. If a line
    falls to the height at which the next one begins, a space far below separates them.

    Args:
        page: the page.
        scale: points per pixel.
        height: of the page, in pixels.
    """
    before: Piece | None = None
    for line in page.lines:
        for number, piece in enumerate(line_pieces(line, scale, height)):
            if number == 0 and before is not None:
                size = max(before.size, piece.size)
                (*_, x, y), (*_, level) = before.matrix, piece.matrix
                if abs(y - level) < SAME_LINE * size:
                    yield Piece(" ", size, (MIN_GAP, 0.0, 0.0, 1.0, x, min(y, level) - FAR * size))
            yield piece
            before = piece


def line_pieces(line: Line, scale: float, height: int) -> Iterator[Piece]:
    """Yield the words of a line and the spaces between them.

    Args:
        line: the line; words without a box share its length.
        scale: points per pixel.
        height: of the page, in pixels.
    """
    words = [word for word in words_with_boxes(line) if word.text]
    if not words:
        return
    size = font_size(line) * scale
    spans = [on_baseline(line, word.box) for word in words]
    course = _direction(spans[0][0], spans[-1][1])
    for number, (word, (start, end)) in enumerate(zip(words, spans, strict=True)):
        length = max(math.dist(start, end), 1.0) * scale
        cosine, sine = _steady(_direction(start, end), course)
        x, y = start[0] * scale, (height - start[1]) * scale
        if number + 1 == len(words):
            yield _piece(word.text, size, length, (cosine, sine), (x, y))
            continue
        following = spans[number + 1][0]
        distance = ((following[0] - start[0]) * cosine - (following[1] - start[1]) * sine) * scale
        length = min(length, max(distance - MIN_GAP * size, MIN_WORD * length))
        yield _piece(word.text, size, length, (cosine, sine), (x, y))
        behind = (x + length * cosine, y + length * sine)
        yield _piece(" ", size, max(distance - length, MIN_GAP * size), (cosine, sine), behind)


def _piece(text: str, size: float, width: float, direction: Point, start: Point) -> Piece:
    """Return text from this start, in this direction (cosine and sine), with this width; all in points."""
    cosine, sine = direction
    stretch = width / (len(text) * size)
    return Piece(text, size, (stretch * cosine, stretch * sine, -sine, cosine, *start))


def _steady(word: tuple[float, float], line: tuple[float, float]) -> tuple[float, float]:
    """Return the line's direction if the word's is nearly the same: a change of direction looks like a new line."""
    same = word[0] * line[0] + word[1] * line[1]
    return line if same > math.cos(STEADY) else word


def _direction(start: Point, end: Point) -> tuple[float, float]:
    """Return cosine and sine of the direction of a word, upwards positive."""
    length = math.dist(start, end)
    if length == 0:
        return 1.0, 0.0
    return (end[0] - start[0]) / length, (start[1] - end[1]) / length
