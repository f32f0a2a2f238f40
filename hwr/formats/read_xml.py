"""Read XML from elsewhere within bounds, and the numbers in it.

Entities are never expanded and nothing is fetched (defusedxml). Size, depth and number of elements are bounded, so that
a file cannot fill the memory. Errors name the file and the line in it.
"""

import codecs
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html.entities import html5
from typing import Any, TypeVar
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from hwr.errors import InputError
from hwr.page.page import Point

T = TypeVar("T")

MAX_BYTES = 32 * 2**20
"""Maximum size; a newspaper page with a box for each letter has up to 20 MiB."""
MAX_DEPTH = 100
MAX_LINES = 20_000
"""Maximum lines of a page: large newspapers have some thousands, and each takes a millisecond."""
MAX_PAGES = 10_000
"""Maximum pages of a file; the longest books have some thousands."""
MAX_ELEMENTS = 500_000
MAX_REFERENCES = 1_000_000
"""Maximum references that are mended; broken ones in files with more are an error."""
MAX_NUMBER = 10_000_000
"""Maximum absolute value of a number; no image has larger coordinates."""
MAX_POINTS = 100_000
"""Maximum points of one polygon or baseline."""

ROUNDING = 0.001
"""Distance from the range of 0 to 1 at which a confidence is only rounded."""

BAD_CONFIDENCE = "confidence that is not a number from 0 to 1, ignored"
BAD_BASELINE = "baseline with a broken number, ignored"
BAD_OUTLINE = "outline with a broken number, ignored"
BAD_SIZE = "page with a broken width or height, treated as unknown"
BAD_WORDS = "boxes of words, one with a broken number, ignored"
"""Faults that cost a line only one of its attributes, for `Page.notes`."""

BROKEN = "\ufdd0"
"""Replaces bytes that are not valid in the encoding of a file, and characters that XML does not allow. It is a
noncharacter, which no text contains."""

_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_DECLARED = re.compile(rb"""^\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]{1,40})["']""")
_ENCODINGS = re.compile("utf-(8|16|32)(-[lb]e)?|ascii|iso8859.*|cp.*|mac-.*|koi8.*|gb.*|big5.*|euc.*|shift.*")
"""Python's names of encodings that are taken as declared; it takes hours for some of the others."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""Beginnings of files, and the encodings that they show (XML 1.0, appendix F)."""
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(#\w*|[a-zA-Z][a-zA-Z0-9]{0,31})?(;?)", re.DOTALL)
_CODE = re.compile("#(x[0-9a-fA-F]{1,6}|[0-9]{1,7})")
_OWN_ENTITIES = ("amp", "lt", "gt", "quot", "apos")

LINE_NUMBER = "\0line"
"""Attribute in which an element keeps its line in the file; no XML attribute can have this name."""


def parse_xml(data: bytes, where: str) -> Element:
    """Return the root element of an XML file.

    Args:
        where: the file, for errors.

    Raises:
        InputError: empty, not XML, too large, too deep, not well-formed, truncated, or with entities of its own.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    if not data.strip():
        raise InputError(f"{where}: the file is empty")
    if len(data) > MAX_BYTES:
        raise InputError(f"{where}: more than {MAX_BYTES // 2**20} MiB of XML are not read")
    text = xml_text(data, where)
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise InputError(f"{where}: not an XML file")
    builder = _Builder(where)
    parser = DefusedXMLParser(target=builder)
    builder.parser = parser.parser
    try:
        parser.feed(text)
        root: Element = parser.close()
    except DefusedXmlException:
        line = parser.parser.CurrentLineNumber
        raise InputError(f"{where}, line {line}: defines its own entities; such files are refused") from None
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise InputError(f"{where}, line {line}, column {column + 1}: broken XML: {reason}") from None
    except (LookupError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: not XML that can be read: {error}") from None
    return root


def xml_text(data: bytes, where: str) -> str:
    """Return the text of an XML file, or of its beginning; a declaration becomes spaces.

    A byte order mark or zero bytes show the encoding, otherwise the declaration does. What the encoding or XML do not
    allow becomes `BROKEN`, so that it costs only the line of writing that contains it.

    Raises:
        InputError: the encoding is unknown.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None) or _declared(data, where)
    text = data.decode(encoding, "hwr.broken").lstrip("\ufeff").rstrip("\0 \t\r\n")
    found = _DECLARATION.match(text)
    if found:
        text = re.sub(r"[^\r\n]", " ", found[0]) + text[found.end() :]
    if 0 < text.count("&") <= MAX_REFERENCES:
        text = _REFERENCE.sub(_mend_reference, text)
    return _NOT_IN_XML.sub(BROKEN, text)


