"""Papers and degradations: each occurs as often as requested, the ink stays readable, a seed decides all."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from helpers.synth_sources import only
from hwr.errors import UsageError
from hwr.line import normalise_line
from hwr.synth.ink import InkLine
from hwr.synth.options import PaperOptions
from hwr.synth.papers import clean, put_on_paper

KINDS = PaperOptions.kinds()
NOTHING = only(PaperOptions())
TIGHT = replace(PaperOptions(), margin_rows=(0.0, 0.0), margin_columns=(0.0, 0.0), rotation_probability=0.0)
"""The image has the place of the ink, so that both can be laid over each other."""


def written(text: str) -> InkLine:
    """A line in the font that Pillow carries, 64 rows high."""
    font = ImageFont.load_default(48)
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    image = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, 255, font)
    ink = np.asarray(image)
    size = (round(ink.shape[1] * 64 / ink.shape[0]), 64)
    return InkLine(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), text, "font:test")


LINE = written("The quick brown fox jumps over lazy dogs")


def on_paper(seed: int, options: PaperOptions, line: InkLine = LINE) -> NDArray[np.uint8]:
    return put_on_paper(line, np.random.default_rng(seed), options)


def likeness(grey: NDArray[np.uint8], ink: NDArray[np.uint8]) -> float:
    """Correlation of the darkness of an image with the ink, the paper's slow changes taken out."""
    dark = 255.0 - cv2.resize(grey, ink.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    dark -= cv2.blur(dark, (61, 61))
    return float(np.corrcoef(dark.ravel(), ink.ravel())[0, 1])


def test_the_same_chance_gives_the_same_bytes() -> None:
    for seed in range(20):
        first, second = on_paper(seed, PaperOptions()), on_paper(seed, PaperOptions())
        assert first.dtype == np.uint8 and first.ndim == 2
        assert np.array_equal(first, second)
    assert len({on_paper(seed, PaperOptions()).tobytes() for seed in range(20)}) == 20


def test_the_ink_given_is_not_changed() -> None:
    before = LINE.ink.copy()
    for seed in range(30):
        on_paper(seed, PaperOptions())
    assert np.array_equal(LINE.ink, before)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_the_image_and_leaves_the_ink(kind: str) -> None:
    without = only(replace(TIGHT, margin_rows=(0.1, 0.1)))
    seen, likenesses = 0, []
    for seed in range(12):
        changed = on_paper(seed, without.with_probabilities({kind: 1.0}))
        seen += not np.array_equal(changed, on_paper(seed, without))
        if kind != "rotation":
            likenesses.append(likeness(on_paper(seed, only(TIGHT, kind)), LINE.ink))
    assert seen >= 10
    least = 0.45 if kind in ("squared", "tabular") else 0.55
    assert all(value > least for value in likenesses), min(likenesses)


def test_all_kinds_together_leave_the_ink() -> None:
    likenesses = [likeness(on_paper(seed, TIGHT), LINE.ink) for seed in range(150)]
    assert min(likenesses) > 0.35
    assert np.median(likenesses) > 0.75


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_kept(kind: str) -> None:
    short = InkLine(LINE.ink[:, :120], "The", "font:test")
    occurs = [
        not np.array_equal(
            on_paper(seed, NOTHING.with_probabilities({kind: 0.3}), short), on_paper(seed, NOTHING, short)
        )
        for seed in range(200)
    ]
    # Five deviations of a share of 0.3; some kinds change nothing that can be seen now and then.
    assert 0.3 - 0.17 < np.mean(occurs) < 0.3 + 0.17


def test_without_any_kind_it_is_even_paper_with_the_ink_on_it() -> None:
    for seed in range(10):
        grey = on_paper(seed, only(TIGHT))
        assert grey.shape == LINE.ink.shape
        assert len(np.unique(grey[LINE.ink == 0])) == 1, "paper without any kind has one level"
        assert likeness(grey, LINE.ink) > 0.98


def test_paper_is_brighter_than_ink() -> None:
    for seed in range(60):
        grey = cv2.resize(on_paper(seed, TIGHT), LINE.ink.shape[::-1], interpolation=cv2.INTER_AREA)
        assert grey[LINE.ink > 200].mean() < grey[LINE.ink == 0].mean() - 8


def test_the_image_is_little_larger_than_the_ink_and_never_tiny() -> None:
    rows, columns = LINE.ink.shape
    options = PaperOptions()
    for seed in range(150):
        height, width = on_paper(seed, options).shape
        assert 16 <= height <= rows * (1 + 2 * options.margin_rows[1]) + options.rotation_rise * 1.2 * rows + 2
        assert width <= columns * (1 + 2 * options.margin_columns[1])
        assert width > columns / 4


def test_two_colours_are_two() -> None:
    for seed in range(10):
        grey = on_paper(seed, PaperOptions().with_probabilities({"binarised": 1.0}))
        assert set(np.unique(grey)) == {0, 255}
        assert 0.5 < np.mean(grey == 255) < 0.99


def test_rules_have_equal_distances() -> None:
    blank = InkLine(LINE.ink // 255 * 0 + (np.arange(64)[:, None] == 40).astype(np.uint8), "-", "font:test")
    options = only(replace(TIGHT, margin_rows=(1.5, 1.5), rule_darkness=(0.3, 0.3)), "ruled")
    for seed in range(10):
        difference = on_paper(seed, options.with_probabilities({"ruled": 0.0}), blank).astype(int)
        difference = difference - on_paper(seed, options, blank)
        profile = difference[:, : difference.shape[1] // 20].mean(axis=1)
        dark = np.flatnonzero(profile > 0.5 * profile.max())
        groups = np.split(dark, np.flatnonzero(np.diff(dark) > 2) + 1)
        distances = np.diff([group.mean() for group in groups])
        assert len(distances) >= 1
        assert np.ptp(distances) <= 2.0


def test_a_table_has_columns_across_the_whole_line() -> None:
    options = only(replace(TIGHT, rule_darkness=(0.4, 0.4)), "tabular")
    for seed in range(10):
        difference = on_paper(seed, only(TIGHT)).astype(int) - on_paper(seed, options)
        columns = (difference[[2, 20, -3]] > 20).all(axis=0) | (np.roll(difference, 1, 1)[[2, 20, -3]] > 20).all(axis=0)
        assert 1 <= columns.sum() < 0.2 * len(columns)


def test_a_turned_line_rises_no_more_than_asked() -> None:
    options = only(replace(TIGHT, rotation_probability=1.0), "rotation")
    heights = {on_paper(seed, options).shape[0] - LINE.ink.shape[0] for seed in range(30)}
    assert max(heights) <= options.rotation_rise * 1.2 * LINE.ink.shape[0] + 1
    assert len(heights) > 5


def test_the_size_of_a_low_resolution_is_kept_to() -> None:
    options = only(replace(TIGHT, low_resolution_rows=(30.0, 30.0)), "low_resolution")
    heights = [on_paper(seed, options).shape[0] for seed in range(30)]
    assert min(heights) < 45, "half of them stay small"
    assert max(heights) == LINE.ink.shape[0], "half of them are made large again"


def test_normalising_gives_back_the_line() -> None:
    """What training and reading see of a paper is the line again: about as wide, bright strokes on an empty ground."""
    expected = normalise_line(clean(LINE), 48)
    for seed in range(40):
        options = replace(PaperOptions(), squared_probability=0.0, tabular_probability=0.0)
        found = normalise_line(on_paper(seed, options), 48)
        assert 0.4 * expected.shape[1] < found.shape[1] < 2.0 * expected.shape[1]
        assert np.median(found) < 60, f"seed {seed}: light and dark changed places"


def test_clean_lines_are_dark_on_white() -> None:
    grey = clean(LINE)
    rows, columns = LINE.ink.shape
    top, left = (grey.shape[0] - rows) // 2, (grey.shape[1] - columns) // 2
    assert np.array_equal(grey[top : top + rows, left : left + columns], 255 - LINE.ink)
    assert (grey[:top] == 255).all() and (grey[:, :left] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 1), (10, 700), (300, 40)])
@pytest.mark.parametrize("level", [0, 255])
def test_strange_shapes_and_empty_lines(shape: tuple[int, int], level: int) -> None:
    line = InkLine(np.full(shape, level, np.uint8), "x", "font:test")
    for seed in range(15):
        grey = put_on_paper(line, np.random.default_rng(seed), PaperOptions())
        assert grey.dtype == np.uint8 and grey.size > 0
    for kind in KINDS:
        assert put_on_paper(line, np.random.default_rng(1), only(PaperOptions(), kind)).size > 0


def test_a_line_wider_than_the_textures() -> None:
    wide = InkLine(np.tile(LINE.ink, (1, 6)), "x", "font:test")
    assert wide.ink.shape[1] > 4096
    assert on_paper(1, only(PaperOptions(), "noise", "yellowed"), wide).shape[1] >= wide.ink.shape[1]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown kind of paper 'snow'; known: faint"):
        only(PaperOptions(), "snow")
