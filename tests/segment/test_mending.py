"""Pages in a hard shadow, in black and white, and on squared paper are read as if they were plain."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.baselines import match_baselines
from benchmarks.damaged_pages import dithered, ordered, shadowed, two_levels
from hwr.files.documents import to_grey
from hwr.files.images import GreyImage
from hwr.recognize.recognizer import Recognizer
from hwr.segment import Layout, find_lines
from hwr.segment.mending import mended, without_dither
from hwr.segment.shadow import without_shadow

PAGE = to_grey(Path(__file__).parents[2] / "data" / "samples" / "page.png")
WRITTEN = cv2.erode(PAGE, np.ones((7, 7), np.uint8)) < 150
"""Strokes and their surroundings."""


@pytest.fixture(scope="module")
def plain() -> Layout:
    return find_lines(PAGE)


def on_table(page: GreyImage) -> GreyImage:
    """Return a page in a wide border of dark grained wood."""
    height, width = page.shape
    table = np.random.default_rng(0).normal(90, 9, (height + 300, width + 300))
    table = cv2.GaussianBlur(table, (0, 0), 3) * 3 - 180
    table[150:-150, 150:-150] = page
    return np.asarray(np.clip(table, 0, 255), np.uint8)


@pytest.mark.parametrize("damage", [shadowed, dithered, ordered])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_lines_of_a_damaged_page_are_those_of_the_page(
    plain: Layout, damage: Callable[[GreyImage, int], GreyImage], seed: int
) -> None:
    layout = find_lines(damage(PAGE, seed))
    assert layout.mended and not plain.mended
    match = match_baselines([line.baseline for line in plain.lines], [line.baseline for line in layout.lines])
    assert match.recall > 0.9 and match.precision > 0.9


def test_lines_in_a_shadow_are_read_in_even_light(plain: Layout) -> None:
    recognizer = Recognizer("tiny", threads=1)
    text = recognizer.read(PAGE, lines=plain).text
    shadow = shadowed(PAGE, 2)
    found, given = recognizer.read(shadow), recognizer.read(shadow, lines=recognizer.read(PAGE, lines=plain))
    for page in (found, given):
        assert len(set(page.text.split()) & set(text.split())) > 0.8 * len(set(text.split()))


@pytest.mark.parametrize("seed", range(6))
def test_the_paper_in_a_shadow_gets_the_level_of_the_rest(seed: int) -> None:
    even = without_shadow(shadowed(PAGE, seed))
    paper = even[~WRITTEN].astype(float)
    assert shadowed(PAGE, seed)[~WRITTEN].std() > 20 > 10 > paper.std()
    assert np.mean(even[PAGE < 80] < 150) > 0.9


def test_a_shadow_on_a_page_that_lies_on_a_table() -> None:
    photograph = on_table(PAGE)
    assert without_shadow(photograph) is photograph
    even = without_shadow(shadowed(photograph, 1))
    inside = even[170:-170, 170:-170]
    assert inside[~WRITTEN[20:-20, 20:-20]].std() < 10
    assert np.median(even[:, :100]) < 120  # the table stays dark


@pytest.mark.parametrize("page", [PAGE, two_levels(PAGE, 0), np.full((900, 700), 200, np.uint8)])
def test_other_pages_stay_as_they_are(page: GreyImage) -> None:
    assert mended(page) is page


def test_a_blank_page_in_a_shadow_stays_as_it_is() -> None:
    blank = shadowed(np.full((900, 700), 220, np.uint8), 0)
    assert mended(blank) is blank


def test_dots_become_the_grey_that_they_stand_for() -> None:
    grey = without_dither(dithered(PAGE, 0))
    assert np.abs(grey.astype(float) - cv2.GaussianBlur(PAGE, (0, 0), 1.2)).mean() < 12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (40, 30)])
def test_small_images_are_survived(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert mended(noise).shape == shape
