"""The grid of squared paper is found and erased; other rules, and the writing, stay."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hwr.files.images import GreyImage
from hwr.segment import find_lines
from hwr.segment.grid import has_grid, without_grid

PAGE = Path(__file__).parents[2] / "data" / "samples" / "page.png"
SHAPE = (1400, 1000)


def paper(row: int | None, column: int | None, ink: float = 0.4, lean: float = 0.3) -> np.ndarray:
    """Return the share of light that rules at these distances leave."""
    light = np.ones(SHAPE, np.float32)
    for first in (5, 6):
        if row:
            light[first::row] = 1 - ink
        if column:
            light[:, first::column] = 1 - ink
    turn = cv2.getRotationMatrix2D((SHAPE[1] / 2, SHAPE[0] / 2), lean, 1.0)
    return np.asarray(cv2.warpAffine(light, turn, SHAPE[::-1], borderValue=1.0), np.float32)


def writing() -> GreyImage:
    """Return the sample page, on light paper, in the size of the grids."""
    grey = cv2.imread(str(PAGE), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    return np.asarray(cv2.resize(grey, SHAPE[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def printed(grey: GreyImage, light: np.ndarray) -> GreyImage:
    return np.asarray(np.round(grey * light), np.uint8)


@pytest.mark.parametrize("row, column", [(30, 30), (12, 48), (48, 12)])
@pytest.mark.parametrize("ink", [0.12, 0.6])
@pytest.mark.parametrize("lean", [0.0, 1.0])
def test_grids_are_found(row: int, column: int, ink: float, lean: float) -> None:
    assert has_grid(printed(writing(), paper(row, column, ink, lean)))
    assert has_grid(np.asarray(255 * paper(row, column, ink, lean), np.uint8))


@pytest.mark.parametrize("row, column", [(None, None), (30, None), (None, 30), (30, 300)])
def test_other_paper_has_no_grid(row: int | None, column: int | None) -> None:
    assert not has_grid(printed(writing(), paper(row, column)))


def test_small_and_large_pages_are_judged_alike() -> None:
    page = printed(writing(), paper(30, 30))
    assert has_grid(np.asarray(cv2.resize(page, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.uint8))
    assert not has_grid(page[:20, :20])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (700, 15)])
def test_thin_images_have_no_grid(shape: tuple[int, int]) -> None:
    page = np.full(shape, 200, np.uint8)
    assert not has_grid(page)
    assert np.array_equal(without_grid(page), page)


@pytest.mark.parametrize("ink", [0.15, 0.5])
def test_the_writing_stays_and_the_grid_goes(ink: float) -> None:
    plain, squared = writing(), printed(writing(), paper(30, 30, ink))
    erased = without_grid(squared)
    strokes = plain < 100
    assert strokes.sum() > 5000
    before, after = (np.mean(cv2.absdiff(page, plain)[~strokes] > 25) for page in (squared, erased))
    assert before > 0.05 and after < 0.15 * before
    assert np.mean(erased[strokes] < 140) > 0.95


def test_light_writing_on_a_dark_grid_is_inverted() -> None:
    page = np.asarray(255 - printed(writing(), paper(30, 30)), np.uint8)
    assert np.array_equal(without_grid(page), without_grid(np.asarray(255 - page, np.uint8)))


def test_the_lines_of_a_squared_page_are_those_of_a_plain_one() -> None:
    plain, squared = find_lines(writing(), 1), find_lines(printed(writing(), paper(30, 30)), 1)
    assert squared.mended and not plain.mended
    assert len(squared.lines) == len(plain.lines) > 3
    for found, true in zip(squared.lines, plain.lines, strict=True):
        assert np.abs(np.array(found.baseline[0]) - true.baseline[0]).max() < 15
