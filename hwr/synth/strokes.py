"""Lines from recorded pen strokes: the same hands with other pens, slants and sizes, and words in new lines.

The file is a NumPy archive: `deltas` int16 (points, 2), the steps of the pen from point to point; `pen_up` uint8
(points,), 1 at the last point of a stroke; `offsets` int64 (lines + 1,), line k is `deltas[offsets[k]:offsets[k + 1]]`;
`text` and `writer` strings (lines,). y points down, and the points are evenly spaced in time.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwr.errors import DataError, InputError
from hwr.synth.ink import Ink, InkLine, cut_to_ink
from hwr.synth.pens import REACH, draw_pen, ink_with
from hwr.synth.pieces import Points, cut, find_frame
from hwr.text import normalise_text

CROSSED_OUT = "#"
"""Marks a crossed-out word in IAM-OnDB; such lines are not used."""

CONTRACTION = re.compile(r"(?<=\w) '(?=(?:s|ll|ve|d|re|m|t)\b)")
"""Some texts of IAM-OnDB have a space in "It 's" or "they 'll" that nobody wrote."""

LETTER_HEIGHT = 14.5
"""Height in pixels of letters without ascender; ascender to descender is about four times as high."""

MAX_SIZE = (6000.0, 75.0)
"""Maximum columns and rows of a drawn line; a larger line is reduced."""
MAX_WORDS, MAX_CHARACTERS = 10, 60
"""Maximum words of a composed line, and characters after which no words are added."""

COMPOSED = 0.6
"""Share of the lines that are new lines of a hand's words; the others are whole recorded lines."""

OVERSAMPLING, SHIFT = 3, 3
"""Strokes are drawn larger and reduced; fractional bits of OpenCV's coordinates."""

LINE_WIDTH = 2
"""Pixels of a stroke before the pen changes it."""

MARGIN = 3


@dataclass(frozen=True)
class _Word:
    """A word of a recorded line: upright strokes on the baseline y = 0 from x = 0, heights of small letters 1."""

    text: str
    strokes: list[Points]
    width: float


@dataclass(frozen=True)
class _Hand:
    """The pieces cut out of one writer's lines: runs of words in order, gaps between words, usual slant."""

    runs: list[list[_Word]]
    gaps: list[float]
    shear: float


class StrokeRenderer:
    """Draws recorded lines with variations, and new lines from the words of one hand.

    Raises:
        InputError: the file is missing or not a NumPy archive.
        DataError: an array is missing or has a wrong shape, or no line can be used.
    """

    def __init__(self, path: Path) -> None:
        arrays = _read(path)
        self._deltas, self._pen_up, self._offsets = arrays["deltas"], arrays["pen_up"], arrays["offsets"]
        self._texts = [CONTRACTION.sub("'", normalise_text(text)) for text in arrays["text"].tolist()]
        self._lines: dict[str, list[int]] = {}
        for number, (writer, text) in enumerate(zip(arrays["writer"].tolist(), self._texts, strict=True)):
            if text and CROSSED_OUT not in text and self._offsets[number + 1] > self._offsets[number]:
                self._lines.setdefault(writer, []).append(number)
        if not self._lines:
            raise DataError(f"{path}: no line can be used")
        self._writers = sorted(self._lines)
        shares = np.sqrt([len(self._lines[writer]) for writer in self._writers])
        self._shares = np.cumsum(shares / shares.sum())
        self._hands: dict[str, _Hand] = {}

    def line(self, generator: Generator) -> InkLine:
        """Return a line of a random writer, whole or composed. The same generator state gives the same bytes."""
        place = int(np.searchsorted(self._shares, generator.random(), side="right"))
        writer = self._writers[min(place, len(self._writers) - 1)]
        if generator.random() < COMPOSED and (hand := self._hand(writer)).runs:
            text, strokes = _compose(hand, generator)
            return InkLine(_draw(strokes, hand.shear, generator), text, f"strokes:{writer}")
        number = int(generator.choice(self._lines[writer]))
        recorded = self._strokes(number)
        frame = find_frame(recorded)
        ink = _draw([frame.upright(stroke) for stroke in recorded], frame.shear, generator)
        return InkLine(ink, self._texts[number], f"strokes:{writer}")

    def _strokes(self, number: int) -> list[Points]:
        start, stop = self._offsets[number : number + 2]
        points = np.cumsum(self._deltas[start:stop], axis=0, dtype=np.float64)
        return [part for part in np.split(points, np.flatnonzero(self._pen_up[start:stop]) + 1) if len(part)]

    def _hand(self, writer: str) -> _Hand:
        """Return the words of a writer, which are cut out of the lines on first request."""
        if writer not in self._hands:
            lines = [(self._texts[number], self._strokes(number)) for number in self._lines[writer]]
            self._hands[writer] = _cut_lines(lines)
        return self._hands[writer]


def _cut_lines(lines: list[tuple[str, list[Points]]]) -> _Hand:
    """Cut all lines of one writer that can be cut safely; letters of all lines get about the same size."""
    frames = [find_frame(strokes) for _, strokes in lines]
    usual = float(np.median([frame.height for frame in frames]))
    hand = _Hand([], [], float(np.median([frame.shear for frame in frames])))
    for (text, recorded), frame in zip(lines, frames, strict=True):
        strokes = [frame.upright(stroke) for stroke in recorded]
        pieces = cut(strokes, text)
        if pieces is None:
            continue
        scale = (frame.height / usual) ** 0.3
        run: list[_Word] = []
        end = 0.0
        for word, numbers in zip(text.split(" "), pieces, strict=True):
            parts = [strokes[number] * scale for number in numbers]
            left = min(float(part[:, 0].min()) for part in parts)
            right = max(float(part[:, 0].max()) for part in parts)
            if run:
                hand.gaps.append(float(np.clip(left - end, 0.7, 4.0)))
            run.append(_Word(word, [part - np.array([left, 0]) for part in parts], right - left))
            end = right
        hand.runs.append(run)
    return hand


