"""What is written to XML is what is read from it."""

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.written_pages import EMPTY, RICH, evenly, rectangle
from hwr.formats import find_format, to_bytes
from hwr.formats.read_file import read_page_file
from hwr.page.page import Line, Page, Point, Region, Word


def again(name: str, page: Page) -> Page:
    """The page, written and read."""
    return read_page_file(to_bytes(find_format(name), page), "test.xml")


def rounded(value: float) -> float:
    """A confidence with the digits that are written."""
    return float(f"{value:.4g}")


def digits(page: Page, places: int | None) -> Page:
    """Round the coordinates to this number of places, and keep one of equal points in a row."""

    def points(polyline: tuple[Point, ...]) -> tuple[Point, ...]:
        pairs = [(round(x, places), round(y, places)) for x, y in polyline]
        return tuple(pair for before, pair in zip([None, *pairs], pairs, strict=False) if pair != before)

    def word(word: Word) -> Word:
        x0, y0, x1, y1 = (round(value, places) for value in word.box)
        return replace(word, box=(x0, y0, x1, y1), confidence=rounded(word.confidence))

    def line(line: Line) -> Line:
        return replace(
            line,
            baseline=points(line.baseline),
            polygon=points(line.polygon),
            confidence=rounded(line.confidence),
            words=tuple(word(entry) for entry in line.words),
        )

    regions = tuple(replace(region, polygon=points(region.polygon)) for region in page.regions)
    return replace(page, regions=regions, lines=tuple(line(entry) for entry in page.lines))


@pytest.mark.parametrize("page", [RICH, EMPTY], ids=["rich", "empty"])
def test_alto_keeps_everything_to_a_tenth_of_a_pixel(page: Page) -> None:
    assert again("alto", page) == digits(page, 1)


@pytest.mark.parametrize("page", [RICH, EMPTY], ids=["rich", "empty"])
def test_page_keeps_everything_to_a_pixel(page: Page) -> None:
    assert again("page", page) == digits(page, None)


@pytest.mark.parametrize("name", ["alto", "page"])
def test_a_second_time_changes_nothing(name: str) -> None:
    once = again(name, RICH)
    assert again(name, once) == once
    assert again("alto", again("page", RICH)) == again("page", RICH), "whole pixels are the same in both"


@pytest.mark.parametrize("name", ["alto", "page"])
def test_pages_by_the_hundred(name: str) -> None:
    """Pages drawn at random, with letters of all kinds."""
    import numpy as np

    random = np.random.default_rng(13)
    letters = list("abcé&<>\"'—ſ𝔘漢;:{}\\()[]|~„")
    for _ in range(100):
        lines = []
        for number in range(int(random.integers(0, 5))):
            words = ["".join(random.choice(letters, random.integers(1, 8))) for _ in range(random.integers(1, 6))]
            y = 50.0 * number + float(random.uniform(10, 20))
            box = (float(random.uniform(0, 50)), y, float(random.uniform(400, 500)), y + 30.0)
            text = " ".join(words)
            placed = tuple(
                replace(word, confidence=float(random.random()), uncertain=bool(random.random() < 0.3))
                for word in evenly(text, box)
            )
            baseline = tuple((float(x), y + float(random.uniform(20, 25))) for x in np.linspace(box[0], box[2], 5))
            region, kind = f"r{number // 2}", str(random.choice(["default", "a b;c", "heading", "x:y#1"]))
            lines.append(
                Line(f"l{number}", region, kind, text, float(random.random()), baseline, rectangle(*box), placed)
            )
        regions = tuple(
            Region(f"r{k}", str(random.choice(["text", "a}b{c", "marginalia"])), rectangle(1, 2 + k, 300.4, 200))
            for k in range((len(lines) + 1) // 2)
        )
        page = Page("a.png", 640, 480, str(random.choice(["small", "a: b", ""])), regions, tuple(lines))
        assert again(name, page) == digits(page, 1 if name == "alto" else None)


def test_the_content_of_foreign_files_survives(shared: Path) -> None:
    """Pages of eScriptorium and Transkribus: read, written and read again."""
    paths = sorted(path for path in (shared / "pages").glob("*/*.xml"))
    if not paths:
        pytest.skip("no pages found in ../shared/data/pages")
    for path in paths:
        page = read_page_file(path.read_bytes(), path.name)
        for name, places in (("alto", 1), ("page", None)):
            wanted = digits(page, places)
            assert again(name, wanted) == wanted, f"{path.name} as {name}"
