"""What the writers of XML share: characters, ids, numbers, points, types, the time."""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import hwr
from hwr.page.page import Box, Line, Page, Point, Region

SOFTWARE = f"hwr {hwr.__version__}"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
REGION_TYPE, LINE_TYPE = "text", "default"
"""What says nothing about a region or a line; not written, and what readers put where nothing stands."""
CONFIDENCE_DIGITS = 4

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is no Char of XML 1.0 (section 2.2): control characters, lone surrogates, U+FFFE and U+FFFF."""
_START = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_NAME = re.compile(f"[{_START}][{_START}0-9.\xb7\u0300-\u036f\u203f-\u2040-]*")
"""NCName of "Namespaces in XML": what an id may be; without letters beyond U+FFFF, which libxml2 refuses."""
_NOT_IN_NAME = re.compile(f"[^{_START}0-9.\xb7\u0300-\u036f\u203f-\u2040-]+")


def clean(text: str) -> str:
    """The text with U+FFFD in the place of what no XML file can hold."""
    return _NOT_IN_XML.sub("\ufffd", text)


class Ids:
    """Hands out ids that are valid in XML and stand once in the file, as much as possible those that were wished."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, wish: str) -> str:
        """The wish itself; where it is no name or taken, the nearest name that is free."""
        name = wish if _NAME.fullmatch(wish) else _NOT_IN_NAME.sub("_", wish)
        if not _NAME.fullmatch(name):
            name = f"_{name}"
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def regions_with_lines(page: Page) -> list[tuple[Region, list[Line]]]:
    """The regions in the order of their first lines, each with its lines in reading order; those without lines at the
    end. A region that the page does not list has no polygon."""
    found: dict[str, list[Line]] = {line.region: [] for line in page.lines}
    for line in page.lines:
        found[line.region].append(line)
    listed = {region.id: region for region in page.regions}
    regions = [(listed.get(id, Region(id, REGION_TYPE, ())), lines) for id, lines in found.items()]
    return regions + [(region, []) for region in page.regions if region.id not in found]


def base_name(image: str) -> str:
    """The name of the image file without its folder: eScriptorium and Transkribus find their page by it."""
    return PurePath(image).name or image


def decimal(value: float) -> str:
    """A coordinate to a tenth of a pixel; whole numbers without a point."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def probability(value: float) -> str:
    """A confidence with four digits that matter.

    Raises:
        ValueError: it is not a number from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"a confidence of {value}")
    return f"{value:.{CONFIDENCE_DIGITS}g}"


def whole_points(points: Iterable[Point], page: Page) -> list[tuple[int, int]]:
    """Points as whole pixels, which lie on the page; of equal ones in a row one is left, if two are left at all."""
    whole = [(min(max(round(x), 0), page.width), min(max(round(y), 0), page.height)) for x, y in points]
    parted = [point for point, _ in groupby(whole)]
    return parted if len(parted) > 1 else whole


def whole_box(box: Box) -> tuple[int, int, int, int]:
    """A box as whole pixels, at least one wide and high."""
    x0, y0, x1, y1 = (round(value) for value in box)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def now() -> str:
    """The time as XML has it, to a second; that of SOURCE_DATE_EPOCH where it is set (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    time = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def add(parent: Element, name: str, attributes: Sequence[tuple[str, str]] = (), text: str | None = None) -> Element:
    """A new last child; attributes and text are cleaned."""
    element = ElementTree.SubElement(parent, name, {key: clean(value) for key, value in attributes})
    element.text = None if text is None else clean(text)
    return element


def document(root: Element) -> bytes:
    """The file: declaration, and the elements indented, which puts nothing into those that hold text."""
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data + b"\n"
