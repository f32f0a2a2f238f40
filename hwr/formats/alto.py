"""ALTO 4.2, one file per page, for eScriptorium, kraken and libraries.

Schema: https://github.com/altoxml/schema. Files are valid as 4.2 to 4.4. They name version 4.2 because eScriptorium
accepts no later one, and write points as `x y x y` because it reads no others. The first reference in TAGREFS is the
type. ALTO has no field for the confidence of a line, so line confidences are in a tag of their own, to which nothing
refers.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import hwr
from hwr.formats.positions import block_box, line_box
from hwr.formats.xml import (
    SCHEMA_INSTANCE,
    Ids,
    add,
    base_name,
    decimal,
    document,
    named_regions,
    now,
    probability,
)
from hwr.page.page import LINE_TYPE, REGION_TYPE, Box, Line, Page, Point, Region, Word

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-2.xsd"
VERSION = "4.2"
CONFIDENCES = "urn:hwr:confidences"
"""Namespace of the confidences of lines."""
UNCERTAIN = "uncertain"
"""Label of the tag of uncertain words."""


def write_alto(page: Page) -> str:
    """Return the page as an ALTO file."""
    root = Element("alto", {"xmlns": NAMESPACE, "xmlns:xsi": SCHEMA_INSTANCE})
    root.set("xsi:schemaLocation", f"{NAMESPACE} {SCHEMA}")
    root.set("SCHEMAVERSION", VERSION)
    ids = Ids()
    regions = named_regions(page, ids)
    _add_description(root, page, ids)
    tags = _Tags(page, ids)
    tags.add_to(root, [(name, line.confidence) for _, _, lines in regions for line, name in lines if _spelled(line)])
    size = [("WIDTH", str(page.width)), ("HEIGHT", str(page.height))]
    body = add(add(root, "Layout"), "Page", [("ID", ids.claim("page")), *size, ("PHYSICAL_IMG_NR", "1")])
    space = add(body, "PrintSpace", [("HPOS", "0"), ("VPOS", "0"), *size])
    for region, id, lines in regions:
        language = [("LANG", page.language)] if page.language else []
        box = block_box(region, [line for line, _ in lines])
        element = _add_shaped(space, "TextBlock", id, box, region.polygon, tags.block(region), language)
        for line, name in lines:
            _add_line(element, line, name, tags, ids)
    return document(root)


def _add_description(root: Element, page: Page, ids: Ids) -> None:
    description = add(root, "Description")
    add(description, "MeasurementUnit", text="pixel")
    add(add(description, "sourceImageInformation"), "fileName", text=base_name(page.image))
    step = add(description, "Processing", [("ID", ids.claim("processing"))])
    add(step, "processingCategory", text="contentGeneration")
    add(step, "processingDateTime", text=now())
    add(step, "processingStepDescription", text="text recognition")
    if page.model:
        add(step, "processingStepSettings", text=f"model: {page.model}")
    software = add(step, "processingSoftware")
    add(software, "softwareName", text="hwr")
    add(software, "softwareVersion", text=hwr.__version__)


class _Tags:
    """The tags of a page: one for each stated type of block and of line, and one for uncertain words."""

    def __init__(self, page: Page, ids: Ids) -> None:
        self._blocks = {kind: "" for region in page.regions if (kind := region.type) != REGION_TYPE}
        self._lines = {kind: "" for line in page.lines if (kind := line.type) != LINE_TYPE}
        for number, kind in enumerate(self._blocks, start=1):
            self._blocks[kind] = ids.claim(f"BT{number}")
        for number, kind in enumerate(self._lines, start=1):
            self._lines[kind] = ids.claim(f"LT{number}")
        marked = any(word.uncertain for line in page.lines for word in line.words)
        self.uncertain = ids.claim(UNCERTAIN) if marked else ""
        self._confidences = ids.claim("confidences")

    def block(self, region: Region) -> str:
        """Return the id of the tag of the region's type, or nothing."""
        return self._blocks.get(region.type, "")

    def line(self, line: Line) -> str:
        """Return the id of the tag of the line's type, or nothing."""
        return self._lines.get(line.type, "")

    def add_to(self, root: Element, confidences: Sequence[tuple[str, float]]) -> None:
        """Add the element Tags if there is a tag; `confidences` are those of lines, by their ids."""
        if not (self._blocks or self._lines or self.uncertain or confidences):
            return
        tags = add(root, "Tags")
        for what, kinds in (("block", self._blocks), ("line", self._lines)):
            for kind, id in kinds.items():
                add(tags, "OtherTag", [("ID", id), ("LABEL", kind), ("DESCRIPTION", f"{what} type {kind}")])
        if self.uncertain:
            about = "word of low confidence"
            add(tags, "OtherTag", [("ID", self.uncertain), ("LABEL", UNCERTAIN), ("DESCRIPTION", about)])
        if confidences:
            about = "confidences of the lines"
            tag = add(tags, "OtherTag", [("ID", self._confidences), ("LABEL", "confidences"), ("DESCRIPTION", about)])
            data = add(tag, "XmlData")
            for id, value in confidences:
                add(data, "line", [("xmlns", CONFIDENCES), ("id", id), ("confidence", probability(value))])


