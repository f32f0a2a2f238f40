"""What a format is, and the protocol of what writes one: pages in, one file out."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hwr.page.page import Page

if TYPE_CHECKING:  # the command line lists the formats, and must not wait for NumPy
    from hwr.files.images import Pixels


class DocumentWriter(Protocol):
    """Writes the pages of one document to a file as they come, or keeps them till the end, but never their images in
    memory."""

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        """Write a page.

        Args:
            page: what was read.
            pixels: its image; only formats that need them look at it.
            dpi: pixels per inch, where known.
        """

    def close(self) -> None:
        """Write what must stand at the end. The file itself is left open."""


@dataclass(frozen=True)
class Format:
    """A way to write pages.

    Attributes:
        name: what `hwr recognize --format` calls it.
        suffix: ending of its files, with the dot.
        open: makes a writer to a file that is open for writing.
        joins: the pages of one document go into one file; otherwise each page has its own.
        needs_pixels: `add` must be given the page's image.
        binary: not for a terminal.
        headed: on the terminal, the page's name stands before it when there are several documents.
        streams: what is written of several documents, one after the other, is of the format too.
        marks: uncertain words (`hwr.page.page.mark_uncertain`) are told from the others.
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
    """Writes what a function makes of each page, as UTF-8, with `between` before all pages but the first."""

    def __init__(self, file: BinaryIO, write: Callable[[Page], str], between: str = "") -> None:
        self._file, self._write, self._between = file, write, between
        self._pages = 0

    def add(self, page: Page, pixels: "Pixels | None", dpi: float | None) -> None:
        text = (self._between if self._pages else "") + self._write(page)
        # bytes of a file's name that are not UTF-8 stand as lone surrogates in it
        self._file.write(text.encode("utf-8", errors="backslashreplace"))
        self._pages += 1

    def close(self) -> None:
        pass


def to_bytes(form: Format, page: Page, pixels: "Pixels | None" = None, dpi: float | None = None) -> bytes:
    """The content of a file with this one page; the arguments are those of `DocumentWriter.add`."""
    file = BytesIO()
    writer = form.open(file)
    writer.add(page, pixels, dpi)
    writer.close()
    return file.getvalue()
