"""Lines that are upside down on an upright page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwr.files.documents import to_grey
from hwr.page.geometry import bounding_box
from hwr.page.page import Line, Page, Word
from hwr.recognize.recognizer import Recognizer
from hwr.recognize.upside_down import MAX_FAILED, may_be_upside_down, read_inverted, turned

PAGE = to_grey(Path(__file__).parent.parent.parent / "data" / "samples" / "page.png")[:900]
"""The upper lines of the sample page."""
OUTLINE = ((0.0, 0.0), (90.0, 0.0), (90.0, 30.0), (0.0, 30.0))


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer("small", threads=1)


@pytest.fixture(scope="module")
def upright(recognizer: Recognizer) -> Page:
    return recognizer.read(PAGE)


def line_of(confidence: float, language: str = "", text: str = "some words") -> Line:
    words = tuple(Word(word, confidence, (0.0, 0.0, 90.0, 30.0)) for word in text.split())
    return Line("", "r1", "default", text, confidence, ((0.0, 20.0), (90.0, 20.0)), OUTLINE, words, language)


def test_lines_from_the_other_side_of_the_sheet_are_read_in_their_order(recognizer: Recognizer, upright: Page) -> None:
    levels = [line.baseline[0][1] for line in upright.lines]
    border, end = (round((levels[index] + levels[index + 1]) / 2) for index in (-5, -2))
    image = PAGE.copy()
    image[border:end] = turned(image[border:end], 180)
    page = recognizer.read(image)
    assert page.rotation == 0 and any("lines upside down" in warning for warning in page.warnings)
    over = [line for line in page.lines if line.baseline[0][0] > line.baseline[-1][0]]
    for line, other in zip([line for line in over if len(line.words) > 4], upright.lines[-4:-1], strict=True):
        words = set(other.text.split())
        assert len(words & set(line.text.split())) >= 0.6 * len(words)
        left, top, right, bottom = bounding_box(line.polygon)
        for word in line.words:
            assert (
                left - 2 <= word.box[0] < word.box[2] <= right + 2
                and top - 2 <= word.box[1] < word.box[3] <= bottom + 2
            )


@pytest.mark.parametrize("index", [-2, 2])
def test_a_single_line_is_read_with_its_baseline_from_right_to_left(
    recognizer: Recognizer, upright: Page, index: int
) -> None:
    other = upright.lines[index]
    left, top, right, bottom = (round(side) for side in bounding_box(other.polygon))
    image = PAGE.copy()
    image[top:bottom, left:right] = turned(image[top:bottom, left:right], 180)
    page = recognizer.read(image)
    assert page.warnings == ("read 1 line upside down, which reads better",)
    (line,) = [line for line in page.lines if line.baseline[0][0] > line.baseline[-1][0]]
    words = set(other.text.split())
    assert len(words & set(line.text.split())) >= 0.6 * len(words)
    assert abs(page.lines.index(line) - upright.lines.index(other)) <= 1


class Reader:
    """Reads upside down with the confidence of each line's number, and counts the lines that it reads."""

    def __init__(self, *confidences: float) -> None:
        self.confidences, self.count = confidences, 0

    def __call__(self, lines: Sequence[Line]) -> list[Line]:
        self.count += len(lines)
        read = []
        for line in lines:
            assert line.baseline == ((90.0, 10.0), (0.0, 10.0)) and not line.words
            words = (Word("other words", self.confidences[int(line.region)], (0.0, 0.0, 90.0, 30.0)),)
            read.append(replace(line, text="other words", words=words))
        return read


def read(upright: Sequence[float], over: Sequence[float]) -> tuple[list[int], tuple[str, ...], int]:
    """Return the numbers of the lines in order, those upside down negative, the messages, and the lines tried."""
    reader = Reader(*over)
    lines = [replace(line_of(confidence), region=str(number)) for number, confidence in enumerate(upright)]
    found, messages = read_inverted(reader, lines)
    numbers = [-int(line.region) if line.text == "other words" else int(line.region) for line in found]
    return numbers, messages, reader.count


def test_only_doubtful_lines_are_tried_and_few_of_them() -> None:
    assert read([0.9, 0.6, 0.9], [0.9, 0.9, 0.9]) == ([0, 1, 2], (), 0)
    assert read([0.9, 0.3, 0.9, 0.2, 0.9], [0.9, 0.1, 0.9, 0.1, 0.9]) == ([0, 1, 2, 3, 4], (), MAX_FAILED)
    assert read([0.9, 0.3, 0.9, 0.2, 0.9, 0.4], [0.9, 0.1, 0.9, 0.1, 0.9, 0.1]) == ([0, 1, 2, 3, 4, 5], (), 1)
    assert read_inverted(Reader(0.9), [replace(line_of(0.1, text="as"), region="0")])[1] == ()


def test_the_beginning_of_a_long_line_is_tried() -> None:
    tried: list[Line] = []
    words = tuple(Word("mopsod", 0.2, (30.0 * n, 0.0, 30.0 * n + 25, 30.0)) for n in range(8))
    outline = ((0.0, 0.0), (240.0, 8.0), (240.0, 38.0), (0.0, 30.0))
    line = replace(line_of(0.2), words=words, polygon=outline, baseline=((0.0, 20.0), (60.0, 22.0), (240.0, 28.0)))
    assert read_inverted(lambda lines: tried.extend(lines) or [], [line]) == ([line], ())
    (beginning,) = tried
    assert bounding_box(beginning.polygon) == pytest.approx((0, 0, 85, 30 + 85 / 30), abs=0.1)
    # mirrored at the middle of the outline, which slants like the baseline
    assert np.array(beginning.baseline) == pytest.approx(np.array([(85, 12.9 - 0.1), (60, 12), (0, 10)]), abs=0.2)


def test_each_doubtful_block_around_a_line_that_reads_better_is_turned() -> None:
    numbers, messages, _ = read([0.9, 0.3, 0.5, 0.2, 0.9, 0.3, 0.9], [0.1, 0.8, 0.9, 0.7, 0.1, 0.8, 0.1])
    assert numbers == [0, -3, -2, -1, 4, -5, 6]
    assert messages == ("read 4 lines upside down, which reads better",)
    numbers, messages, _ = read([0.9, 0.6, 0.1, 0.9], [0.1, 0.2, 0.8, 0.1])
    assert numbers == [0, 1, -2, 3] and messages == ("read 1 line upside down, which reads better",)


def test_lines_that_read_badly_either_way_stay_with_a_message() -> None:
    numbers, messages, _ = read([0.9, 0.1, 0.2, 0.9], [0.1, 0.4, 0.4, 0.1])
    assert numbers == [0, 1, 2, 3] and messages == ("2 lines may be upside down, but the reading is bad either way",)
    _, messages, _ = read([0.1, 0.1, 0.2], [0.3, 0.4, 0.4])
    assert messages == ()  # the page has a warning that its words are wrong
    assert read([0.9, 0.1, 0.1, 0.9], [0.1, 0.2, 0.3, 0.1])[:2] == ([0, 1, 2, 3], ())


@pytest.mark.parametrize(
    ("count", "confidence", "language", "doubted"),
    [
        (20, 0.9, "", False),
        (20, 0.75, "", True),
        (20, 0.6, "fr", False),
        (20, 0.4, "fr", True),
        (3, 0.75, "fr", True),
        (3, 0.9, "", False),
    ],
)
def test_only_doubtful_pages_may_be_upside_down(count: int, confidence: float, language: str, doubted: bool) -> None:
    lines = [replace(line_of(confidence), language=language)] * count
    assert may_be_upside_down(lines) is doubted
