"""PAGE XML -> Page: all versions from 2010 to 2019, as Transkribus, eScriptorium, kraken and OCR-D write them.

    PcGts / Page / TextRegion, nested regions, TableRegion / TableCell or TextRegion
          / Coords                                  points="x,y x,y", or children Point x= y= (2010)
          / TextLine / Coords, Baseline, TextEquiv, Word / Glyph

Schema: https://github.com/PRImA-Research-Lab/PAGE-XML. The attribute `custom` holds more, as Transkribus began it:
`readingOrder {index:3;} structure {type:heading;}`.

Order of the regions: the element ReadingOrder, regions that it does not name after those that it does; without it the
`readingOrder` in `custom`, else the order of the file. Cells of a table stand row by row. Lines in a region: by
`readingOrder` where every line has it, else the order of the file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hwr.errors import InputError
from hwr.formats.read_xml import (
    as_baseline,
    as_polygon,
    child,
    children,
    content,
    local_name,
    number,
    place,
    points,
    probability,
)
from hwr.page.geometry import bounding_box
from hwr.page.page import Line, Page, Point, Region, Word
from hwr.page.shapes import complete_lines, complete_regions

REGION_TYPE, LINE_TYPE, CELL_TYPE = "text", "default", "cell"
"""Types where the file says none."""

_CUSTOM = re.compile(r"([\w-]+)\s*\{([^}]*)\}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def read_page_xml(root: Element, where: str) -> Page:
    """The page of a PAGE XML file.

    Texts are those of the lines; where a line has none, those of its words. Confidences that are missing are 1: who
    writes none vouches for the text. Baselines and polygons that are missing are derived (`hwr.page.shapes`).

    Args:
        root: the element PcGts.
        where: the file, for errors.

    Raises:
        InputError: no Page in it, or a coordinate that is no number.
    """
    page = child(root, "Page")
    if page is None:
        raise InputError(f"{where}: PAGE XML without a Page")
    regions: list[Region] = []
    lines: list[Line] = []
    for found in _in_order(page, where):
        if found.kept:
            regions.append(found.region)
        lines += [_line(element, found.region.id, where, f"l{len(lines) + k}") for k, element in _lines(found.element)]
    complete = complete_lines(lines)
    width, height = (round(number(page, name, where) or 0) for name in ("imageWidth", "imageHeight"))
    image = page.get("imageFilename", "")
    model = _model(root)
    return Page(image, width, height, model, complete_regions(regions, complete), complete)


def _model(root: Element) -> str:
    """What read the text, if it says so."""
    metadata = child(root, "Metadata")
    for item in children(metadata, "MetadataItem") if metadata is not None else ():
        if item.get("type") == "processingStep" and item.get("name") == "model":
            return item.get("value", "")
    return ""


# --- regions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A region, and the ids of those that it lies in. `kept`: it can hold lines."""

    element: Element
    region: Region
    path: tuple[str, ...]
    kept: bool


def _in_order(page: Element, where: str) -> list[_Found]:
    """All regions in reading order."""
    found = list(_regions(page, where, ()))
    ranks = {id: rank for rank, id in enumerate(_reading_order(child(page, "ReadingOrder")))}

    def rank(entry: _Found) -> int:
        """That of the region itself, else of the next one around it that has a rank."""
        return next((ranks[id] for id in (entry.region.id, *reversed(entry.path)) if id in ranks), len(ranks))

    return sorted(found, key=rank)


def _regions(parent: Element, where: str, path: tuple[str, ...]) -> Iterator[_Found]:
    """The regions below an element, each before those in it."""
    elements = [element for element in parent if local_name(element).endswith(("Region", "TableCell"))]
    in_table = local_name(parent) == "TableRegion"
    numbers = {element: "_".join([*path, str(number)]) for number, element in enumerate(elements, start=1)}
    for element in _by_cell(elements, where) if in_table else _by_custom_index(elements):
        region = _region(element, where, in_table, f"r{numbers[element]}")
        kept = local_name(element) in ("TextRegion", "TableCell") or child(element, "TextLine") is not None
        yield _Found(element, region, path, kept)
        yield from _regions(element, where, (*path, region.id))


def _region(element: Element, where: str, in_table: bool, number: str) -> Region:
    name = local_name(element)
    usual = CELL_TYPE if name == "TableCell" or in_table else name.removesuffix("Region").lower()
    kind = custom(element, "structure", "type") or custom(element, "type", "type") or element.get("type") or usual
    return Region(element.get("id") or number, kind, as_polygon(_coords(element, where)))


