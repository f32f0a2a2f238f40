"""Lines of ink from fonts."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import features

from hwr.errors import DataError, InputError
from hwr.synth.fonts import UncoveredText
from hwr.synth.pens import REACH, draw_pen, ink_with
from hwr.synth.typeset import MARGIN, FontRenderer
from hwr.synth.warp import Hand, bend, draw_hand

Remap = Callable[[str, Mapping[str, str | None]], Path]
STILL = Hand(1.0, 0.0, 0.0, 0.0, 20)  # the width as it is, no movement at all


def test_the_same_seed_gives_the_same_bytes(font_folder: Path) -> None:
    texts = ["The quick brown fox", "12/05/2024", "NOTICE!", "Yours truly, J. B."]
    used = FontRenderer([font_folder])
    for seed, text in enumerate(texts * 3):
        first = used.line(text, np.random.default_rng(seed))
        again = FontRenderer([font_folder]).line(text, np.random.default_rng(seed))
        assert first.ink.tobytes() == again.ink.tobytes()
        assert first.ink.shape == again.ink.shape
    assert len({used.line(texts[0], np.random.default_rng(seed)).ink.tobytes() for seed in range(10)}) == 10


def test_ink_never_touches_the_border(font_folder: Path) -> None:
    renderer, generator = FontRenderer([font_folder]), np.random.default_rng(1)
    for text in ("Qgjpy |[({WMf", "-", ".", "'", "a", "The sum of 12 + 30 = 42", "gg jj yy pp qq", "f" * 60) * 8:
        line = renderer.line(text, generator)
        frame = np.ones_like(line.ink, dtype=bool)
        frame[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
        assert line.ink[~frame].max() > 90
        assert not line.ink[frame].any()
        assert line.text == text
        assert line.source == "font:aileron"


def test_lines_of_all_fonts_are_whole_and_of_one_size(shared: Path) -> None:
    renderer = FontRenderer([shared / "fonts"])
    assert not any(font.name == "joscelyn" for font in renderer.fonts)
    generator, heights = np.random.default_rng(2), []
    for _ in range(120):
        line = renderer.line("Mr. Quigley's façade, d'une hâte", generator)
        heights.append(line.ink.shape[0])
        assert not line.ink[:MARGIN].any() and not line.ink[-MARGIN:].any()
        assert not line.ink[:, :MARGIN].any() and not line.ink[:, -MARGIN:].any()
        assert line.ink.dtype == np.uint8
        covered = float(np.mean(line.ink > 60))
        assert 0.02 < covered < 0.4, line.source  # strokes, neither nothing nor a blot
    assert 55 < np.median(heights) < 95


def test_a_text_goes_to_a_font_that_has_its_characters(remapped: Remap) -> None:
    without = remapped("without-q", {"q": None})
    whole = remapped("whole", {})
    renderer, generator = FontRenderer([without, whole]), np.random.default_rng(3)
    assert {renderer.line("quite", generator).source for _ in range(20)} == {"font:whole"}
    assert {renderer.line("other", generator).source for _ in range(40)} == {"font:whole", "font:without-q"}


def test_a_text_that_no_font_covers_is_an_error_that_names_the_characters(remapped: Remap) -> None:
    renderer, generator = (
        FontRenderer([remapped("a", {"q": None}), remapped("b", {"z": None})]),
        np.random.default_rng(4),
    )
    with pytest.raises(UncoveredText, match="no font has '漢'"):
        renderer.line("漢 word", generator)
    with pytest.raises(UncoveredText, match="no one font has all"):
        renderer.line("quiz", generator)
    with pytest.raises(UncoveredText, match="empty"):
        renderer.line("  ", generator)


def test_a_text_of_a_thousand_characters_is_refused(font_folder: Path) -> None:
    with pytest.raises(DataError, match="too long"):
        FontRenderer([font_folder]).line("word " * 200, np.random.default_rng(0))
    assert FontRenderer([font_folder]).line("m" * 249, np.random.default_rng(0)).ink.shape[1] > 2000


def test_broken_fonts_are_reported_and_the_rest_is_used(font_folder: Path) -> None:
    (font_folder / "broken.ttf").write_bytes(b"\x00\x01\x00\x00 nothing")
    said: list[str] = []
    renderer = FontRenderer([font_folder], said.append)
    assert len(said) == 1
    assert "broken.ttf" in said[0]
    assert renderer.line("it goes on", np.random.default_rng(5)).ink.any()


def test_styles_have_weights(font_folder: Path, aileron: bytes) -> None:
    (font_folder / "old.ttf").write_bytes(aileron)
    (font_folder / "coverage.tsv").write_text("font\tstyle\nold\thistoric\naileron\tprint\n")
    generator = np.random.default_rng(6)
    assert {FontRenderer([font_folder]).line("a", generator).source for _ in range(20)} == {"font:aileron"}
    (font_folder / "aileron.ttf").unlink()
    with pytest.raises(InputError, match="styles that are not written"):
        FontRenderer([font_folder])


def test_a_still_hand_moves_nothing() -> None:
    ink = np.zeros((40, 90), np.uint8)
    cv2.circle(ink, (45, 20), 19, 255, 2)
    ink = ink[np.flatnonzero(ink.any(axis=1))[0] :, 25:66]
    ink = ink[: np.flatnonzero(ink.any(axis=1))[-1] + 1]
    bent = bend(ink, 30.0, [(0, ink.shape[1])], STILL, 5, np.random.default_rng(0))
    box = cv2.boundingRect(bent)
    assert abs(box[2] - ink.shape[1]) <= 1
    assert abs(box[3] - ink.shape[0]) <= 1
    assert abs(float(bent.sum()) / float(ink.sum()) - 1) < 0.02


def test_bending_loses_no_ink() -> None:
    # Marks in the corners are the first that a result which is too small would cut.
    generator = np.random.default_rng(7)
    ink = np.zeros((70, 600), np.uint8)
    for y, x in ((0, 0), (0, 592), (62, 0), (62, 592)):
        ink[y : y + 8, x : x + 8] = 255
    for _ in range(60):
        hand = draw_hand(generator)
        bent = bend(ink, 50.0, [(0, 200), (230, 600)], hand, 6, generator)
        parts, _, areas, _ = cv2.connectedComponentsWithStats((bent > 100).astype(np.uint8))
        assert parts - 1 == 4
        assert areas[1:, cv2.CC_STAT_AREA].min() > 20
        assert not bent[:6].any() and not bent[-6:].any() and not bent[:, :6].any() and not bent[:, -6:].any()


def test_pens_leave_every_stroke_and_stay_in_reach() -> None:
    generator = np.random.default_rng(8)
    ink = np.zeros((70, 400), np.uint8)
    for x in range(20, 380, 20):
        cv2.line(ink, (x, 12), (x + 6, 56), 255, 2, cv2.LINE_AA)
    for _ in range(120):
        pen = draw_pen(generator)
        drawn = ink_with(pen, ink, 2.0, 24.0, generator)
        parts = cv2.connectedComponents((drawn > 25).astype(np.uint8))[0] - 1
        assert parts == 18, pen
        assert not drawn[cv2.dilate(ink, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)) == 0].any(), pen


def test_a_broader_pen_draws_broader_strokes() -> None:
    ink = np.zeros((60, 600), np.uint8)
    ink[10:50, 50:550:40] = ink[10:50, 51:550:40] = 255

    def width(target: float) -> float:
        pen = type(draw_pen(np.random.default_rng(0)))(target, 0, False, 1, 0, 0, 0.3)
        drawn = ink_with(pen, ink, 2.0, 40.0, np.random.default_rng(0))
        return float(drawn[20:40].sum() / 255 / 20 / 13)

    widths = [width(target) for target in (2.0, 3.0, 4.0, 5.0, 6.0)]
    assert np.allclose(widths, (2.0, 3.0, 4.0, 5.0, 6.0), atol=0.5)


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow cannot set right-to-left text here")
@pytest.mark.parametrize(("text", "at_right"), [("א ב", True), ("ב א", False), ("אבבבב", True), ("בבבבא", False)])
def test_right_to_left_text_begins_at_the_right(remapped: Remap, text: str, at_right: bool) -> None:
    renderer = FontRenderer([remapped("hebrew", {"א": "M", "ב": "."})])
    for seed in range(8):
        line = renderer.line(text, np.random.default_rng(seed))
        left, right = (float(half.sum()) for half in np.array_split(line.ink.astype(float), 2, axis=1))
        assert (right > left) == at_right
        assert line.text == text