def _compose(hand: _Hand, generator: Generator) -> tuple[str, list[Points]]:
    """Put words of one hand in a new order: runs of one to three words as they were written, from several lines."""
    target = int(generator.integers(1, MAX_WORDS + 1))
    words: list[_Word] = []
    while len(words) < target and sum(len(word.text) + 1 for word in words) < MAX_CHARACTERS:
        run = hand.runs[int(generator.integers(len(hand.runs)))]
        length = min(int(generator.choice([1, 2, 3], p=[0.55, 0.3, 0.15])), len(run), target - len(words))
        start = int(generator.integers(len(run) - length + 1))
        words.extend(run[start : start + length])
    gaps = generator.choice(hand.gaps or [1.2], len(words)) * generator.uniform(0.9, 1.2)
    strokes: list[Points] = []
    x = 0.0
    for word, gap, rise in zip(words, gaps, generator.normal(0, 0.04, len(words)), strict=True):
        strokes += [stroke + np.array([x, rise]) for stroke in word.strokes]
        x += word.width + float(gap)
    return " ".join(word.text for word in words), strokes


def _draw(strokes: list[Points], shear: float, generator: Generator) -> Ink:
    """Draw upright strokes of letter height 1 with another slant, aspect, size, baseline, tremor and pen."""
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    points = np.concatenate(strokes) * (LETTER_HEIGHT * generator.lognormal(0, 0.1), LETTER_HEIGHT)
    points *= min(1.0, *(MAX_SIZE / np.maximum(np.ptp(points, axis=0), 1.0)))
    points[:, 1] += _sway(points[:, 0], generator)
    points[:, 0] -= (shear + generator.normal(0, 0.12)) * points[:, 1]
    knots = generator.normal(0, abs(generator.normal(0, 0.25)), (2, len(points) // 4 + 2))
    places = np.arange(len(points)) / 4
    points += np.column_stack([np.interp(places, np.arange(knots.shape[1]), axis) for axis in knots])
    written = ink_with(
        draw_pen(generator), _polylines(np.split(points, ends)), float(LINE_WIDTH), LETTER_HEIGHT, generator
    )
    return cut_to_ink(written, MARGIN)


def _sway(x: NDArray[np.float64], generator: Generator) -> NDArray[np.float64]:
    """Return the rows by which the baseline deviates at each x: it climbs or falls, and waves."""
    phase = x / generator.uniform(120, 500) + generator.random()
    return np.asarray(generator.normal(0, 0.008) * x + generator.normal(0, 1.2) * np.sin(2 * np.pi * phase))


def _polylines(strokes: list[Points]) -> Ink:
    """Draw strokes as lines of LINE_WIDTH, with room for a pen around them."""
    import cv2

    margin = LINE_WIDTH + REACH
    low = np.min([stroke.min(axis=0) for stroke in strokes], axis=0) - margin
    high = np.max([stroke.max(axis=0) for stroke in strokes], axis=0) + margin
    columns, rows = (int(side) for side in np.ceil(high - low))
    canvas = np.zeros((rows * OVERSAMPLING, columns * OVERSAMPLING), np.uint8)
    places = [np.rint((stroke - low) * OVERSAMPLING * 2**SHIFT).astype(np.int32) for stroke in strokes]
    cv2.polylines(canvas, places, False, 255, LINE_WIDTH * OVERSAMPLING - 1, cv2.LINE_8, SHIFT)
    return np.asarray(cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


SHAPES: dict[str, tuple[int, str]] = {
    "deltas": (2, "i"),
    "pen_up": (1, "uib"),
    "offsets": (1, "iu"),
    "text": (1, "U"),
    "writer": (1, "U"),
}
"""Dimensions and NumPy kinds of each array that is used."""


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check the archive; every mistake is one clear line."""
    if not path.is_file():
        raise InputError(f"{path}: does not exist; expected an .npz file of pen strokes")
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = sorted(set(SHAPES) - set(archive.files))
            if missing:
                raise DataError(f"{path}: {', '.join(missing)} missing; required are {', '.join(SHAPES)}")
            arrays = {name: archive[name] for name in SHAPES}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable .npz file of pen strokes: {reason}") from error
    _check(path, arrays)
    return arrays


def _check(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, (dimensions, kinds) in SHAPES.items():
        array = arrays[name]
        if array.ndim != dimensions or array.dtype.kind not in kinds:
            raise DataError(f"{path}: {name} is {array.dtype} {array.shape}; docs/synthesis.md has the layout")
    count, points, offsets = len(arrays["text"]), len(arrays["deltas"]), arrays["offsets"]
    if arrays["deltas"].shape[1] != 2:
        raise DataError(f"{path}: deltas has shape {arrays['deltas'].shape}, expected (points, 2)")
    if len(arrays["pen_up"]) != points:
        raise DataError(f"{path}: pen_up has {len(arrays['pen_up'])} points, deltas {points}")
    if not len(offsets) - 1 == len(arrays["writer"]) == count > 0:
        lengths = f"text {count}, writer {len(arrays['writer'])}, offsets {len(offsets)}"
        raise DataError(f"{path}: lengths do not fit: {lengths}; offsets has one more than the lines")
    if offsets[0] != 0 or offsets[-1] != points or bool((np.diff(offsets) < 0).any()):
        raise DataError(f"{path}: offsets must rise from 0 to the {points} points")