def _declared(data: bytes, where: str) -> str:
    """Return the encoding that the declaration names; UTF-8 without one, or if the name contradicts the bytes."""
    found = _DECLARED.match(data[:1000])
    name = found[1].decode() if found else "utf-8"
    try:
        known = codecs.lookup(name).name
    except LookupError:
        known = ""
    if not _ENCODINGS.fullmatch(known):
        raise InputError(f"{where}: the encoding {name!r}, which the file declares, is not known")
    return "utf-8" if known.startswith(("utf-16", "utf-32")) else known  # which would have zero bytes


def _mend_reference(found: re.Match[str]) -> str:
    """Return a reference as XML knows it: HTML's names as characters, and an `&` on its own as itself.

    Other references become `BROKEN`, as do those to characters that XML does not allow. Sections of CDATA have none.
    """
    name, end = found[1] or "", found[2]
    if end is None:
        return found[0]
    if not end and not name.startswith("#"):
        return f"&amp;{name}"
    if name in _OWN_ENTITIES:
        return found[0]
    if _CODE.fullmatch(name):
        code = int("0" + name[1:], 0) if name[1] == "x" else int(name[1:])
        return found[0] if end and code <= 0x10FFFF and not _NOT_IN_XML.match(chr(code)) else BROKEN
    return escape(html5[f"{name};"]) if f"{name};" in html5 else BROKEN if name else f"&amp;{end}"


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return BROKEN, error.end


codecs.register_error("hwr.broken", _mark_broken)


