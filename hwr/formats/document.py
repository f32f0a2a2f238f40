"""Formats, and the protocol of their writers: pages in, one file out."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hwr.page.page import Page

if TYPE_CHECKING:  # the command line lists the formats, and must not wait for NumPy
    from hwr.files.images import Pixels


class DocumentWriter(Protocol):
    """Writes the pages of one document to a file, immediately or at the end, but never keeps their images in memory."""

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        """Write a page.

        Args:
            page: the page.
            pixels: its image; only used by formats that need it.
            dpi: pixels per inch, if known.
        """

    def close(self) -> None:
        """Write the end of the file. The file itself stays open."""


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


class TextWriter:
    """Writes the text that a function returns for each page, as UTF-8, with `between` between the pages."""

    def __init__(self, file: BinaryIO, write: Callable[[Page], str], between: str = "") -> None:
        self._file, self._write, self._between = file, write, between
        self._pages = 0

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        text = (self._between if self._pages else "") + self._write(page)
        # bytes of a file's name that are not UTF-8 are lone surrogates in it
        self._file.write(text.encode("utf-8", errors="backslashreplace"))
        self._pages += 1

    def close(self) -> None:
        pass


def to_bytes(form: Format, page: Page, pixels: "Pixels | None" = None, dpi: float | None = None) -> bytes:
    """Return the content of a file with only this page; the arguments are those of `DocumentWriter.add`."""
    file = BytesIO()
    writer = form.open(file)
    writer.add(page, pixels, dpi)
    writer.close()
    return file.getvalue()
