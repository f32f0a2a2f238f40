"""Ink that cannot be letters is removed, and all other ink stays."""

import cv2
import numpy as np
import pytest

from hwr.segment.foreign import Mask, drop_foreign, find_rules

UNIT = 16.0


def cleaned(ink: Mask) -> Mask:
    """Remove rules and everything foreign, as on a page."""
    horizontal, vertical = find_rules(ink, UNIT)
    return drop_foreign(ink, horizontal | vertical, UNIT)


def sheet() -> Mask:
    """Return an empty sheet."""
    return np.zeros((300, 600), np.uint8)


def word(ink: Mask, x: int, y: int, text: str = "mnunoa") -> None:
    """Write small letters."""
    cv2.putText(ink, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 1, 2)


@pytest.mark.parametrize(("size", "gap"), [((2, 2), 12), ((4, 4), 14), ((8, 2), 20), ((1, 1), 7)])
@pytest.mark.parametrize("slope", [0.0, 0.02])
@pytest.mark.parametrize("upright", [False, True])
def test_dotted_and_dashed_rules_go_and_the_word_on_them_stays(
    size: tuple[int, int], gap: int, slope: float, upright: bool
) -> None:
    ink, written = sheet(), sheet()
    word(written, 200, 150)
    for x in range(20, 580, gap):
        if x < 180 or x > 320:
            cv2.ellipse(ink, (x, round(200 + slope * x)), size, 0, 0, 360, 1, -1)
    both = np.maximum(ink, written)
    if upright:
        both, written = (np.ascontiguousarray(np.rot90(mask)) for mask in (both, written))
    np.testing.assert_array_equal(cleaned(both), written)


def test_three_dots_and_typed_letters_are_not_rules() -> None:
    ink = sheet()
    for x in (300, 312, 324):
        cv2.circle(ink, (x, 100), 2, 1, -1)
    for x in range(20, 300, 20):
        word(ink, x, 200, "n")
    np.testing.assert_array_equal(cleaned(ink), ink)


def test_check_boxes_go_and_the_marks_in_them_and_round_letters_stay() -> None:
    boxes, written = sheet(), sheet()
    for x in (50, 150, 250):
        cv2.rectangle(boxes, (x, 100), (x + 30, 130), 1, 2)
    cv2.line(written, (156, 106), (174, 124), 1, 2)
    cv2.line(written, (240, 90), (290, 140), 1, 2)
    cv2.line(boxes, (240, 90), (290, 140), 0, 2)
    word(written, 300, 200, "DO0")
    crossed = cleaned(np.maximum(boxes, written))
    np.testing.assert_array_equal(crossed[:, :235], written[:, :235])
    np.testing.assert_array_equal(crossed[written > 0], 1)


@pytest.mark.parametrize("thickness", [1, 2, 4])
def test_check_boxes_go_with_the_ticks_and_crosses_that_touch_them(thickness: int) -> None:
    ink, written = sheet(), sheet()
    for x in (50, 150, 250):
        cv2.rectangle(ink, (x, 100), (x + 30, 130), 1, thickness)
    cv2.line(ink, (48, 98), (132 - 50, 132), 1, 3)
    cv2.line(ink, (52, 128), (128 - 50, 102), 1, 3)
    cv2.polylines(ink, [np.array([[152, 115], [165, 128], [188, 92]])], False, 1, 3)
    for x, letter in enumerate("BDQ08&"):
        word(written, 50 + 40 * x, 200, letter)
    np.testing.assert_array_equal(cleaned(np.maximum(ink, written)), written)


def test_the_rims_of_a_rule_go_with_it() -> None:
    ink = sheet()
    cv2.line(ink, (20, 150), (580, 150), 1, 2)
    for x in range(30, 570, 35):
        cv2.line(ink, (x, 148), (x + 5, 148), 1, 1)
    assert not cleaned(ink).any()
