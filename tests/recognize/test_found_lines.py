"""Pages that are turned, notes in the margin, and doubtful readings, with the shipped model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hwr.files.documents import to_grey
from hwr.files.images import GreyImage
from hwr.page.geometry import bounding_box
from hwr.page.page import Line, Page, Word
from hwr.recognize.found_lines import PageOptions, PageReader, assemble, is_inside, page_read_as_line
from hwr.recognize.recognizer import Recognizer
from hwr.recognize.upside_down import turned
from hwr.segment import find_lines
from hwr.segment.sideways import MISSED

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
PAGE = to_grey(SAMPLES / "page.png")[:700]
"""The upper lines of the sample page."""


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(threads=1)


@pytest.fixture(scope="module")
def upright(recognizer: Recognizer) -> Page:
    return recognizer.read(PAGE)


def test_an_upright_page_is_read_as_it_is(upright: Page) -> None:
    assert (upright.rotation, upright.warnings) == (0, ()) and len(upright.lines) > 4
    assert upright.text.split()[:2] == (SAMPLES / "page.txt").read_text(encoding="utf-8").split()[:2]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_in_its_own_coordinates(recognizer: Recognizer, upright: Page, degrees: int) -> None:
    image = turned(PAGE, 360 - degrees)
    page = recognizer.read(image)
    assert page.rotation == degrees and page.text == upright.text
    assert (page.height, page.width) == image.shape
    assert page.warnings == (f"read turned by {degrees} degrees clockwise, since it reads better",)
    mask = np.zeros(image.shape, np.uint8)
    for line, same in zip(page.lines, upright.lines, strict=True):
        mask[:] = 0
        for word in line.words:
            x0, y0, x1, y1 = (round(value) for value in word.box)
            mask[y0:y1, x0:x1] = 1
        back = turned(mask, degrees)
        rows, columns = np.nonzero(back)
        boxes = [word.box for word in same.words]
        expected = bounding_box([corner for box in boxes for corner in (box[:2], box[2:])])
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(expected, abs=2)
        x, y = line.baseline[0]
        assert cv2.pointPolygonTest(np.array(line.polygon, np.float32), (x, y), True) > -3


@pytest.mark.slow
def test_a_clear_hand_upside_down(recognizer: Recognizer) -> None:
    page = to_grey(SAMPLES / "page.png")
    assert recognizer.read(page).rotation == 0
    assert recognizer.read(turned(page, 180)).rotation == 180


def test_a_direction_that_is_given_is_taken(recognizer: Recognizer, upright: Page) -> None:
    image = turned(PAGE, 180)
    assert recognizer.read(image, options=PageOptions(rotate=180)).text == upright.text
    as_it_is = recognizer.read(image, options=PageOptions(rotate=0))
    assert as_it_is.rotation == 0 and as_it_is.text != upright.text


def with_note(degrees: int) -> tuple[GreyImage, tuple[int, int, int, int]]:
    """The page with a line of writing up (270) or down (90) its right margin, and the position of that line."""
    line = to_grey(SAMPLES / "line-1.png")
    scale = 0.7 * PAGE.shape[0] / line.shape[1]
    note = turned(cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), degrees)
    paper = np.full((PAGE.shape[0], PAGE.shape[1] + 2 * note.shape[1]), np.median(PAGE), np.uint8)
    paper[:, : PAGE.shape[1]] = PAGE
    x, y = PAGE.shape[1] + note.shape[1] // 2, 100
    place = paper[y : y + note.shape[0], x : x + note.shape[1]]
    place[:] = np.minimum(place, note)
    return paper, (x, y, x + note.shape[1], y + note.shape[0])


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_note_along_the_margin_is_read(recognizer: Recognizer, upright: Page, degrees: int) -> None:
    image, (x0, y0, x1, y1) = with_note(degrees)
    page = recognizer.read(image)
    assert page.rotation == 0 and page.lines[-1].region == page.regions[-1].id
    words = set((SAMPLES / "line-1.txt").read_text(encoding="utf-8").split())
    assert len(words & set(page.lines[-1].text.split())) >= 0.7 * len(words)
    left, top, right, bottom = bounding_box(page.lines[-1].polygon)
    assert left > x0 - 10 and right < x1 + 10 and top > y0 - 10 and bottom < y1 + 10
    # the note weighs in the choice of the language, so a word or two of the page may change
    same = sum(line.text == other.text for line, other in zip(page.lines[:-1], upright.lines, strict=True))
    assert same >= len(upright.lines) - 2


def test_a_note_that_cannot_be_read_is_left_out_with_a_warning() -> None:
    image, place = with_note(270)

    def read_along(grey: GreyImage, lines: Sequence[Line]) -> list[Line]:
        """Read the page well, its note badly, and scraps of the note worse."""
        read = []
        for line in lines:
            confidence = 0.3 if grey.shape != image.shape else 0.01 if is_inside(line, place) else 0.95
            read.append(replace(line, text="word", words=(Word("word", confidence, bounding_box(line.polygon)),)))
        return read

    page = PageReader(read_along, 1, PageOptions()).read(image, find_lines(image, 1))
    assert page.warnings == ("left out ink in 1 place that may be writing up or down the page",)
    assert len(page.lines) > 4 and not any(is_inside(line, place) for line in page.lines)


def test_outlines_contain_the_words_and_are_short(upright: Page) -> None:
    for line in upright.lines:
        outline = np.array(line.polygon, np.float32)
        assert len(outline) < 200 and len(line.baseline) < 30
        for word in line.words:
            x0, y0, x1, y1 = word.box
            for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
                assert cv2.pointPolygonTest(outline, corner, True) > -0.2


def test_lines_of_low_confidence_are_left_out_and_counted(recognizer: Recognizer, upright: Page) -> None:
    means = sorted(np.mean([word.confidence for word in line.words]) for line in upright.lines)
    bound = float(means[1] + means[2]) / 2
    page = recognizer.read(PAGE, options=PageOptions(min_line_confidence=bound))
    assert len(page.lines) == len(upright.lines) - 2
    assert page.warnings == (f"2 of {len(upright.lines)} lines left out: their confidence is too low",)
    assert [line.id for line in page.lines] == [f"l{number}" for number in range(1, len(page.lines) + 1)]


def line_of(confidence: float) -> Line:
    box = ((10.0, 10.0), (90.0, 10.0), (90.0, 40.0), (10.0, 40.0))
    words = tuple(Word("word", confidence, (10.0 + 30 * k, 10.0, 35.0 + 30 * k, 40.0)) for k in range(2))
    return Line("", "r1", "default", "word word", confidence, ((10.0, 35.0), (90.0, 35.0)), box, words)


def test_a_reading_that_is_worth_nothing_is_said_to_be() -> None:
    page = assemble([line_of(0.2)], (100, 100), 0, PageOptions())
    assert page.warnings == ("the words have a mean confidence of 0.20: most of them are probably wrong",)
    assert assemble([line_of(0.5)], (100, 100), 0, PageOptions()).warnings == ()


@pytest.mark.parametrize(("confidence", "turn"), [(0.9, 90), (0.01, 0)])
def test_a_page_is_turned_only_if_something_can_be_read_then(confidence: float, turn: int) -> None:
    image = turned(PAGE, 270)

    def read_along(grey: GreyImage, lines: Sequence[Line]) -> list[Line]:
        words = (Word("words", confidence, (0.0, 0.0, 9.0, 9.0)),)
        return [replace(line, text="words", words=words) for line in lines]

    layout = find_lines(image, 1)
    assert layout.missed > MISSED
    assert PageReader(read_along, 1, PageOptions()).best_turn(image, layout, []) == turn


def test_a_page_that_was_read_as_one_line_has_a_warning(recognizer: Recognizer) -> None:
    line = to_grey(SAMPLES / "line-1.png")
    page, good = recognizer.read_line_pages([("page.png", PAGE), ("line-1.png", line)])
    (warning,) = page.warnings
    assert "lines were read as one; read pages without --line" in warning and int(warning.split()[0]) > 4
    assert good.warnings == ()
    doubtful = [Word("a", 0.1, (0.0, 0.0, 1.0, 1.0))]
    assert page_read_as_line(line, doubtful, 1) == () and page_read_as_line(PAGE, [], 1) == page.warnings
    assert page_read_as_line(np.full((400, 300), 255, np.uint8), [], 1) == ()
