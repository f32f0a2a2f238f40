"""A page as one JSON object on one line; `page.schema.json` in this folder describes it.

With one object per line, several pages on standard output are JSON Lines.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwr.page.page import Line, Page, Point, Word

SCHEMA = Path(__file__).with_name("page.schema.json")
"""The JSON Schema of what `write_json` writes."""
CONFIDENCE_DIGITS = 4
PIXEL_DIGITS = 1


def write_json(page: Page) -> str:
    """Return the page as one line of JSON; coordinates are pixels of the input image, to a tenth."""
    return json.dumps(page_object(page), ensure_ascii=False, allow_nan=False) + "\n"


def page_object(page: Page) -> dict[str, Any]:
    """Return the page as plain dictionaries and lists."""
    return {
        "image": page.image,
        "width": page.width,
        "height": page.height,
        "rotation": page.rotation,
        "model": page.model,
        "language": page.language or None,
        "warnings": list(page.warnings),
        "regions": [
            {"id": region.id, "type": region.type, "polygon": _pixels(region.polygon)} for region in page.regions
        ],
        "lines": [_line_object(line, page.language) for line in page.lines],
    }


def _line_object(line: Line, page_language: str) -> dict[str, Any]:
    data = {
        "id": line.id,
        "region": line.region,
        "type": line.type,
        "text": line.text,
        "confidence": _probability(line.confidence),
        "baseline": _pixels(line.baseline),
        "polygon": _pixels(line.polygon),
        "words": [_word_object(word) for word in line.words],
    }
    if line.language != page_language:
        data["language"] = line.language or None
    return data | _alternatives(line)


def _alternatives(item: Line | Word) -> dict[str, Any]:
    if not item.alternatives:
        return {}
    others = [{"text": other.text, "confidence": _probability(other.confidence)} for other in item.alternatives]
    return {"alternatives": others}


def _word_object(word: Word) -> dict[str, Any]:
    data: dict[str, Any] = {
        "text": word.text,
        "confidence": _probability(word.confidence),
        "box": [round(value, PIXEL_DIGITS) for value in word.box],
    }
    if word.uncertain:
        data["uncertain"] = True
    return data | _alternatives(word)


def _probability(value: float) -> float:
    """Round to this many significant digits: the probabilities of two long lines may be small and far apart."""
    return float(f"{value:.{CONFIDENCE_DIGITS}g}")


def _pixels(points: Sequence[Point]) -> list[list[float]]:
    return [[round(x, PIXEL_DIGITS), round(y, PIXEL_DIGITS)] for x, y in points]
