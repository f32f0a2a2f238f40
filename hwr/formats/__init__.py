"""Formats of pages, found by their names. A writer puts pages into one file as they come."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from hwr.errors import UsageError
from hwr.page.page import Page

if TYPE_CHECKING:  # the command line lists the formats, and must not wait for NumPy
    from hwr.files.images import Pixels


class DocumentWriter(ABC):
    """Base of writers: writes pages immediately or at the end, but never keeps their images in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @abstractmethod
    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        """Write a page.

        Args:
            page: the page.
            pixels: its image; only used by formats that need it.
            dpi: pixels per inch, if known.
        """

    def close(self) -> None:  # noqa: B027 - may be empty
        """Write the end of the file. The file itself stays open."""


class TextWriter(DocumentWriter):
    """Writes the text that a function returns for each page, as UTF-8, with `between` between the pages."""

    def __init__(self, file: BinaryIO, write: Callable[[Page], str], between: str) -> None:
        super().__init__(file)
        self._write, self._between = write, between
        self._pages = 0

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        text = (self._between if self._pages else "") + self._write(page)
        # bytes of a file's name that are not UTF-8 are lone surrogates in it
        self._file.write(text.encode("utf-8", errors="backslashreplace"))
        self._pages += 1


@dataclass(frozen=True)
class Format:
    """A way to write pages.

    Attributes:
        name: name for `hwr recognize --format`.
        suffix: ending of its files, with the dot.
        open: makes a writer to a file that is open for writing.
        joins: the pages of one document go into one file; otherwise each page has its own.
        needs_pixels: `add` must be given the page's image.
        binary: not for a terminal.
        headed: on the terminal, the page's name precedes it when there are several documents.
        streams: the concatenated results of several documents are valid in this format too.
        marks: uncertain words (`hwr.page.page.mark_uncertain`) are marked.
        alternatives: other readings of words are written.
    """

    name: str
    suffix: str
    open: Callable[[BinaryIO], DocumentWriter]
    joins: bool = False
    needs_pixels: bool = False
    binary: bool = False
    headed: bool = False
    streams: bool = False
    marks: bool = False
    alternatives: bool = False


def _writer(name: str, between: str = "") -> Callable[[BinaryIO], DocumentWriter]:
    """Return what opens a writer, which is named as MODULE.CLASS, or as MODULE.FUNCTION that returns a page's text.

    The module is imported when the first file is opened.
    """
    module, _, member = name.partition(".")

    def open(file: BinaryIO) -> DocumentWriter:
        found = getattr(import_module(f"hwr.formats.{module}"), member)
        writer: DocumentWriter = found(file) if isinstance(found, type) else TextWriter(file, found, between)
        return writer

    return open


# A form feed separates pages of text, as in files of Tesseract and pdftotext; a thematic break those of Markdown.
FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "text", ".txt", _writer("text.write_text", "\f"), joins=True, headed=True, marks=True, alternatives=True
        ),
        Format("markdown", ".md", _writer("markdown.write_markdown", "\n---\n\n"), joins=True, headed=True, marks=True),
        Format("json", ".json", _writer("json.write_json"), joins=True, streams=True, marks=True, alternatives=True),
        Format("tsv", ".tsv", _writer("tsv.TsvWriter"), joins=True),
        Format("hocr", ".hocr", _writer("hocr.HocrWriter"), joins=True, marks=True, alternatives=True),
        Format("alto", ".alto.xml", _writer("alto.write_alto"), marks=True, alternatives=True),
        Format("page", ".page.xml", _writer("pagexml.PageXmlWriter"), marks=True, alternatives=True),
        Format("pdf", ".pdf", _writer("pdf.PdfWriter"), joins=True, needs_pixels=True, binary=True),
        Format("overlay", ".overlay.png", _writer("overlay.OverlayWriter"), needs_pixels=True, binary=True, marks=True),
    )
}


def find_format(name: str) -> Format:
    """Return the format with this name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of_name(name: str) -> Format | None:
    """Return the format for the ending of a file's name, in lower or upper case; None if there is none.

    `.xml` alone is PAGE, which Transkribus and eScriptorium read.
    """
    found = next((form for form in FORMATS.values() if name.lower().endswith(form.suffix)), None)
    return FORMATS["page"] if found is None and name.lower().endswith(".xml") else found


def to_bytes(form: Format, page: Page, pixels: "Pixels | None" = None, dpi: float | None = None) -> bytes:
    """Return the content of a file with only this page; the arguments are those of `DocumentWriter.add`."""
    file = BytesIO()
    writer = form.open(file)
    writer.add(page, pixels, dpi)
    writer.close()
    return file.getvalue()
