"""PAGE XML -> Page: all versions from 2010 to 2019, as Transkribus, eScriptorium, kraken and OCR-D write them.

    PcGts / Page / TextRegion, nested regions, TableRegion / TableCell or TextRegion
          / Coords                                  points="x,y x,y", or children Point x= y= (2010)
          / TextLine / Coords, Baseline, TextEquiv, Word / Glyph

Schema: https://github.com/PRImA-Research-Lab/PAGE-XML. The attribute `custom` holds more, as Transkribus began it:
`readingOrder {index:3;} structure {type:heading;}`.

Order of the regions: the element ReadingOrder, regions that it does not name after those that it does; without it the
`readingOrder` in `custom`, else the order of the file. Cells of a table come row by row. Lines in a region: by
`readingOrder` where every line has it, else the order of the file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from xml.etree.ElementTree import Element

from hwr.errors import InputError
from hwr.formats.read_xml import (
    BAD_BASELINE,
    BAD_OUTLINE,
    BAD_WORDS,
    BROKEN,
    as_baseline,
    as_polygon,
    attempt,
    check_pages,
    check_text,
    child,
    children,
    confidence,
    content,
    local_name,
    number,
    page_size,
    points,
    whole,
)
from hwr.page.completing import Ids, complete_lines, complete_regions, correct_words
from hwr.page.geometry import bounding_box
from hwr.page.page import CELL_REGION, LINE_TYPE, Line, Page, Point, Region, Word

MAX_DIGITS = 9
"""Digits of an index: Python refuses to read numbers of several thousand."""
SEVERAL_TEXTS = "lines with several texts: the one with the lowest index counts"
NO_LINES = "text of a region without lines, not read"
BROKEN_WORDS = "words with bytes that are not text, left out"
BAD_INDEX = "text with a broken index, which counts as 0"
_LINE_BREAKS = re.compile(r"(?<![ \t])[ \t]*[\r\n]\s*")
"""It begins where a run of spaces begins: a search from each space of a long run would take quadratic time."""
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def read_page_xml(root: Element, where: str) -> list[Page]:
    """Return the pages of a PAGE XML file: one, as the schema says, but some programs put several into a file.

    Texts are those of the lines; a line without a text gets those of its words. Missing confidences are 1: whoever
    states none vouches for the text. Missing baselines and polygons are derived (`hwr.page.completing`).

    An attribute with a broken number is ignored, and named in `Page.notes`. A line whose text is broken is left out,
    and named in `Page.left_out`.

    Args:
        root: the element PcGts.
        where: the file, for errors.

    Raises:
        InputError: there is no Page in it, or too many.
    """
    pages = list(children(root, "Page"))
    check_pages(pages, f"{where}: PAGE XML")
    model = _model(root)
    return [_page(page, where, model) for page in pages]


def _page(page: Element, where: str, model: str) -> Page:
    regions: list[Region] = []
    lines: list[Line] = []
    left_out: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []
    stated = {id for element in page.iter() if (id := element.get("id"))}
    ids = Ids(stated)
    for found in _in_order(page, Ids(stated)):
        if found.kept:
            regions.append(found.region)
        notes += [(found.region.id, fault) for fault in found.faults]
        if child(found.element, "TextLine") is None and any(text.strip() for _, text in _readings(found.element)):
            notes.append((found.region.id, NO_LINES))
        first = len(lines) + len(left_out)
        for count, element in _lines(found.element):
            id, faults = ids.claim(element.get("id"), f"l{first + count}")
            try:
                lines.append(_line(element, found.region.id, where, id, bool(model), faults))
            except InputError as error:
                left_out.append((id, str(error).removeprefix(f"{where}, ")))
            else:
                notes += [(id, fault) for fault in dict.fromkeys(faults)]
            if len({text for _, text in _readings(element)}) > 1:
                notes.append((id, SEVERAL_TEXTS))
    complete, other_words = correct_words(complete_lines(lines))
    faults = []
    width, height = page_size(page, "imageWidth", "imageHeight", faults)
    notes += [("page", fault) for fault in faults[:1]]
    image = page.get("imageFilename", "")
    outlined = complete_regions(regions, complete)
    return Page(image, width, height, model, outlined, complete, left_out=tuple(left_out), notes=(*notes, *other_words))


def _model(root: Element) -> str:
    """Return the model that read the text, if the file names it."""
    metadata = child(root, "Metadata")
    for item in children(metadata, "MetadataItem") if metadata is not None else ():
        if item.get("type") == "processingStep" and item.get("name") == "model":
            return item.get("value", "")
    return ""


# --- regions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A region, the regions around it, the innermost last, and its faults. `kept`: it can hold lines."""

    element: Element
    region: Region
    around: tuple[Element, ...]
    kept: bool
    faults: tuple[str, ...]


