"""Words and characters in the ink, on lines of bars whose places are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.decode.reading import CharacterSpan
from hwr.line import NormalisedLine, normalise_with_map
from hwr.page.geometry import bounding_box
from hwr.page.page import Box
from hwr.recognize.words import PlacedWord, find_rules, find_words

STRIDE = 4
HEIGHT = 48
Bars = Sequence[tuple[int, int]]


def plain(bars: Bars, width: int, top: int = 10, bottom: int = 38) -> NormalisedLine:
    """A normalised line with a bar of ink from each first to each second column; it is its own image."""
    ink = np.zeros((HEIGHT, width), np.uint8)
    for start, stop in bars:
        ink[top:bottom, start:stop] = 200
    return NormalisedLine(ink, np.eye(2, 3))


def spans(text: str, steps: Sequence[int], confidence: float = 0.9) -> list[CharacterSpan]:
    """Each character on the one time step that is given for it."""
    return [CharacterSpan(character, confidence, step, step + 1) for character, step in zip(text, steps, strict=True)]


def edges(words: Sequence[PlacedWord]) -> list[tuple[float, float]]:
    boxes = [bounding_box(word.outline) for word in words]
    return [(box[0], box[2]) for box in boxes]


def test_words_end_where_their_ink_ends() -> None:
    line = plain([(5, 15), (18, 30), (52, 66), (69, 91)], 100)
    # the marks of "b" and "c" are far from the middle of their ink
    words = find_words(spans("ab cd", [2, 7, 9, 13, 21]), line, STRIDE)
    assert [word.text for word in words] == ["ab", "cd"]
    assert edges(words) == [(5, 30), (52, 91)]
    assert bounding_box(words[0].outline) == (5, 10, 30, 38)


def test_the_widest_gap_parts_words() -> None:
    # from mark to mark: a narrow gap inside the first word, then the wide one, then one inside the second
    line = plain([(4, 24), (27, 40), (50, 60), (64, 90)], 96)
    words = find_words(spans("a b", [3, 9, 20]), line, STRIDE)
    assert edges(words) == [(4, 40), (50, 90)]


def test_a_tail_under_the_next_word_bridges_no_gap() -> None:
    line = plain([(4, 30), (48, 80)], 90)
    line.ink[42:46, 20:60] = 200  # below the small letters
    words = find_words(spans("a b", [3, 9, 16]), line, STRIDE)
    (_, left), (right, _) = edges(words)
    assert 30 <= left == right <= 48


def test_without_a_gap_the_lightest_column_parts() -> None:
    line = plain([(4, 80)], 90)
    line.ink[14:, 43] = 0  # a thin place, not quite the middle
    words = find_words(spans("a b", [3, 10, 17]), line, STRIDE)
    assert edges(words) == [(4, 43), (43, 80)]
    characters = find_words(spans("ab", [3, 17]), line, STRIDE, with_characters=True)[0].characters
    assert [bounding_box(character.outline)[::2] for character in characters] == [(4, 43), (43, 80)]


def test_solid_ink_is_separated_in_the_middle() -> None:
    words = find_words(spans("a b", [3, 10, 17]), plain([(4, 80)], 90), STRIDE)
    assert edges(words) == [(4, 42), (42, 80)]


def test_characters_follow_each_other_and_fill_their_word() -> None:
    line = plain([(4, 12), (15, 31), (34, 47), (60, 81)], 90)
    (first, second) = find_words(spans("abc d", [1, 5, 10, 13, 17]), line, STRIDE, with_characters=True)
    assert [bounding_box(character.outline)[::2] for character in first.characters] == [(4, 12), (15, 31), (34, 47)]
    assert [character.text for character in first.characters] == list("abc")
    assert bounding_box(second.characters[0].outline) == bounding_box(second.outline)


@pytest.mark.parametrize("slant", [-0.4, 0.0, 0.6])
@pytest.mark.parametrize("scale", [1, 4])
def test_boxes_are_those_of_the_ink_on_the_image(slant: float, scale: int) -> None:
    grey, boxes = slanting_words(slant, scale)
    line = normalise_with_map(grey, HEIGHT)
    back = np.linalg.inv(line.to_image[:, :2])
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes]
    steps = [int((back @ (np.array(middle) - line.to_image[:, 2]))[0] / STRIDE) for middle in middles]
    a, b = steps
    words = find_words(spans("x y", [a, (a + b) // 2, b]), line, STRIDE)
    for word, expected in zip(words, boxes, strict=True):
        assert bounding_box(word.outline) == pytest.approx(expected, abs=2.5 * scale)


def slanting_words(slant: float, scale: int) -> tuple[NDArray[np.uint8], list[Box]]:
    """Two words of slanting strokes on paper with wide margins, and the boxes of their ink."""
    rows, columns = 70 * scale, 700 * scale
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    ink = np.zeros((rows, columns), bool)
    boxes = []
    for first in (150, 380):
        word = np.zeros_like(ink)
        for number, start in enumerate(range(first, first + 120, 12)):
            axis = start * scale - slant * (y - rows / 2)
            top = (0.2 if number % 3 == 0 else 0.4) * rows
            word |= (np.abs(x - axis) < 2 * scale) & (y > top) & (y < 0.75 * rows)
        inked_rows, inked_columns = np.nonzero(word)
        boxes.append(
            tuple(map(float, (inked_columns.min(), inked_rows.min(), inked_columns.max() + 1, inked_rows.max() + 1)))
        )
        ink |= word
    return np.where(ink, 40, 225).astype(np.uint8), boxes  # type: ignore[return-value]


def test_a_character_without_ink_still_has_a_place() -> None:
    line = plain([(4, 20)], 90)
    words = find_words(spans("a b", [2, 8, 21]), line, STRIDE)
    assert edges(words)[0] == (4, 20)
    x0, y0, x1, y1 = bounding_box(words[1].outline)
    assert 20 <= x0 < x1 <= 90 and (y0, y1) == (0, HEIGHT)
    one_column = NormalisedLine(np.zeros((HEIGHT, 1), np.uint8), np.eye(2, 3))
    for word in find_words(spans("ab c", [0, 0, 0, 0]), one_column, STRIDE, with_characters=True):
        for outline in (word.outline, *(character.outline for character in word.characters)):
            x0, y0, x1, y1 = bounding_box(outline)
            assert x0 < x1 and y0 < y1


def test_random_spans_and_ink_give_words_in_order_inside_the_line() -> None:
    random = np.random.default_rng(7)
    for _ in range(200):
        width = int(random.integers(1, 200))
        ink = (random.random((HEIGHT, width)) < random.choice([0.001, 0.02, 0.5])).astype(np.uint8) * 255
        steps = -(-width // STRIDE)
        count = int(random.integers(1, steps + 1))
        starts = np.sort(random.choice(steps, count, replace=False)).tolist()
        text = "".join(random.choice(list("ab "), count))
        words = find_words(spans(text, starts), NormalisedLine(ink, np.eye(2, 3)), STRIDE, with_characters=True)
        assert [word.text for word in words] == text.split()
        found = edges(words)
        assert all(0 <= left < right <= width + 1 for left, right in found)
        assert found == sorted(found)
        for word in words:
            assert "".join(character.text for character in word.characters) == word.text


def test_characters_keep_their_confidence() -> None:
    characters = [CharacterSpan("a", 0.25, 0, 1), CharacterSpan("b", 1.0, 1, 2), CharacterSpan(" ", 0.01, 2, 3)]
    (word,) = find_words(characters, plain([(1, 11)], 12), STRIDE, with_characters=True)
    assert [character.confidence for character in word.characters] == [0.25, 1.0]


def test_nothing_read() -> None:
    assert find_words([], plain([], 10), STRIDE) == []
    assert find_words([CharacterSpan(" ", 0.9, 0, 1)], plain([], 4), STRIDE) == []


@pytest.mark.parametrize("lean", [0, 2])
def test_a_printed_rule_bridges_no_gap_and_widens_no_word(lean: int) -> None:
    line = plain([(20, 32), (36, 60), (100, 130)], 200)
    bare = edges(find_words(spans("ab c", [6, 12, 18, 29]), line, STRIDE))
    for column in range(200):
        row = 36 + round(lean * column / 200)
        line.ink[row : row + 2, column] = np.maximum(line.ink[row : row + 2, column], 110)
    assert edges(find_words(spans("ab c", [6, 12, 18, 29]), line, STRIDE)) == bare == [(20, 60), (100, 130)]


def test_a_rule_that_moves_by_a_row_near_its_end_widens_no_word() -> None:
    line = plain([(20, 60), (100, 130)], 180)
    line.ink[38:40, :140] = np.maximum(line.ink[38:40, :140], 110)
    line.ink[40:42, 140:] = 110
    assert edges(find_words(spans("a c", [10, 19, 29]), line, STRIDE)) == [(20, 60), (100, 130)]


def test_a_dotted_rule_is_a_rule() -> None:
    line = plain([(20, 60), (100, 130)], 200)
    line.ink[40, ::3] = 150
    line.ink[40, 1::3] = 150
    assert edges(find_words(spans("a c", [10, 19, 29]), line, STRIDE)) == [(20, 60), (100, 130)]


def test_the_sides_of_a_cell_belong_to_no_word() -> None:
    line = plain([(20, 60), (100, 130)], 150)
    line.ink[:, 2:5] = line.ink[:, 146:149] = 255
    assert edges(find_words(spans("a c", [10, 19, 29]), line, STRIDE)) == [(20, 60), (100, 130)]


def test_a_long_dash_is_a_word() -> None:
    line = plain([(20, 60), (270, 330)], 350)
    line.ink[24:27, 90:230] = 255
    words = find_words(spans("a — b", [10, 19, 40, 60, 75]), line, STRIDE)
    assert edges(words) == [(20, 60), (90, 230), (270, 330)]


def test_joined_letters_and_crossbars_are_ink() -> None:
    """A wave of thin joined strokes along the baseline and a crossbar over it, as in "mille"."""
    ink = np.zeros((HEIGHT, 180), np.uint8)
    columns = np.arange(10, 170)
    rows = (30 - 8 * np.abs(np.sin(columns / 5))).round().astype(int)
    for drop in range(2):
        ink[rows + drop, columns] = 220
    ink[12:14, 60:120] = 220
    assert not find_rules(ink).any()
