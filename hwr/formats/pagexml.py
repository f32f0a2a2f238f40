"""PAGE XML of 2019-07-15, one file per page, for Transkribus, eScriptorium and OCR-D.

Schema: https://github.com/PRImA-Research-Lab/PAGE-XML. Its coordinates are whole pixels, so they are rounded. Values
for which it has no element are in the attribute `custom`, as in Transkribus: `readingOrder {index:0;}`, `unclear
{offset:4; length:3;}` for uncertain words, `structure {type:heading;}` for types. The type comes last because
eScriptorium takes everything up to the last semicolon for the type.
"""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from hwr.files.images import Pixels
from hwr.formats import DocumentWriter
from hwr.formats.positions import block_box, line_box
from hwr.formats.xml import (
    SCHEMA_INSTANCE,
    SOFTWARE,
    Ids,
    add,
    base_name,
    clean,
    document,
    named_regions,
    now,
    probability,
    whole_box,
    whole_points,
)
from hwr.page.page import LINE_TYPE, REGION_TYPE, Box, Line, Page, Point, Region, Word

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
TYPES = frozenset(
    ("paragraph", "heading", "caption", "header", "footer", "page-number", "drop-capital", "credit", "floating",
     "signature-mark", "catch-word", "marginalia", "footnote", "footnote-continued", "endnote", "TOC-entry",
     "list-label", "other")
)  # fmt: skip
"""Types of text regions in the schema."""
LANGUAGES = {
    "de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "la": "Latin", "nl": "Dutch",
    "no": "Norwegian", "pt": "Portuguese", "sv": "Swedish",
}  # fmt: skip
"""Names of languages in the schema, which has no codes."""
_RESERVED = re.compile(r"[;{}\\]|[^\S ]|^ | $")
"""Characters that would end a value in `custom`; a space inside a value may stay, as eScriptorium and kraken
require."""


class PageXmlWriter(DocumentWriter):
    """Writes one page."""

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        self._file.write(document(page_element(page, dpi)).encode())


def page_element(page: Page, dpi: float | None) -> Element:
    """Return the element PcGts of a page; `dpi` is the resolution of its image, if known."""
    root = Element("PcGts", {"xmlns": NAMESPACE, "xmlns:xsi": SCHEMA_INSTANCE})
    root.set("xsi:schemaLocation", f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd")
    _add_metadata(root, page)
    size = [
        ("imageFilename", base_name(page.image)),
        ("imageWidth", str(page.width)),
        ("imageHeight", str(page.height)),
    ]
    if dpi:
        size += [("imageXResolution", f"{dpi:g}"), ("imageYResolution", f"{dpi:g}"), ("imageResolutionUnit", "PPI")]
    if page.language in LANGUAGES:
        size.append(("primaryLanguage", LANGUAGES[page.language]))
    body = add(root, "Page", size)
    ids = Ids()
    regions = named_regions(page, ids)
    if regions:
        group = add(add(body, "ReadingOrder"), "OrderedGroup", [("id", ids.claim("reading_order"))])
        for index, (_, id, _) in enumerate(regions):
            add(group, "RegionRefIndexed", [("index", str(index)), ("regionRef", id)])
    for region, id, named in regions:
        lines = [line for line, _ in named]
        element = _add_region(body, region, id, lines, page)
        for index, (line, name) in enumerate(named):
            _add_line(element, line, name, index, page, ids)
        if any(line.text for line in lines):
            _add_text(element, "\n".join(line.text for line in lines), None)
    return root


def _add_metadata(root: Element, page: Page) -> None:
    metadata = add(root, "Metadata")
    add(metadata, "Creator", text=SOFTWARE)
    time = now()
    add(metadata, "Created", text=time)
    add(metadata, "LastChange", text=time)
    if page.model:
        add(metadata, "MetadataItem", [("type", "processingStep"), ("name", "model"), ("value", page.model)])


def _add_region(body: Element, region: Region, id: str, lines: list[Line], page: Page) -> Element:
    attributes = [("id", id)]
    if region.type in TYPES:
        attributes.append(("type", region.type))
    if region.type != REGION_TYPE:
        attributes.append(("custom", _custom("structure", type=region.type)))
    element = add(body, "TextRegion", attributes)
    _add_coords(element, region.polygon, block_box(region, lines), page)
    return element


def _add_line(region: Element, line: Line, id: str, index: int, page: Page, ids: Ids) -> None:
    notes = [_custom("readingOrder", index=index), *_mark_unclear(line)]
    if line.type != LINE_TYPE:
        notes.append(_custom("structure", type=line.type))
    spoken = [("primaryLanguage", LANGUAGES[line.language])] if line.language in LANGUAGES else []
    element = add(region, "TextLine", [("id", id), *spoken, ("custom", " ".join(notes))])
    _add_coords(element, line.polygon, line_box(line), page)
    if len(line.baseline) > 1:
        add(element, "Baseline", [("points", _joined(whole_points(line.baseline, page)))])
    for number, word in enumerate(line.words):
        _add_word(element, word, ids.claim(f"{id}_w{number + 1}"), number, page)
    if line.text:
        _add_texts(element, line)


def _add_word(line: Element, word: Word, id: str, index: int, page: Page) -> None:
    notes = [_custom("readingOrder", index=index)]
    if word.uncertain:
        notes.append(_custom("unclear", offset=0, length=len(word.text)))
    element = add(line, "Word", [("id", id), ("custom", " ".join(notes))])
    _add_coords(element, (), word.box, page)
    _add_texts(element, word)


def _add_texts(parent: Element, item: Line | Word) -> None:
    """Add the text, followed by other readings numbered from 1."""
    _add_text(parent, item.text, item.confidence, 0 if item.alternatives else None)
    for index, other in enumerate(item.alternatives, start=1):
        _add_text(parent, other.text, other.confidence, index)


def _add_coords(parent: Element, polygon: Sequence[Point], box: Box, page: Page) -> None:
    """Add the polygon, or the box if there is none."""
    x0, y0, x1, y1 = whole_box(box)
    corners = polygon if len(polygon) > 2 else ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    add(parent, "Coords", [("points", _joined(whole_points(corners, page)))])


def _add_text(parent: Element, text: str, confidence: float | None, index: int | None = None) -> None:
    known = [] if index is None else [("index", str(index))]
    known += [] if confidence is None else [("conf", probability(confidence))]
    add(add(parent, "TextEquiv", known), "Unicode", text=text)


def _mark_unclear(line: Line) -> list[str]:
    """Return notes that mark the uncertain words in the line's text, as Transkribus does."""
    notes, start = [], 0
    for word in line.words:
        offset = line.text.find(word.text, start)
        if offset >= 0:
            if word.uncertain:
                notes.append(_custom("unclear", offset=offset, length=len(word.text)))
            start = offset + len(word.text)
    return notes


def _custom(name: str, **values: object) -> str:
    """Return a note for the attribute `custom`; characters that would end a value are escaped as in Transkribus."""
    pairs = (f"{key}:{_RESERVED.sub(_escape, clean(str(value)))};" for key, value in values.items())
    return f"{name} {{{' '.join(pairs)}}}"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _joined(points: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