def _in_order(page: Element, ids: Ids) -> list[_Found]:
    """Return all regions in reading order."""
    found = list(_regions(page, (), ids))
    ranks = {id: rank for rank, id in enumerate(_reading_order(child(page, "ReadingOrder")))}

    def rank(entry: _Found) -> int:
        """Return the rank of the region, else of the next one around it that has a rank."""
        around = (element.get("id", "") for element in reversed((*entry.around, entry.element)))
        return next((ranks[id] for id in around if id in ranks), len(ranks))

    return sorted(found, key=rank)


def _regions(parent: Element, around: tuple[Element, ...], ids: Ids, prefix: str = "r") -> Iterator[_Found]:
    """Yield the regions below an element, each before those inside it; `prefix` begins the ids that they may need."""
    elements = [element for element in parent if local_name(element).endswith(("Region", "TableCell"))]
    in_table = local_name(parent) == "TableRegion"
    numbers = {element: number for number, element in enumerate(elements, start=1)}
    for element in _by_cell(elements) if in_table else _by_custom_index(elements):
        id, faults = ids.claim(element.get("id"), f"{prefix}{numbers[element]}")
        region = _region(element, in_table, id, faults)
        kept = local_name(element) in ("TextRegion", "TableCell") or child(element, "TextLine") is not None
        yield _Found(element, region, around, kept, tuple(faults))
        yield from _regions(element, (*around, element), ids, f"{id}_")


def _region(element: Element, in_table: bool, id: str, faults: list[str]) -> Region:
    name = local_name(element)
    usual = CELL_REGION if name == "TableCell" or in_table else name.removesuffix("Region").lower()
    kind = custom(element, "structure", "type") or custom(element, "type", "type") or element.get("type") or usual
    return Region(id, kind, _outline(element, faults))


def _by_cell(cells: list[Element]) -> list[Element]:
    """Return the cells of a table row by row: by `row`, `col` of TableCell (Transkribus), or TableCellRole (2019)."""

    def key(cell: Element) -> tuple[int, int]:
        role = child(cell, "Roles", "TableCellRole")
        if role is not None:
            return whole(role, "rowIndex"), whole(role, "columnIndex")
        return whole(cell, "row"), whole(cell, "col")

    return sorted(cells, key=key)


def _by_custom_index(elements: list[Element]) -> list[Element]:
    """Return elements by `readingOrder {index:...}` if each has one, else as they are."""
    indices = [custom(element, "readingOrder", "index") for element in elements]
    if not all(map(_is_index, indices)):
        return elements
    return [element for _, element in sorted(zip(indices, elements, strict=True), key=lambda pair: int(pair[0]))]


def _is_index(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS


def _reading_order(element: Element | None) -> Iterator[str]:
    """Yield ids of regions in the order that the element ReadingOrder, or a group in it, gives them."""
    if element is None:
        return
    entries = list(children(element))
    if all(_is_index(entry.get("index", "")) for entry in entries):
        entries.sort(key=lambda entry: int(entry.get("index", "")))
    for entry in entries:
        if entry.get("regionRef"):
            yield entry.get("regionRef", "")
        yield from _reading_order(entry)


def custom(element: Element, name: str, key: str) -> str:
    r"""Return a value in the attribute `custom`, as in `name {key:value;}`; empty if it is missing.

    Transkribus writes spaces and other signs in values as \u0020.
    """
    for part in element.get("custom", "").split("}"):
        before, brace, body = part.partition("{")
        if brace and before.split()[-1:] == [name]:
            for pair in body.split(";"):
                before, colon, value = pair.partition(":")
                if colon and before.strip() == key:
                    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value.strip())
    return ""


# --- lines -------------------------------------------------------------------------------------------------------


def _lines(region: Element) -> Iterator[tuple[int, Element]]:
    return enumerate(_by_custom_index(list(children(region, "TextLine"))), start=1)