class _Builder:
    """Builds the tree within the bounds; each element keeps its line in the file."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.parser: Any = None
        self._tree = ElementTree.TreeBuilder()
        self._depth = 0
        self._count = self._lines = 0

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self._depth += 1
        self._count += 1
        self._lines += tag.endswith("TextLine")
        line = self.parser.CurrentLineNumber
        if self._depth > MAX_DEPTH:
            raise InputError(f"{self.where}, line {line}: more than {MAX_DEPTH} elements inside one another")
        if self._count > MAX_ELEMENTS:
            raise InputError(f"{self.where}, line {line}: more than {MAX_ELEMENTS:,} elements are not read")
        if self._lines > MAX_LINES:
            raise InputError(f"{self.where}, line {line}: more than {MAX_LINES:,} lines of writing are not read")
        return self._tree.start(tag, {**attributes, LINE_NUMBER: str(line)})

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return self._tree.end(tag)

    def data(self, data: str) -> None:
        self._tree.data(data)

    def close(self) -> Element:
        return self._tree.close()


def local_name(element: Element) -> str:
    """Return the name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the children with one of the names, in any namespace; without names, all of them."""
    return (child for child in element if not names or local_name(child) in names)


def child(element: Element, *path: str) -> Element | None:
    """Return the first child with this name, its first child with the next name, and so on."""
    found: Element | None = element
    for name in path:
        found = next(children(found, name), None) if found is not None else None
    return found


def content(element: Element | None) -> str:
    """Return the text of an element, all its parts joined; empty if there is none."""
    return "" if element is None else "".join(element.itertext())


def check_pages(pages: Sequence[Element], what: str) -> None:
    """Check the number of pages of a file; `what` names it in messages.

    Raises:
        InputError: there is none, or there are too many.
    """
    if not pages:
        raise InputError(f"{what} without a Page")
    if len(pages) > MAX_PAGES:
        raise InputError(f"{what} with more than {MAX_PAGES:,} pages is not read")


def check_text(text: str, element: Element, where: str) -> None:
    """Check the text of a line or a word.

    Raises:
        InputError: it contains bytes that are not text, or characters that XML does not allow.
    """
    if BROKEN in text:
        raise InputError(f"{location(element, where)}: bytes in the text are not in the file's encoding, or not text")


def location(element: Element, where: str) -> str:
    """Return the position of an element for messages: `page.xml, line 12, TextLine 'l1'`."""
    name = element.get("id") or element.get("ID")
    return f"{where}, line {element.get(LINE_NUMBER)}, {local_name(element)}" + (f" {name!r}" if name else "")


def number(element: Element, name: str) -> float | None:
    """Return the number in an attribute; None if it is missing or empty.

    Raises:
        ValueError: it is not a number, or above `MAX_NUMBER`.
    """
    text = element.get(name, "").strip()
    return _number(text) if text else None


def whole(element: Element, name: str) -> int:
    """Return a whole number, such as the width of a page or the row of a cell; 0 if it is missing or broken."""
    try:
        return max(0, round(number(element, name) or 0))
    except ValueError:
        return 0


def page_size(page: Element, width: str, height: str, faults: list[str]) -> tuple[int, int]:
    """Return width and height of a page from these attributes; 0 x 0 if one is missing or broken."""
    sizes = [attempt(partial(number, page, name), BAD_SIZE, faults) for name in (width, height)]
    across, down = (max(0, round(size or 0)) for size in sizes)
    return (across, down) if across and down else (0, 0)


def numbers(text: str) -> list[float]:
    """Return numbers that are separated by spaces or commas.

    Raises:
        ValueError: one of them is not a number, or above `MAX_NUMBER`.
    """
    return [_number(part) for part in text.replace(",", " ").split()]


def points(text: str) -> tuple[Point, ...]:
    """Return points written as `x,y x,y`, as `x y x y` or mixed; repeated points count once.

    Raises:
        ValueError: something is not a number, the last y is missing, or there are too many points.
    """
    values = numbers(text)
    if len(values) % 2:
        raise ValueError(f"an odd number of coordinates ({len(values)})")
    if len(values) > 2 * MAX_POINTS:
        raise ValueError(f"more than {MAX_POINTS:,} points")
    pairs = list(zip(values[::2], values[1::2], strict=True))
    return tuple(pair for before, pair in zip([None, *pairs], pairs, strict=False) if pair != before)


def _number(text: str) -> float:
    value = math.nan if "_" in text else float(text)
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(f"{text[:40]!r} is not a number, or too large")
    return value


def attempt(read: Callable[[], T], fault: str, faults: list[str]) -> T | None:
    """Return what `read` returns. If it meets a broken number, add `fault` to `faults` and return None.

    A line has a text that is worth keeping, with or without a confidence or a position.
    """
    try:
        return read()
    except ValueError:
        faults.append(fault)
        return None


def confidence(element: Element, name: str, faults: list[str]) -> float | None:
    """Return the confidence in an attribute; None if it is missing, or not a number from 0 to 1."""
    value = attempt(lambda: number(element, name), BAD_CONFIDENCE, faults)
    if value is None or -ROUNDING <= value <= 1 + ROUNDING:
        return None if value is None else min(max(value, 0.0), 1.0)
    faults.append(BAD_CONFIDENCE)
    return None


def as_polygon(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the corners if they enclose an area, otherwise nothing; a last corner equal to the first is removed."""
    from hwr.page.geometry import polygon_area

    if len(corners) > 1 and corners[0] == corners[-1]:
        corners = corners[:-1]
    return corners if len(corners) > 2 and polygon_area(corners) > 0 else ()


def as_baseline(polyline: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the polyline if it has a length, otherwise nothing."""
    return polyline if len(polyline) > 1 else ()
