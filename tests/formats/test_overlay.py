"""The drawing: what is on it, and that the page still is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import find_format, overlay, to_bytes
from hwr.formats.overlay import BASELINE_COLOUR, POLYGON_COLOUR, REGION_COLOUR, UNCERTAIN_COLOUR
from hwr.page.page import Page

GREY = np.full((RICH.height, RICH.width), 100, np.uint8)
PAPER = 100 + round(0.35 * 155)


def draw(page: Page, pixels: np.ndarray) -> np.ndarray:
    drawn = cv2.imdecode(np.frombuffer(to_bytes(find_format("overlay"), page, pixels), np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    return drawn


def test_lines_are_drawn_where_they_are() -> None:
    drawn = draw(RICH, GREY)
    assert drawn.shape == (*GREY.shape, 3)
    for (x, y), colour in (
        ((300, 100), BASELINE_COLOUR),
        ((310, 251), BASELINE_COLOUR),
        ((300, 50), POLYGON_COLOUR),
        ((640, 80), POLYGON_COLOUR),
        ((400, 300), REGION_COLOUR),
    ):
        assert drawn[y, x].tolist() == pytest.approx(colour, abs=12), "its edges are smooth"
    assert tuple(drawn[80, 200]) == UNCERTAIN_COLOUR and tuple(drawn[80, 181]) == (PAPER, PAPER, PAPER)
    assert tuple(drawn[560, 760]) == (PAPER, PAPER, PAPER)


def test_each_line_has_its_number_at_its_start() -> None:
    one = draw(replace(RICH, lines=RICH.lines[:1], regions=()), GREY)
    other = draw(replace(RICH, lines=(RICH.lines[2], RICH.lines[0]), regions=()), GREY)
    marks = one[80:102, 30:58], other[80:102, 30:58]
    for corner in marks:
        assert (corner == BASELINE_COLOUR).all(axis=2).any()
    assert (marks[0] != marks[1]).any(), "1 and 2 look different"


def test_grey_and_coloured_pages_of_any_size() -> None:
    colour = np.zeros((600, 800, 3), np.uint8)
    colour[:, :, 2] = 200
    assert draw(EMPTY, colour)[10, 10].tolist() == pytest.approx([89, 89, 219], abs=1)
    assert draw(EMPTY, np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)
    assert draw(ODD, np.zeros((50, 100), np.uint8)).shape == (50, 100, 3)


def test_a_large_page_is_drawn_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    full = draw(RICH, GREY)
    monkeypatch.setattr(overlay, "MAX_PIXELS", GREY.size // 4)
    half = draw(RICH, GREY)
    assert half.shape == (GREY.shape[0] // 2, GREY.shape[1] // 2, 3)
    whole = cv2.resize(full, half.shape[1::-1], interpolation=cv2.INTER_AREA)
    drawn, expected = ((image != PAPER).any(axis=2) for image in (half, whole))
    near = cv2.dilate(expected.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert near[drawn].mean() > 0.9, "at the same places"