def _line(element: Element, region: str, where: str, id: str, by_program: bool, faults: list[str]) -> Line:
    """Return a line; add its broken attributes to `faults`.

    Args:
        by_program: the file names the model that read it, so that any confidence is a program's.
    """
    words = [(word, _text(word, faults)) for word in _by_custom_index(list(children(element, "Word")))]
    own = _text(element, faults)
    text, used = own.text, [own]
    if not text:
        # kraken writes spaces as words
        space = "" if any(word.text and not word.text.strip() for _, word in words) else " "
        text, used = space.join(word.text for _, word in words).strip(), [word for _, word in words]
    check_text(text, element, where)
    if any(BROKEN in word.text for _, word in words):
        words = []
        faults.append(BROKEN_WORDS)
    stated = [one.confidence for one in used if one.confidence is not None]
    return Line(
        id=id,
        region=region,
        type=custom(element, "structure", "type") or custom(element, "type", "type") or LINE_TYPE,
        text=text,
        confidence=1.0 if own.confidence is None else own.confidence,
        baseline=_baseline(element, faults),
        polygon=_outline(element, faults),
        words=_words(words, faults),
        machine_read=any(one.alternative for one in used) or any(by_program or value < 1 for value in stated),
    )


@dataclass(frozen=True)
class _Text:
    """A text with its confidence, if one is stated. `alternative`: its index is 1 or more, so no text is first."""

    text: str
    confidence: float | None = None
    alternative: bool = False


def _words(words: Sequence[tuple[Element, _Text]], faults: list[str]) -> tuple[Word, ...]:
    """Return the words that have a position; none at all if one of them lacks it, or has a broken one."""
    made = []
    for element, found in words:
        text = found.text.strip()
        if not text:
            continue
        corners = attempt(partial(_coords, element), BAD_WORDS, faults)
        if not corners:
            return ()
        uncertain = custom(element, "unclear", "offset") != ""
        stated = 1.0 if found.confidence is None else found.confidence
        made.append(Word(text, stated, bounding_box(corners), uncertain))
    return tuple(made)


def _readings(element: Element) -> Iterator[tuple[Element, str]]:
    """Yield the elements TextEquiv of a line or a word with their texts."""
    for reading in children(element, "TextEquiv"):
        unicode = child(reading, "Unicode")
        text = content(unicode if unicode is not None else child(reading, "PlainText"))
        yield reading, _LINE_BREAKS.sub(" ", text.strip("\r\n"))


def _text(element: Element, faults: list[str]) -> _Text:
    """Return the text of a line or a word with the lowest index; a word without a text has those of its glyphs."""
    readings = [(_index(reading, faults), reading, text) for reading, text in _readings(element)]
    if readings:
        index, best, text = min(readings, key=lambda reading: reading[0])
        if text or child(element, "Glyph") is None:
            return _Text(text, confidence(best, "conf", faults), index >= 1)
    glyphs = [_text(glyph, faults) for glyph in children(element, "Glyph")]
    stated = [glyph.confidence for glyph in glyphs if glyph.confidence is not None]
    return _Text("".join(glyph.text for glyph in glyphs), min(stated, default=None))


def _index(reading: Element, faults: list[str]) -> float:
    return attempt(lambda: number(reading, "index"), BAD_INDEX, faults) or 0


def _baseline(line: Element, faults: list[str]) -> tuple[Point, ...]:
    """Return the baseline of a line; nothing if it has none, or a broken one."""
    found = child(line, "Baseline")
    return () if found is None else attempt(lambda: as_baseline(_points(found)), BAD_BASELINE, faults) or ()


def _outline(element: Element, faults: list[str]) -> tuple[Point, ...]:
    """Return the polygon of a region or a line; nothing if it has none, or a broken one."""
    return attempt(lambda: as_polygon(_coords(element)), BAD_OUTLINE, faults) or ()


def _coords(element: Element) -> tuple[Point, ...]:
    coords = child(element, "Coords")
    return () if coords is None else _points(coords)


def _points(element: Element) -> tuple[Point, ...]:
    """Return the points of Coords or Baseline: the attribute `points`, or children Point."""
    text = element.get("points")
    if text is None:
        text = " ".join(f"{point.get('x', '?')},{point.get('y', '?')}" for point in children(element, "Point"))
    return points(text)
