"""Helpers of the XML writers: characters, ids, numbers, points, types, the time."""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import hwr
from hwr.page.page import REGION_TYPE, Box, Line, Page, Point, Region

SOFTWARE = f"hwr {hwr.__version__}"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
CONFIDENCE_DIGITS = 4

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything that is not a Char of XML 1.0 (section 2.2): control characters, lone surrogates, U+FFFE and U+FFFF."""
_START = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_NAME = re.compile(f"[{_START}][{_START}0-9.\xb7\u0300-\u036f\u203f-\u2040-]*")
"""NCName of "Namespaces in XML": the form of an id; without letters beyond U+FFFF, which libxml2 refuses."""
_NOT_IN_NAME = re.compile(f"[^{_START}0-9.\xb7\u0300-\u036f\u203f-\u2040-]+")


def clean(text: str) -> str:
    """Replace everything that an XML file cannot contain by U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", text)


class Ids:
    """Gives out ids that are valid in XML and unique in the file, as close as possible to the requested ones."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, wish: str) -> str:
        """Return the requested id, or the nearest valid free one."""
        name = wish if _NAME.fullmatch(wish) else _NOT_IN_NAME.sub("_", wish)
        if not _NAME.fullmatch(name):
            name = f"_{name}"
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def named_regions(page: Page, ids: Ids) -> list[tuple[Region, str, list[tuple[Line, str]]]]:
    """Return the regions in the order of their first lines, each with its id and its lines, in order, with their ids.

    Regions without lines come last. A region that the page does not list has no polygon.
    """
    found: dict[str, list[Line]] = {line.region: [] for line in page.lines}
    for line in page.lines:
        found[line.region].append(line)
    listed = {region.id: region for region in page.regions}
    regions = [(listed.get(id, Region(id, REGION_TYPE, ())), lines) for id, lines in found.items()]
    regions += [(region, []) for region in page.regions if region.id not in found]
    names = [ids.claim(region.id) for region, _ in regions]
    return [
        (region, name, [(line, ids.claim(line.id)) for line in lines])
        for (region, lines), name in zip(regions, names, strict=True)
    ]


def base_name(image: str) -> str:
    """Return the name of the image file without its folder: eScriptorium and Transkribus find their page by it."""
    return PurePath(image).name or image


def decimal(value: float) -> str:
    """Return a coordinate to a tenth of a pixel; whole numbers without a point."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def probability(value: float) -> str:
    """Return a confidence with four significant digits.

    Raises:
        ValueError: it is not a number from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"a confidence of {value}")
    return f"{value:.{CONFIDENCE_DIGITS}g}"


def whole_points(points: Iterable[Point], page: Page) -> list[tuple[int, int]]:
    """Return points as whole pixels on the page; repeated points are merged, as long as two are left."""
    whole = [(min(max(round(x), 0), page.width), min(max(round(y), 0), page.height)) for x, y in points]
    merged = [point for point, _ in groupby(whole)]
    return merged if len(merged) > 1 else whole


def whole_box(box: Box) -> tuple[int, int, int, int]:
    """Return a box as whole pixels, at least one wide and high."""
    x0, y0, x1, y1 = (round(value) for value in box)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def now() -> str:
    """Return the time in XML format, to a second; SOURCE_DATE_EPOCH if it is set (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    time = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def add(parent: Element, name: str, attributes: Sequence[tuple[str, str]] = (), text: str | None = None) -> Element:
    """Add a last child; attributes and text are cleaned."""
    element = ElementTree.SubElement(parent, name, {key: clean(value) for key, value in attributes})
    element.text = None if text is None else clean(text)
    return element


def document(root: Element) -> str:
    """Return the file: declaration and indented elements; elements with text get no extra space."""
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"
