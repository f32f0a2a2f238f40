"""Documents: open anything that a user names, and return the images of its pages one at a time.

    with open_document("book.pdf") as document:
        for number in range(1, document.count + 1):
            page = document.page(number)

A document is a PDF, an image file (a TIFF may have several pages), or an image in memory.
"""

import io
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hwr.errors import HwrError, InputError, UsageError
from hwr.files.images import GreyImage, decode_frame, find_frames, go_to_frame, image_dpi, opened_file, opened_image
from hwr.files.pixels import PageImage, Source, grey_of, name_of, pixels_of
from hwr.text import counted

if TYPE_CHECKING:
    from PIL.Image import Image

STDIN = "-"
STDIN_NAME = "stdin"
STREAM_LIMIT = 1 << 30
"""Maximum bytes taken from a stream, since they are kept in memory."""
_PAGE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
PDF_MARK = b"%PDF-"
PDF_HEAD = 1024
"""`PDF_MARK` is within this many bytes from the start of a PDF (ISO 32000-1, annex H.3.4.1)."""


class Document(Protocol):
    """Pages that are decoded on request.

    Attributes:
        name: name of the document.
        count: number of pages, at least 1.
    """

    name: str
    count: int

    def page(self, number: int, colour: bool = False) -> PageImage:
        """Return the image of a page; `number` counts from 1. It is grey, or in colour if `colour` is set.

        Raises:
            InputError: the page is broken or too large.
        """


@contextmanager
def open_document(source: Source, name: str | None = None, password: str | None = None) -> Iterator[Document]:
    """Open a document; its pages can be read inside the `with` block.

    Args:
        source: see `hwr.files.pixels.Source`; the path "-" is standard input.
        name: name of the document; by default its path, or "image".
        password: of an encrypted PDF.

    Raises:
        InputError: missing, a folder, unreadable, neither image nor PDF, broken, encrypted, or without pages.
        MissingDependency: HEIC, and pillow-heif is not installed.
    """
    if isinstance(source, str | Path) and str(source) == STDIN:
        source, name = read_stdin(), name or STDIN_NAME
    name = name or name_of(source)
    if isinstance(source, str | Path) and _is_pipe(Path(source)):
        source = _read_stream(Path(source), name)
    if isinstance(source, str | Path):
        with opened_file(Path(source)) as file, _opened(file, Path(source), name, password) as document:
            yield document
    elif isinstance(source, bytes | bytearray | memoryview):
        with _opened(io.BytesIO(source), bytes(source), name, password) as document:
            yield document
    else:
        yield _InMemory(source, name)


def open_pages(source: Source, *, password: str | None = None) -> Iterator[PageImage | HwrError]:
    """Yield the pages of a document one at a time; for a broken page, the error that describes it.

    Raises:
        InputError, MissingDependency: the document cannot be opened; see `open_document`.
    """
    with open_document(source, password=password) as document:
        for number in range(1, document.count + 1):
            try:
                yield document.page(number, colour=False)
            except HwrError as error:
                yield error


def to_grey(source: Source) -> GreyImage:
    """Return an image as grey, shape (H, W), 0 black to 255 white, with transparent parts on white paper.

    Raises:
        InputError: no such file, not an image, broken, empty, too large, a document of several pages, an array of
            another kind.
        MissingDependency: see `open_document`.
    """
    return grey_of(page_of(source).pixels)


def page_of(source: Source, name: str | None = None, colour: bool = False) -> PageImage:
    """Return the image of a source that has one page.

    Args:
        source: see `Source`.
        name: name of the image; by default its path, or "image".
        colour: keep colours, if there are any.

    Raises:
        InputError, MissingDependency: see `to_grey`.
    """
    if isinstance(source, PageImage):
        return source
    with open_document(source, name) as document:
        if document.count > 1:
            raise InputError(f"{document.name}: a document of {document.count} pages; read_pages reads them all")
        return document.page(1, colour)


def page_name(name: str, number: int, count: int) -> str:
    """Return the name of a page of a document."""
    return f"{name}#{number}" if count > 1 else name


def split_page_name(name: str) -> tuple[str, int]:
    """Return the name of a document and the number of its page from the name of a page: the inverse of `page_name`."""
    document, _, number = name.rpartition("#")
    return (document, int(number)) if document and _PAGE_NUMBER.fullmatch(number) and int(number) else (name, 1)


