"""ALTO -> Page: versions 2 to 4, as eScriptorium, kraken, Transkribus and ABBYY's programs write them.

    alto / Description / MeasurementUnit, sourceImageInformation / fileName
         / Tags / OtherTag ID= LABEL=
         / Layout / Page / PrintSpace and margins / ComposedBlock / TextBlock / TextLine / String, SP, HYP

Schemas: https://github.com/altoxml/schema. The order is that of the element ReadingOrder (4.3), else of the file.

Units: with MeasurementUnit mm10 (tenths of a millimetre) or inch1200 the page is returned in these units, its width and
height too; `hwr.page.placing.fit_lines` scales it to its image, so that nobody has to know the resolution. A file in
such units that does not state the size of its page is refused.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from xml.etree.ElementTree import Element

from hwr.errors import InputError
from hwr.formats.alto import CONFIDENCES, UNCERTAIN
from hwr.formats.read_xml import (
    BAD_BASELINE,
    BAD_OUTLINE,
    BAD_WORDS,
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
    numbers,
    page_size,
    points,
    whole,
)
from hwr.page.completing import Ids, complete_lines, complete_regions, correct_words, rectangle
from hwr.page.page import LINE_TYPE, REGION_TYPE, Box, Line, Page, Point, Region, Word

SPACES = ("TopMargin", "LeftMargin", "RightMargin", "BottomMargin", "PrintSpace")


def read_alto(root: Element, where: str) -> list[Page]:
    """Return the pages of an ALTO file: one, but programs that convert a PDF write a file with all its pages.

    The text of a line is what is on the paper: for a word that is split at the end of a line its first part and the
    hyphen, not the whole word (SUBS_CONTENT). Missing confidences are 1; a line's is what `hwr.formats.alto` noted
    about it, else the product of its strings'. A string with spaces in it, as eScriptorium writes whole lines, is not
    a word. Missing baselines and polygons are derived (`hwr.page.completing`).

    An attribute with a broken number is ignored, and named in `Page.notes`. A line whose text is broken is left out,
    and named in `Page.left_out`. The image of page 2 of several is `book.pdf#2`.

    Args:
        root: the element alto.
        where: the file, for errors.

    Raises:
        InputError: no page, too many, or a unit that cannot be turned into pixels.
    """
    layout = child(root, "Layout")
    pages = list(children(layout, "Page")) if layout is not None else []
    check_pages(pages, f"{where}: ALTO")
    image = content(child(root, "Description", "sourceImageInformation", "fileName")).strip()
    unit = content(child(root, "Description", "MeasurementUnit")).strip() or "pixel"
    file = _File(where, unit, _ranks(root), _labels(root), _noted_confidences(root), _model(root))
    if len(pages) == 1:
        return [_page(pages[0], file, image)]
    document = image or PurePath(where).name.partition(".")[0]
    return [_page(page, file, f"{document}#{number}") for page, number in zip(pages, _page_numbers(pages), strict=True)]


@dataclass(frozen=True)
class _File:
    """The parts of a file that all its pages share.

    Attributes:
        unit: the unit of all coordinates.
        ranks: the rank in reading order of each id that has one.
        labels: the label of each tag, by its id.
        noted: the confidences of lines that `hwr.formats.alto` noted, by id.
        model: the model that read the text, or empty.
    """

    where: str
    unit: str
    ranks: dict[str, int]
    labels: dict[str, str]
    noted: dict[str, float | None]
    model: str


def _page_numbers(pages: list[Element]) -> list[int]:
    """Return the numbers of the pages in the document of images: as stated if they differ, else counted."""
    stated = [whole(page, "PHYSICAL_IMG_NR") for page in pages]
    return stated if len(set(stated)) == len(pages) and 0 not in stated else list(range(1, len(pages) + 1))


def _page(page: Element, file: _File, image: str) -> Page:
    faults: list[str] = []
    width, height = page_size(page, "WIDTH", "HEIGHT", faults)
    _check_unit(file.unit, width * height > 0, file.where)
    regions: list[Region] = []
    lines: list[Line] = []
    left_out: list[tuple[str, str]] = []
    notes = [("page", fault) for fault in faults[:1]]
    stated = {id for element in page.iter() if (id := element.get("ID"))}
    names, ids = Ids(stated), Ids(stated)
    for block in _in_order(file.ranks, page):
        kind = _type(block.element, file.labels) or block.type(file.labels) or REGION_TYPE
        name, faults = names.claim(block.element.get("ID"), f"r{len(regions) + 1}")
        regions.append(Region(name, kind, _outline(block.element, faults)))
        notes += [(name, fault) for fault in dict.fromkeys(faults)]
        for element in block.lines:
            id, faults = ids.claim(element.get("ID"), f"l{len(lines) + len(left_out) + 1}")
            try:
                lines.append(_line(element, name, file, id, faults))
            except InputError as error:
                left_out.append((id, str(error).removeprefix(f"{file.where}, ")))
            else:
                notes += [(id, fault) for fault in dict.fromkeys(faults)]
    complete, other_words = correct_words(complete_lines(lines))
    outlined = complete_regions(regions, complete)
    return Page(
        image, width, height, file.model, outlined, complete, left_out=tuple(left_out), notes=(*notes, *other_words)
    )


def _check_unit(unit: str, has_size: bool, where: str) -> None:
    if unit not in ("pixel", "mm10", "inch1200"):
        raise InputError(f"{where}: unknown MeasurementUnit {unit!r}; known: pixel, mm10, inch1200")
    if unit != "pixel" and not has_size:
        raise InputError(f"{where}: in {unit}, and the page has no WIDTH and HEIGHT: it cannot be turned into pixels")


def _model(root: Element) -> str:
    """Return the model that read the text, if the file names it."""
    for step in root.iter():
        if local_name(step) in ("Processing", "ocrProcessingStep"):
            for setting in content(child(step, "processingStepSettings")).splitlines():
                name, _, value = setting.partition(":")
                if name.strip() == "model":
                    return value.strip()
    return ""


def _noted_confidences(root: Element) -> dict[str, float | None]:
    """Return the confidences of lines that `hwr.formats.alto` noted, by id; broken ones are ignored."""
    return {note.get("id", ""): confidence(note, "confidence", []) for note in root.iter(f"{{{CONFIDENCES}}}line")}


# --- types -------------------------------------------------------------------------------------------------------


def _labels(root: Element) -> dict[str, str]:
    """Return the label of each tag by its id; tags of languages and of names in the text are not types."""
    tags = child(root, "Tags")
    return {
        tag.get("ID", ""): tag.get("LABEL", "")
        for tag in (children(tags) if tags is not None else ())
        if local_name(tag) != "NamedEntityTag" and tag.get("TYPE") != "language"
    }


def _type(element: Element, labels: dict[str, str]) -> str:
    """Return the label of the first tag that an element refers to, else its attribute TYPE, else nothing."""
    found = (labels[id] for id in element.get("TAGREFS", "").split() if labels.get(id))
    return next(found, "") or element.get("TYPE", "")


# --- blocks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """A block, the composed blocks around it, the innermost last, and its lines in order."""

    element: Element
    around: tuple[Element, ...]
    lines: tuple[Element, ...]

    def type(self, labels: dict[str, str]) -> str:
        """Return the type of the innermost composed block that has one."""
        return next((kind for element in reversed(self.around) if (kind := _type(element, labels))), "")


def _in_order(ranks: dict[str, int], page: Element) -> list[_Block]:
    """Return the text blocks in reading order."""
    blocks = [block for space in (page, *children(page, *SPACES)) for block in _blocks(space, ())]
    if not ranks:
        return blocks

    def rank(element: Element) -> int:
        return ranks.get(element.get("ID", ""), len(ranks))

    def block_rank(block: _Block) -> int:
        around = (rank(element) for element in (block.element, *reversed(block.around), *block.lines))
        return next((value for value in around if value < len(ranks)), len(ranks))

    ordered = [_Block(block.element, block.around, tuple(sorted(block.lines, key=rank))) for block in blocks]
    return sorted(ordered, key=block_rank)


def _blocks(parent: Element, around: tuple[Element, ...]) -> Iterator[_Block]:
    for element in children(parent, "TextBlock", "ComposedBlock"):
        if local_name(element) == "ComposedBlock":
            yield from _blocks(element, (*around, element))
        else:
            yield _Block(element, around, tuple(children(element, "TextLine")))


def _ranks(root: Element) -> dict[str, int]:
    """Return the rank of each id in the element ReadingOrder."""
    order = child(root, "ReadingOrder")
    ranks: dict[str, int] = {}
    for entry in order.iter() if order is not None else ():
        if id := entry.get("REF"):
            ranks.setdefault(id, len(ranks))
    return ranks


# --- lines -------------------------------------------------------------------------------------------------------


def _line(element: Element, region: str, file: _File, id: str, faults: list[str]) -> Line:
    """Return a line; add its broken attributes to `faults`."""
    strings = list(children(element, "String"))
    confidences = [confidence(string, "WC", faults) for string in strings]
    stated = [value for value in confidences if value is not None]
    noted = file.noted.get(id)
    polygon = _outline(element, faults)
    text = _text(element)
    check_text(text, element, file.where)
    if noted is not None:
        stated.append(noted)
    return Line(
        id=id,
        region=region,
        type=_type(element, file.labels) or LINE_TYPE,
        text=text,
        confidence=math.prod(stated) if noted is None else noted,
        baseline=attempt(lambda: _baseline(element, polygon), BAD_BASELINE, faults) or (),
        polygon=polygon,
        words=_words(strings, confidences, file.labels, faults),
        machine_read=bool(stated) and (file.model != "" or min(stated) < 1),
    )


def _text(line: Element) -> str:
    """Return strings, spaces and the hyphen in their order; without any SP, a space between strings."""
    parts = []
    space = "" if child(line, "SP") is not None else " "
    for element in children(line, "String", "SP", "HYP"):
        name = local_name(element)
        if name == "SP":
            parts.append(" ")
        elif name == "String":
            parts.append((space if parts else "") + element.get("CONTENT", ""))
        elif not "".join(parts[-1:]).endswith(element.get("CONTENT", "-")):
            parts.append(element.get("CONTENT", "-"))
    return "".join(parts).strip()


def _words(
    strings: list[Element], confidences: list[float | None], labels: dict[str, str], faults: list[str]
) -> tuple[Word, ...]:
    """Return the strings that are words with a position; none at all if one is not a word, or lacks its position."""
    words = []
    for string, stated in zip(strings, confidences, strict=True):
        text = string.get("CONTENT", "").strip()
        if not text:
            continue
        box = attempt(partial(_box, string), BAD_WORDS, faults)
        if box is None or len(text.split()) != 1:
            return ()
        uncertain = UNCERTAIN in (labels.get(id) for id in string.get("TAGREFS", "").split())
        words.append(Word(text, 1.0 if stated is None else stated, box, uncertain))
    return tuple(words)


def _baseline(line: Element, polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the points (version 4), or a level baseline as wide as the line from its height (versions 2 and 3)."""
    text = line.get("BASELINE", "")
    values = numbers(text)
    if len(values) != 1:
        return as_baseline(points(text))
    columns = [x for x, _ in polygon]
    return ((min(columns), values[0]), (max(columns), values[0])) if columns else ()


def _outline(element: Element, faults: list[str]) -> tuple[Point, ...]:
    """Return the polygon of a block or a line, else its box, else nothing."""
    polygon = child(element, "Shape", "Polygon")
    if polygon is not None:
        corners = attempt(lambda: as_polygon(points(polygon.get("POINTS", ""))), BAD_OUTLINE, faults)
        if corners:
            return corners
    box = attempt(lambda: _box(element), BAD_OUTLINE, faults)
    return () if box is None else rectangle(box)


def _box(element: Element) -> Box | None:
    """Return the box of an element; None if it has none."""
    x, y, width, height = (number(element, name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    if x is None or y is None or not width or not height or width < 0 or height < 0:
        return None
    # numbers with one decimal keep one decimal
    return x, y, round(x + width, 6), round(y + height, 6)