def _add_line(block: Element, line: Line, id: str, tags: _Tags, ids: Ids) -> None:
    more = [("BASELINE", _joined(line.baseline))] if len(line.baseline) > 1 else []
    if line.language:
        more.append(("LANG", line.language))
    element = _add_shaped(block, "TextLine", id, line_box(line), line.polygon, tags.line(line), more)
    words = _spelled(line)
    if not words:
        # the whole text in one, as eScriptorium writes it; without a position of its own it is not a word
        known = [("WC", probability(line.confidence))] if line.text else []
        add(element, "String", [("CONTENT", line.text), *known])
    before: Word | None = None
    for number, word in enumerate(words, start=1):
        if before is not None:
            x, width = before.box[2], max(0.0, word.box[0] - before.box[2])
            add(element, "SP", [("HPOS", decimal(x)), ("VPOS", decimal(before.box[1])), ("WIDTH", decimal(width))])
        marks = [("TAGREFS", tags.uncertain)] if word.uncertain else []
        attributes = [("ID", ids.claim(f"{id}_w{number}")), *_box_attributes(word.box), ("CONTENT", word.text), *marks]
        string = add(element, "String", [*attributes, ("WC", probability(word.confidence))])
        for other in word.alternatives:
            about = f"confidence {probability(other.confidence)}"
            add(string, "ALTERNATIVE", [("PURPOSE", about)], text=other.text)
        before = word


def _spelled(line: Line) -> tuple[Word, ...]:
    """Return the line's words, if its text is these words with spaces between them."""
    return line.words if line.text == " ".join(word.text for word in line.words) else ()


def _add_shaped(
    parent: Element,
    name: str,
    id: str,
    box: Box,
    polygon: Sequence[Point],
    tag: str,
    more: Sequence[tuple[str, str]] = (),
) -> Element:
    tags = [("TAGREFS", tag)] if tag else []
    element = add(parent, name, [("ID", id), *tags, *_box_attributes(box), *more])
    if len(polygon) > 2:
        add(add(element, "Shape"), "Polygon", [("POINTS", _joined(polygon))])
    return element


def _box_attributes(box: Box) -> list[tuple[str, str]]:
    x0, y0, x1, y1 = (round(value, 1) for value in box)
    attributes = (("HPOS", x0), ("VPOS", y0), ("WIDTH", x1 - x0), ("HEIGHT", y1 - y0))
    return [(name, decimal(value)) for name, value in attributes]


def _joined(points: Sequence[Point]) -> str:
    return " ".join(f"{decimal(x)} {decimal(y)}" for x, y in points)
