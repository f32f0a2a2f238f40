"""Writers of pages, found by the name of their format."""

from typing import BinaryIO

from hwr.errors import UsageError
from hwr.formats.document import DocumentWriter, Format, TextWriter, to_bytes
from hwr.formats.json import write_json
from hwr.formats.text import PAGE_BREAK, write_text

__all__ = ["FORMATS", "DocumentWriter", "Format", "find_format", "format_of_name", "to_bytes"]


def _open_text(file: BinaryIO) -> DocumentWriter:
    return TextWriter(file, write_text, between=PAGE_BREAK)


def _open_markdown(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.markdown import PAGE_BREAK, write_markdown

    return TextWriter(file, write_markdown, between=PAGE_BREAK)


def _open_json(file: BinaryIO) -> DocumentWriter:
    return TextWriter(file, write_json)


def _open_tsv(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.tsv import TsvWriter

    return TsvWriter(file)


def _open_hocr(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.hocr import HocrWriter

    return HocrWriter(file)


def _open_alto(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.alto import AltoWriter

    return AltoWriter(file)


def _open_page(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.pagexml import PageXmlWriter

    return PageXmlWriter(file)


def _open_pdf(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.pdf import PdfWriter

    return PdfWriter(file)


def _open_overlay(file: BinaryIO) -> DocumentWriter:
    from hwr.formats.overlay import OverlayWriter

    return OverlayWriter(file)


FORMATS = {
    entry.name: entry
    for entry in (
        Format("text", ".txt", _open_text, joins=True, headed=True, marks=True, alternatives=True),
        Format("markdown", ".md", _open_markdown, joins=True, headed=True, marks=True),
        Format("json", ".json", _open_json, joins=True, streams=True, marks=True, alternatives=True),
        Format("tsv", ".tsv", _open_tsv, joins=True),
        Format("hocr", ".hocr", _open_hocr, joins=True, marks=True, alternatives=True),
        Format("alto", ".alto.xml", _open_alto, marks=True, alternatives=True),
        Format("page", ".page.xml", _open_page, marks=True, alternatives=True),
        Format("pdf", ".pdf", _open_pdf, joins=True, needs_pixels=True, binary=True),
        Format("overlay", ".overlay.png", _open_overlay, needs_pixels=True, binary=True, marks=True),
    )
}


def find_format(name: str) -> Format:
    """Return the format with this name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"no format named {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of_name(name: str) -> Format | None:
    """Return the format for the ending of a file's name, in lower or upper case; None if there is none.

    `.xml` alone is PAGE, which Transkribus and eScriptorium read.
    """
    found = next((form for form in FORMATS.values() if name.lower().endswith(form.suffix)), None)
    return FORMATS["page"] if found is None and name.lower().endswith(".xml") else found
