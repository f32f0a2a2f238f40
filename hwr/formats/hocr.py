"""hOCR 1.2: XHTML with positions in the attribute `title`; all pages of a document in one file.

Specification: https://kba.github.io/hocr-spec/1.2/. The elements are those that Tesseract writes: `ocr_page` >
`ocr_carea` > `ocr_par` > `ocr_line` > `ocrx_word`. hOCR requires boxes in whole pixels and confidences in per cent.
"""

import math
from collections.abc import Iterable
from typing import BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from hwr.files.images import Pixels
from hwr.formats import DocumentWriter
from hwr.formats.positions import block_box, blocks, font_size, line_box, slope_and_offset, words_with_boxes
from hwr.formats.xml import SOFTWARE, Ids, add, clean, whole_box, whole_points
from hwr.page.page import LINE_TYPE, REGION_TYPE, Box, Line, Page, Point, Region, Word

MIN_PROBABILITY = 1e-12
"""Minimum probability when its logarithm is written."""
CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_poly ocrp_wconf"


class HocrWriter(DocumentWriter):
    """Writes the head with the first page, then page by page, and closes the document at the end."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._pages = 0
        self._ids = Ids()

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        if not self._pages:
            self._write(_head(page.image, page.model, page.language))
        self._pages += 1
        element = page_element(page, self._pages, dpi, self._ids)
        ElementTree.indent(element, space=" ", level=2)
        self._write("  " + ElementTree.tostring(element, encoding="unicode", short_empty_elements=False) + "\n")

    def close(self) -> None:
        if not self._pages:
            self._write(_head("", "", ""))
        self._write(" </body>\n</html>\n")

    def _write(self, text: str) -> None:
        self._file.write(text.encode("utf-8"))


def page_element(page: Page, number: int, dpi: float | None, ids: Ids) -> Element:
    """Return the page as an `ocr_page`; `number` counts from 1, and `dpi` is the image's resolution, if known."""
    image = page.image.replace('"', "'")
    parts = [f'image "{image}"', _bbox((0, 0, page.width, page.height)), f"ppageno {number - 1}"]
    if dpi:
        parts.append(f"scan_res {round(dpi)} {round(dpi)}")
    root = Element("div", {"class": "ocr_page", "id": ids.claim(f"page_{number}"), "title": clean("; ".join(parts))})
    if page.language:
        root.set("lang", clean(page.language))
    for block, (region, lines) in enumerate(blocks(page), start=1):
        _add_block(root, f"{number}_{block}", region, lines, page, ids)
    return root


def _add_block(root: Element, number: str, region: Region | None, lines: list[Line], page: Page, ids: Ids) -> None:
    box = block_box(region, lines)
    title = [_bbox(box), *_poly(region.polygon if region else (), page)]
    kind = _type(region.type, REGION_TYPE) if region else []
    area = _add(root, "div", "ocr_carea", ids.claim(f"block_{number}"), title, kind)
    paragraph = _add(area, "p", "ocr_par", ids.claim(f"par_{number}"), [_bbox(box)])
    for row, line in enumerate(lines, start=1):
        slope, offset = slope_and_offset(line)
        title = [
            _bbox(line_box(line)),
            *_poly(line.polygon, page),
            f"baseline {round(slope, 4) + 0.0:.4f} {round(offset, 1) + 0.0:.1f}",
            f"x_size {font_size(line):.1f}",
            f"x_wconf {round(100 * line.confidence)}",
        ]
        kind = _type(line.type, LINE_TYPE)
        if line.language and line.language != page.language:
            kind += [("lang", line.language)]
        element = _add(paragraph, "span", "ocr_line", ids.claim(f"line_{number}_{row}"), title, kind)
        for word_number, word in enumerate(words_with_boxes(line), start=1):
            _add_word(element, ids.claim(f"word_{number}_{row}_{word_number}"), word)


def _add_word(line: Element, id: str, word: Word) -> None:
    # a second class would hide the word from programs that look for exactly "ocrx_word"
    mark = [("data-uncertain", "true")] if word.uncertain else []
    title = [_bbox(word.box), f"x_wconf {round(100 * word.confidence)}"]
    element = _add(line, "span", "ocrx_word", id, title, mark)
    if not word.alternatives:
        element.text = clean(word.text)
        return
    # "alternatives" of the hOCR specification: the chosen text as an insertion, the others as deletions; nlp = -ln p
    group = add(element, "span", [("class", "alternatives")])
    for name, text, confidence in (
        ("ins", word.text, word.confidence),
        *(("del", other.text, other.confidence) for other in word.alternatives),
    ):
        cost = -math.log(max(confidence, MIN_PROBABILITY))
        add(group, name, [("class", "alt"), ("title", f"nlp {cost:.4g}")]).text = clean(text)


def _add(
    parent: Element, name: str, kind: str, id: str, title: Iterable[str], more: Iterable[tuple[str, str]] = ()
) -> Element:
    return add(parent, name, [("class", kind), ("id", id), ("title", "; ".join(title)), *more])


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, whole_box(box)))


def _poly(polygon: tuple[Point, ...], page: Page) -> list[str]:
    return ["poly " + " ".join(f"{x} {y}" for x, y in whole_points(polygon, page))] if len(polygon) > 2 else []


def _type(kind: str, usual: str) -> list[tuple[str, str]]:
    return [] if kind == usual else [("data-type", kind)]


def _head(image: str, model: str, language: str) -> str:
    system = quoteattr(clean(f"{SOFTWARE}, model {model}" if model else SOFTWARE))
    code = quoteattr(clean(language))
    spoken = f" lang={code} xml:lang={code}" if language else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"{spoken}>
 <head>
  <meta charset="utf-8"/>
  <title>{escape(clean(image))}</title>
  <meta name="ocr-system" content={system}/>
  <meta name="ocr-capabilities" content="{CAPABILITIES}"/>
 </head>
 <body>
"""
