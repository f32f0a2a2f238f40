"""Crops of pages, and the maps that belong to them."""

import cv2
import numpy as np
import pytest

from hwr.segment.maps import HEIGHT_UNIT
from hwr.train.layout import crops
from hwr.train.layout.crops import Placement, TrueLine, TruePage, draw_maps, random_crop


def line(x0: float, x1: float, y: float, height: float = 40, printed: bool = False) -> TrueLine:
    x = np.arange(x0, x1 + 1, 8.0)
    return TrueLine(np.stack([x, np.full_like(x, y)], axis=1), height, printed)


def test_places_on_the_crop_and_on_the_page_are_each_others_inverse() -> None:
    random = np.random.default_rng(1)
    angle = 0.2
    turn = 1.3 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placement = Placement(
        turn, np.array([200.0, -50.0]), random.uniform(-9, 9, (2, 2)), random.uniform(-0.01, 0.01, (2, 2)), np.ones(2)
    )
    places = random.uniform(0, 640, (50, 2))
    np.testing.assert_allclose(placement.on_crop(placement.on_page(places)), places, atol=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_the_maps_lie_where_the_picture_shows_the_lines(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is black but for its baselines, which are bright: so are the pixels of a crop in the band alone."""
    monkeypatch.setattr(crops, "_light", lambda grey, random: grey)
    monkeypatch.setattr(crops, "SCENERY", 0)
    lines = tuple(line(60, 900, y) for y in range(100, 1200, 60))
    grey = np.zeros((1300, 1000), np.uint8)
    for true in lines:
        cv2.polylines(grey, [true.baseline.round().astype(np.int32)], False, 255, 3)
    crop, maps = random_crop(TruePage("p", grey, lines), 320, np.random.default_rng(seed))
    band = cv2.resize(maps[4], (320, 320), interpolation=cv2.INTER_NEAREST) > 0
    bright = crop > 120
    assert bright.sum() > 100
    assert band[bright].mean() > 0.95


def test_maps_of_two_cells() -> None:
    maps = draw_maps([line(40, 100, 80, 40), line(112, 200, 80, 60, printed=True)], 256)
    baseline, ends, printed, height, band = maps
    assert maps.shape == (5, 128, 128)
    assert baseline[40, 25:48].all() and baseline[40, 60:95].all() and not baseline[30].any()
    assert all(ends[40, column] for column in (20, 50, 56, 100)) and not ends[40, 30:44].any()
    assert ends[38:43, 20].all() and not ends[:25].any()
    assert band[baseline > 0].all() and band.sum() > baseline.sum()
    assert not printed[40, 30] and printed[40, 80]
    assert height[40, 80] == pytest.approx(np.log(60 / HEIGHT_UNIT)) and height[40, 30] == pytest.approx(0)


def test_a_page_without_lines_gives_empty_maps() -> None:
    page = TruePage("empty", np.full((500, 400), 200, np.uint8), ())
    assert not random_crop(page, 128, np.random.default_rng(0))[1].any()


def test_scenery_has_no_lines_and_is_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "SCENERY", 1)
    page = TruePage("p", np.full((900, 900), 200, np.uint8), (line(100, 800, 400),))
    made = [random_crop(page, 96, np.random.default_rng(seed)) for seed in range(20)]
    assert not any(maps.any() for _, maps in made)
    assert len({crop.tobytes() for crop, _ in made}) == 20
    assert np.mean([crop.std() > 5 for crop, _ in made]) > 0.8
