"""Normalising line images, against Pillow, analytic drawings and invariances."""

import statistics
import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import normalisation_twin
from hwr import line as normalisation
from hwr.files.images import GreyImage
from hwr.line import normalise_line, normalise_with_map, time_steps

HEIGHT = 48


def strokes(
    rows: int = 90, columns: int = 700, slant: float = 0.0, pen: float = 4.0, tops: tuple[float, ...] = (0.3, 0.45, 0.2)
) -> GreyImage:
    """Well separated straight strokes of two heights on white; going down a row moves them by -`slant` columns.

    Drawn from the distance to the stroke's axis, so that the slant is exact.
    """
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    depth = np.zeros((rows, columns))
    for index, start in enumerate(range(60, columns - 60, 45)):
        axis = start - slant * (y - rows / 2)
        away = np.abs(x - axis) / np.hypot(1, slant)
        inside = (y > rows * tops[index % len(tops)]) & (y < rows * 0.72)
        depth = np.maximum(depth, np.clip(pen / 2 + 0.5 - away, 0, 1) * inside)
    return (235 - 190 * depth).round().astype(np.uint8)


def writing(rows: int = 90, columns: int = 900, seed: int = 1) -> GreyImage:
    """Something like cursive writing: connected loops with ascenders and descenders."""
    rng = np.random.default_rng(seed)
    image = np.full((rows, columns), 230, np.uint8)
    for start in range(30, columns - 30, 22):
        middle, reach = rows * 0.55, rows * 0.13
        rise = rng.choice([0, 0, 0, rows * 0.22, -rows * 0.2])
        points = [
            (start, middle + reach),
            (start + 6, middle - reach - max(rise, 0)),
            (start + 12, middle + reach - min(rise, 0)),
            (start + 22, middle + reach),
        ]
        cv2.polylines(image, [np.round(np.array(points)).astype(np.int32)], False, 40, 3, cv2.LINE_AA)
    return image


def difference(first: GreyImage, second: GreyImage) -> float:
    """Mean absolute difference as a share of the mean ink, the second stretched to the first's width.

    The widths may differ by a hundredth.
    """
    assert abs(first.shape[1] - second.shape[1]) <= max(2, 0.01 * first.shape[1]), (first.shape, second.shape)
    second = cv2.resize(second, first.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.abs(first.astype(float) - second).mean() / first.mean())