def _by_cell(cells: list[Element], where: str) -> list[Element]:
    """Cells of a table row by row: `row`, `col` of TableCell (Transkribus), or those of TableCellRole (2019)."""

    def key(cell: Element) -> tuple[float, float]:
        role = child(cell, "Roles", "TableCellRole")
        if role is not None:
            return number(role, "rowIndex", where) or 0, number(role, "columnIndex", where) or 0
        return number(cell, "row", where) or 0, number(cell, "col", where) or 0

    return sorted(cells, key=key)


def _by_custom_index(elements: list[Element]) -> list[Element]:
    """By `readingOrder {index:...}` where each has one, else as they stand."""
    indices = [custom(element, "readingOrder", "index") for element in elements]
    if not all(index.isdecimal() for index in indices):
        return elements
    return [element for _, element in sorted(zip(indices, elements, strict=True), key=lambda pair: int(pair[0]))]


def _reading_order(element: Element | None) -> Iterator[str]:
    """Ids of regions in the order that the element ReadingOrder, or a group in it, gives them."""
    if element is None:
        return
    entries = list(children(element))
    if all((entry.get("index") or "").isdecimal() for entry in entries):
        entries.sort(key=lambda entry: int(entry.get("index", "")))
    for entry in entries:
        if entry.get("regionRef"):
            yield entry.get("regionRef", "")
        yield from _reading_order(entry)


def custom(element: Element, name: str, key: str) -> str:
    r"""A value in the attribute `custom`, as in `name {key:value;}`; empty where it is missing.

    Transkribus writes blanks and other signs in values as \u0020.
    """
    for found, body in _CUSTOM.findall(element.get("custom", "")):
        if found == name:
            for pair in body.split(";"):
                before, colon, value = pair.partition(":")
                if colon and before.strip() == key:
                    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value.strip())
    return ""


# --- lines -------------------------------------------------------------------------------------------------------


def _lines(region: Element) -> Iterator[tuple[int, Element]]:
    return enumerate(_by_custom_index(list(children(region, "TextLine"))), start=1)


def _line(element: Element, region: str, where: str, id: str) -> Line:
    baseline = child(element, "Baseline")
    words = [(word, *_text(word, where)) for word in _by_custom_index(list(children(element, "Word")))]
    text, confidence = _text(element, where)
    if not text:
        # kraken writes blanks as words
        blank = "" if any(word and not word.strip() for _, word, _ in words) else " "
        text = blank.join(word for _, word, _ in words).strip()
    return Line(
        id=element.get("id") or id,
        region=region,
        type=custom(element, "structure", "type") or custom(element, "type", "type") or LINE_TYPE,
        text=text,
        confidence=confidence,
        baseline=() if baseline is None else as_baseline(_points(baseline, where)),
        polygon=as_polygon(_coords(element, where)),
        words=_words(words, where),
    )


def _words(words: Sequence[tuple[Element, str, float]], where: str) -> tuple[Word, ...]:
    """The words that have a place; none at all where one of them lacks it."""
    made = []
    for element, text, confidence in words:
        corners = _coords(element, where)
        if not text.strip():
            continue
        if not corners:
            return ()
        uncertain = custom(element, "unclear", "offset") != ""
        made.append(Word(text.strip(), confidence, bounding_box(corners), uncertain))
    return tuple(made)


def _text(element: Element, where: str) -> tuple[str, float]:
    """Text and confidence of a line or a word: of several readings the one with the lowest index.

    A word without a text has those of its glyphs.
    """
    readings = list(children(element, "TextEquiv"))
    if readings:
        best = min(readings, key=lambda reading: number(reading, "index", where) or 0)
        unicode = child(best, "Unicode")
        text = content(unicode if unicode is not None else child(best, "PlainText"))
        conf = probability(best, "conf", where)
        if text or child(element, "Glyph") is None:
            return text, 1.0 if conf is None else conf
    glyphs = [_text(glyph, where) for glyph in children(element, "Glyph")]
    return "".join(text for text, _ in glyphs), min((conf for _, conf in glyphs), default=1.0)


def _coords(element: Element, where: str) -> tuple[Point, ...]:
    coords = child(element, "Coords")
    return () if coords is None else _points(coords, where)


def _points(element: Element, where: str) -> tuple[Point, ...]:
    """Of Coords or Baseline: the attribute `points`, or children Point."""
    text = element.get("points")
    if text is None:
        text = " ".join(f"{point.get('x', '?')},{point.get('y', '?')}" for point in children(element, "Point"))
    return points(text, place(element, where))