def parse_pages(text: str) -> tuple[range, ...]:
    """Parse page numbers as on the command line: `1-3,7` or `5-` (to the end).

    Raises:
        UsageError: the text is of another form, or a range ends before it begins.
    """
    ranges = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not _PAGE_NUMBER.fullmatch(first) or (last and not _PAGE_NUMBER.fullmatch(last)) or int(first) < 1:
            raise UsageError(f"--pages {text}: write page numbers and ranges such as 1-3,7 or 5-; the first page is 1")
        end = (int(last) if last else sys.maxsize - 1) if dash else int(first)
        if end < int(first):
            raise UsageError(f"--pages {text}: {part.strip()} ends before it begins")
        ranges.append(range(int(first), end + 1))
    return tuple(ranges)


def choose_pages(ranges: tuple[range, ...], document: Document) -> list[int]:
    """Return the page numbers of the document that are in one of the ranges, in order; all if no range is given.

    Raises:
        InputError: the document has none of them.
    """
    numbers = range(1, document.count + 1)
    chosen = [number for number in numbers if not ranges or any(number in wanted for wanted in ranges)]
    if not chosen:
        raise InputError(f"{document.name}: has {counted(document.count, 'page')}, and none of those named by --pages")
    return chosen


def describe_absent_pages(ranges: tuple[range, ...], document: Document) -> str:
    """Return a message that names the ranges of which the document has no page; empty if there are none."""
    named = ", ".join(_range_text(wanted) for wanted in ranges if wanted.start > document.count)
    return f"{document.name}: has {counted(document.count, 'page')}; --pages also names {named}" if named else ""


def _range_text(pages: range) -> str:
    """Return a range as `parse_pages` reads it."""
    if len(pages) == 1:
        return str(pages.start)
    return f"{pages.start}-" if pages.stop == sys.maxsize else f"{pages.start}-{pages.stop - 1}"


class _InMemory:
    """An array or a PIL image as a document with one page."""

    count = 1

    def __init__(self, source: Source, name: str) -> None:
        self._source, self.name = source, name

    def page(self, number: int, colour: bool = False) -> PageImage:
        return PageImage(self.name, 1, 1, pixels_of(self._source, colour))


class _ImageFile:
    """An image file; a TIFF has a page for each of its images."""

    def __init__(self, file: BinaryIO, source: bytes | Path, name: str) -> None:
        self.name = name
        self._file, self._source = file, source
        with opened_image(file, name) as image:
            self._frames = find_frames(image)
        self.count = len(self._frames)
        # Pillow keeps decoded pixels in its image. For a single page the image is discarded; for many pages it is kept,
        # since finding a page again takes time.
        self._image = image if self.count > 1 else None

    def page(self, number: int, colour: bool = False) -> PageImage:
        name = page_name(self.name, number, self.count)
        if self._image is None:
            self._file.seek(0)
            with opened_image(self._file, name) as image:
                return self._decode(image, name, 1, colour)
        return self._decode(self._image, name, number, colour)

    def _decode(self, image: "Image", name: str, number: int, colour: bool) -> PageImage:
        go_to_frame(image, self._frames[number - 1], name)
        pixels = decode_frame(image, self._source, name, colour)
        return PageImage(name, number, self.count, pixels, image_dpi(image))


@contextmanager
def _opened(file: BinaryIO, source: bytes | Path, name: str, password: str | None) -> Iterator[Document]:
    """Yield a document in an open file, whose bytes or path are `source`."""
    head = file.read(PDF_HEAD)
    file.seek(0)
    if PDF_MARK in head:
        from hwr.files.pdf import open_pdf

        with open_pdf(source, name, password) as document:
            yield document
        return
    yield _ImageFile(file, source, name)


def may_be_pdf(path: Path) -> bool:
    """Return whether a file is a PDF by its name or content, or a stream that may be one."""
    if str(path) == STDIN or path.suffix.lower() == ".pdf" or _is_pipe(path):
        return True
    try:
        with opened_file(path) as file:
            return PDF_MARK in file.read(PDF_HEAD)
    except (InputError, OSError):
        return False


def read_stdin() -> bytes:
    """Return the bytes on standard input.

    Raises:
        UsageError: it is a terminal.
        InputError: it is closed, or there are too many bytes to keep in memory.
    """
    if sys.stdin is None:
        raise InputError("-: standard input is closed")
    if sys.stdin.isatty():
        raise UsageError("-: standard input is a terminal; pipe a file into it")
    return _limited(sys.stdin.buffer, STDIN_NAME)


def _is_pipe(path: Path) -> bool:
    """Return whether the path is a named pipe, such as a shell makes for `<(command)`."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return False


def _read_stream(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file, name)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None


def _limited(file: BinaryIO, name: str) -> bytes:
    """Read all bytes of a stream."""
    data = file.read(STREAM_LIMIT + 1)
    if len(data) > STREAM_LIMIT:
        raise InputError(f"{name}: more than {STREAM_LIMIT >> 20} MiB on standard input; use a file instead")
    return data