def components(ink: GreyImage) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The (y, x) of the pixels of each separate stroke."""
    count, labels = cv2.connectedComponents((ink > 100).astype(np.uint8))
    found = [np.nonzero(labels == label) for label in range(1, count)]
    return [(y.astype(float), x.astype(float)) for y, x in found if len(y) > 20]


def centres(ink: GreyImage) -> NDArray[np.float64]:
    """Return the centre of gravity (x, y) of the ink of each component."""
    found = []
    for y, x in components(ink):
        weights = ink[y.astype(int), x.astype(int)].astype(float)
        found.append((np.average(x, weights=weights) + 0.5, np.average(y, weights=weights) + 0.5))
    return np.array(found)


def letter_height(grey: GreyImage) -> float:
    """Median height of the separate strokes of a normalised line, in rows."""
    return statistics.median(float(np.ptp(y)) + 1 for y, _ in components(normalise_line(grey, HEIGHT)))


def box_height(grey: GreyImage) -> int:
    """From the first to the last row with ink."""
    rows = np.flatnonzero((grey < 120).any(axis=1))
    return int(rows[-1] - rows[0] + 1)


def slants(ink: GreyImage) -> list[float]:
    """Columns a row of each separate stroke, by least squares."""
    return [float(np.polyfit(y, x, 1)[0]) for y, x in components(ink)]


class TestNormalisation:
    def test_what_comes_back(self) -> None:
        ink = normalise_line(writing(), HEIGHT)
        assert ink.dtype == np.uint8 and ink.flags.c_contiguous and ink.shape[0] == HEIGHT
        assert 0.02 < (ink > 128).mean() < 0.4  # ink is bright, and the smaller part
        assert ink[:, 0].max() <= 40 and ink[:, -1].max() <= 40  # a margin of paper

    def test_the_input_is_left_alone(self) -> None:
        grey = writing()
        copy = grey.copy()
        normalise_line(grey, HEIGHT)
        np.testing.assert_array_equal(grey, copy)

    def test_views_and_read_only_arrays(self) -> None:
        grey = writing()
        expected = normalise_line(grey, HEIGHT)
        wide = np.zeros((grey.shape[0] * 2, grey.shape[1] + 7), np.uint8)
        wide[::2, 3:-4] = grey
        view = wide[::2, 3:-4]
        view.flags.writeable = False
        np.testing.assert_array_equal(normalise_line(view, HEIGHT), expected)
        np.testing.assert_array_equal(normalise_line(np.asfortranarray(grey), HEIGHT), expected)

    def test_polarity(self) -> None:
        grey = writing()
        assert difference(normalise_line(grey, HEIGHT), normalise_line(255 - grey, HEIGHT)) < 0.02

    @pytest.mark.parametrize("factor", [0.6, 1.5, 2.0, 3.0])
    def test_resolution(self, factor: float) -> None:
        grey = writing()
        size = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
        scaled = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
        assert difference(normalise_line(grey, HEIGHT), normalise_line(scaled, HEIGHT)) < 0.25

    @pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.5, 120), (0.8, 30), (0.25, 100)])
    def test_brightness_and_contrast(self, gain: float, offset: float) -> None:
        grey = writing()
        other = (grey * gain + offset).astype(np.uint8)
        assert difference(normalise_line(grey, HEIGHT), normalise_line(other, HEIGHT)) < 0.06

    def test_uneven_light(self) -> None:
        grey = writing()
        light = np.linspace(0.55, 1.0, grey.shape[1])[None, :] * np.linspace(1.0, 0.85, grey.shape[0])[:, None]
        lit = (grey * light).astype(np.uint8)
        assert difference(normalise_line(grey, HEIGHT), normalise_line(lit, HEIGHT)) < 0.2
        assert (normalise_line(lit, HEIGHT)[:2] == 0).mean() > 0.9  # the paper stays empty

    @pytest.mark.parametrize("slant", [-0.7, -0.4, -0.15, 0.0, 0.2, 0.5, 0.8])
    def test_slant_is_undone(self, slant: float) -> None:
        grey = strokes(slant=slant)
        before = slants(255 - grey)
        assert statistics.median(before) == pytest.approx(-slant, abs=0.03)
        after = slants(normalise_line(grey, HEIGHT))
        assert len(after) >= 10
        assert abs(statistics.median(after)) < 0.06

    def test_aspect_is_kept(self) -> None:
        rings = np.full((90, 800), 230, np.uint8)
        for start in range(60, 760, 60):
            cv2.circle(rings, (start, 45), 18, 30, 4, cv2.LINE_AA)
        spans = [(np.ptp(y) + 1, np.ptp(x) + 1) for y, x in components(normalise_line(rings, HEIGHT))]
        assert len(spans) == 12
        for down, across in spans:
            assert across == pytest.approx(down, abs=1.5)

    def test_aspect_is_kept_when_shrunk_much(self) -> None:
        rings = np.full((600, 4000), 230, np.uint8)
        for start in range(400, 3800, 400):
            cv2.circle(rings, (start, 300), 120, 30, 26, cv2.LINE_AA)
        for y, x in components(normalise_line(rings, HEIGHT)):
            assert np.ptp(x) == pytest.approx(np.ptp(y), abs=1.5)

    @pytest.mark.parametrize("columns", [900, 2000])
    def test_a_long_tail_makes_the_letters_less_small_than_a_box_would(self, columns: int) -> None:
        grey = np.full((130, columns), 230, np.uint8)
        grey[15:85] = strokes(70, columns, tops=(0.2, 0.2, 0.2))
        tailed = grey.copy()
        cv2.line(tailed, (450, 60), (450, 105), 40, 3)
        box = box_height(grey) / box_height(tailed)
        assert box < 0.5
        assert 1.2 * box < letter_height(tailed) / letter_height(grey) < 1

    def test_a_tail_in_a_line_that_fills_its_image_matters_little(self) -> None:
        grey = np.full((70, 2000), 230, np.uint8)
        grey[5:65] = strokes(60, 2000, tops=(0.3, 0.45, 0.1))
        tailed = grey.copy()
        cv2.line(tailed, (500, 40), (500, 67), 40, 3)
        assert box_height(grey) / box_height(tailed) < 0.75
        assert letter_height(tailed) / letter_height(grey) > 0.83

    def test_wide_margin_does_not_make_the_letters_small(self) -> None:
        grey = writing(90)
        framed = np.full((400, 1300), 230, np.uint8)
        framed[150:240, 200:1100] = grey
        more = np.full((800, 1700), 230, np.uint8)
        more[350:440, 400:1300] = grey
        tight, wide, wider = (normalise_line(image, HEIGHT).shape[1] for image in (grey, framed, more))
        assert wide >= 0.65 * tight  # a little, as an image that was not cut along the line says less
        assert wider == pytest.approx(wide, rel=0.08)  # and then no more: though margins are twice as wide again

    @pytest.mark.parametrize("value", [0, 7, 128, 255])
    @pytest.mark.parametrize("shape", [(60, 300), (1, 1), (1, 500), (500, 1), (3, 2)])
    def test_blank_is_one_empty_column(self, shape: tuple[int, int], value: int) -> None:
        ink = normalise_line(np.full(shape, value, np.uint8), HEIGHT)
        assert ink.shape == (HEIGHT, 1) and ink.max() == 0

    def test_faint_grain_is_blank(self) -> None:
        grain = np.random.default_rng(0).integers(226, 232, (60, 400)).astype(np.uint8)
        assert normalise_line(grain, HEIGHT).max() == 0

    @pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 700), (700, 1), (5, 5), (2, 3000), (3000, 2), (64, 7)])
    @pytest.mark.parametrize("height", [8, 48, 64])
    def test_odd_shapes_with_ink(self, shape: tuple[int, int], height: int) -> None:
        rng = np.random.default_rng(shape[0] * 31 + shape[1])
        grey = np.where(rng.random(shape) < 0.2, 20, 230).astype(np.uint8)
        ink = normalise_line(grey, height)
        assert ink.dtype == np.uint8 and ink.shape[0] == height and ink.shape[1] >= 1 and ink.flags.c_contiguous

    def test_dash_does_not_fill_the_line(self) -> None:
        dash = np.full((60, 200), 230, np.uint8)
        dash[29:33, 80:120] = 30
        rows = np.flatnonzero(normalise_line(dash, HEIGHT).max(axis=1) > 128)
        assert 0 < len(rows) <= 0.6 * HEIGHT

    def test_giant_image(self) -> None:
        grey = np.full((20, 30_000), 230, np.uint8)
        grey[6:15, 10::12] = 30
        ink = normalise_line(grey, HEIGHT)
        assert ink.shape[0] == HEIGHT and 30_000 < ink.shape[1] < 120_000

    def test_tall_giant_image(self) -> None:
        grey = np.full((30_000, 20), 230, np.uint8)
        grey[10::12, 6:15] = 30
        ink = normalise_line(grey, HEIGHT)
        assert ink.shape[0] == HEIGHT and ink.shape[1] <= HEIGHT

    @pytest.mark.slow
    def test_speed(self) -> None:
        grey = cv2.resize(writing(130, 1700), (1700, 130))
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            times = []
            for _ in range(41):
                start = time.perf_counter()
                normalise_line(grey, HEIGHT)
                times.append(time.perf_counter() - start)
        finally:
            cv2.setNumThreads(before)
        assert statistics.median(times) < 0.009  # benchmarks/normalisation.py measures: 3 ms is the aim


class TestShortcuts:
    """Against the obvious way, which sorts all levels and tries all shears."""

    @pytest.mark.parametrize("height", [48, 64])
    def test_the_same_pixels(self, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
        random = np.random.default_rng(7)
        lines = [writing(rows, 400, seed) for seed in range(6) for rows in (31, 57, 90)]
        lines += [strokes(77, 500, slant) for slant in (-1.2, -0.6, 0.0, 0.3, 0.9)]
        lines += [random.integers(0, 256, shape).astype(np.uint8) for shape in ((1, 1), (40, 3), (45, 200))]
        lines += [
            255 - writing(57, 400),
            *((230 - share * (230.0 - writing())).astype(np.uint8) for share in (0.03, 0.08)),
        ]
        fast = [normalise_line(line, height) for line in lines]
        monkeypatch.setattr(normalisation, "quantiles", normalisation_twin.quantiles)
        monkeypatch.setattr(normalisation, "_even_out", normalisation_twin.even_out)
        monkeypatch.setattr(normalisation, "_slant", normalisation_twin.slant)
        for line, found in zip(lines, fast, strict=True):
            np.testing.assert_array_equal(found, normalise_line(line, height))

    @pytest.mark.parametrize("size", [1, 2, 3, 8])
    @pytest.mark.parametrize("shape", [(1, 1), (2, 9), (65, 131)])
    @pytest.mark.parametrize("kind", [np.uint8, np.float32])
    def test_means_of_blocks(self, size: int, shape: tuple[int, int], kind: type) -> None:
        image = np.random.default_rng(3).integers(0, 256, shape).astype(kind)
        filled = np.pad(image, [(0, -side % size) for side in shape], mode="edge")
        blocks = filled.reshape(len(filled) // size, size, -1, size).mean(axis=(1, 3), dtype=np.float64)
        found = normalisation.average_blocks(image, size)
        np.testing.assert_allclose(found, blocks, rtol=1e-5, atol=0.5 if kind is np.uint8 else 0)

    @pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 5), (40, 41)])
    def test_quantiles(self, size: tuple[int, int]) -> None:
        for seed in range(20):
            grey = np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)
            shares = (0.0, 0.01, 0.5, 0.99, 1.0)
            assert normalisation.quantiles(grey, *shares) == pytest.approx(normalisation_twin.quantiles(grey, *shares))


class TestPlaces:
    """Points of the normalised line on the image: dots are drawn at known places and found again."""

    @pytest.mark.parametrize("inverted", [False, True])
    @pytest.mark.parametrize("height", [48, 64])
    @pytest.mark.parametrize("slant", [0.0, -0.5, 0.4])
    @pytest.mark.parametrize(("rows", "columns", "pen"), [(40, 500, 3.0), (90, 700, 4.0), (300, 2300, 14.0)])
    def test_strokes_are_found_where_they_were_drawn(
        self, rows: int, columns: int, pen: float, slant: float, height: int, inverted: bool
    ) -> None:
        grey = strokes(rows, columns, slant, pen)
        line = normalise_with_map(255 - grey if inverted else grey, height)
        middles, expected = centres(line.ink), centres(235 - grey)
        assert len(middles) == len(expected) >= 5
        order, other = middles[:, 0].argsort(), expected[:, 0].argsort()
        away = line.image_points(middles[order]) - expected[other]
        pixel = max(1.0, rows / height)
        assert np.abs(away).max() < 0.8 * pixel and np.abs(away.mean(axis=0)).max() < 0.3 * pixel

    def test_a_wide_margin_is_counted(self) -> None:
        grey = np.full((90, 1500), 230, np.uint8)
        grey[30:60, 1203:1207] = 30
        grey[30:60, 1240:1244] = 30
        line = normalise_with_map(grey, HEIGHT)
        inked = np.flatnonzero(line.ink.max(axis=0) > 100)
        ends = line.image_points(np.array([(inked[0], 0.0), (inked[-1] + 1, 0.0)]))
        assert ends[:, 0].tolist() == pytest.approx([1203, 1244], abs=2)

    def test_ink_is_that_of_normalise_line_and_a_blank_line_has_places_too(self) -> None:
        for grey in (writing(), strokes(300, 2000, 0.3), np.full((20, 90), 200, np.uint8)):
            line = normalise_with_map(grey, HEIGHT)
            np.testing.assert_array_equal(line.ink, normalise_line(grey, HEIGHT))
            assert np.isfinite(line.image_points(np.zeros((1, 2)))).all()


class TestTimeSteps:
    def test_against_counting(self) -> None:
        for stride in (1, 2, 4, 8):
            for width in range(1, 40):
                assert time_steps(width, stride) == len(range(0, width, stride))
