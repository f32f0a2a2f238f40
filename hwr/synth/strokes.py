"""Lines from recorded pen strokes: the same hands with other pens, other slant and size, and words in new lines.

The file is a NumPy archive: `deltas` int16 (points, 2), the pen's way from point to point; `pen_up` uint8 (points,),
1 at the last point of a stroke; `offsets` int64 (lines + 1,), line k is `deltas[offsets[k]:offsets[k + 1]]`; `text`,
`id`, `writer` strings (lines,). y goes down, the points are evenly spaced in time.
"""

import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwr.errors import DataError, InputError
from hwr.synth.ink import InkLine
from hwr.synth.pen import Curves, Floats, draw, sample_pen, smooth, thin_out
from hwr.synth.pieces import Frame, Piece, cut, find_frame, upright
from hwr.text import normalise_text

CROSSED_OUT = "#"
"""Stands in IAM-OnDB for a crossed-out word; such lines are not used."""

CONTRACTION = re.compile(r"(?<=\w) '(?=(?:s|ll|ve|d|re|m|t)\b)")
"""Some texts of IAM-OnDB part "It 's" or "they 'll" with a blank that nobody wrote."""

LINE_HEIGHT = 60.0
"""Pixels from ascender to descender of a usual line."""

LINE_HEIGHTS = 4.1
"""The same in heights of letters without ascender, as `find_frame` measures them."""

MOST_WORDS = 10
"""Words in a composed line."""

LONGEST_LINE = 60
"""Characters of a composed line after which no words are added."""


@dataclass(frozen=True)
class _Word:
    """A word of a recorded line: upright points on the baseline y = 0 from x = 0, heights of small letters 1."""

    text: str
    curves: Curves
    width: float


@dataclass(frozen=True)
class _Hand:
    """All that was cut out of one writer's lines: runs of words in their order, gaps between words, usual slant."""

    runs: tuple[tuple[_Word, ...], ...]
    gaps: Floats
    shear: float


class StrokeRenderer:
    """Draws recorded lines in other ways, and new lines from the words of one hand.

    Args:
        path: the NumPy archive.
        composed: share of the lines that are put together anew from words; the others are whole recorded lines.
        only_writers: use these writers alone; None for all.
        exclude_writers: never use these writers.

    Raises:
        InputError: the file is missing or not a NumPy archive.
        DataError: it lacks an array, one has a wrong shape, or no line remains.
    """

    def __init__(
        self,
        path: Path,
        *,
        composed: float = 0.6,
        only_writers: Collection[str] | None = None,
        exclude_writers: Collection[str] = (),
    ) -> None:
        if not 0 <= composed <= 1:
            raise ValueError(f"composed must lie between 0 and 1, not {composed}")
        self.path = Path(path)
        self.composed = composed
        arrays = _read(self.path)
        self._deltas: NDArray[np.int16] = arrays["deltas"]
        self._pen_up: NDArray[np.uint8] = arrays["pen_up"]
        self._offsets: NDArray[np.int64] = arrays["offsets"]
        self._texts = [CONTRACTION.sub("'", normalise_text(text)) for text in arrays["text"].tolist()]
        self._lines = self._by_writer(arrays["writer"].tolist(), only_writers, exclude_writers)
        self.writers = tuple(sorted(self._lines))
        shares = np.sqrt([len(self._lines[writer]) for writer in self.writers])
        self._shares = np.cumsum(shares / shares.sum())
        self._hands: dict[str, _Hand] = {}

    @property
    def count(self) -> int:
        """Recorded lines that are used."""
        return sum(len(lines) for lines in self._lines.values())

    def line(self, generator: Generator) -> InkLine:
        """A line of a writer chosen at random, whole or composed. The same generator state gives the same bytes."""
        place = int(np.searchsorted(self._shares, generator.random(), side="right"))
        writer = self.writers[min(place, len(self.writers) - 1)]
        compose = generator.random() < self.composed
        if compose:
            hand = self._hand(writer)
            if hand.runs:
                text, curves = _compose(hand, generator)
                return InkLine(_draw(curves, hand.shear, generator), text, f"strokes:{writer}")
        number = int(generator.choice(self._lines[writer]))
        curves, frame = self._line(number)
        points = upright(curves.points, frame) / frame.height
        ink = _draw(replace(curves, points=points), frame.shear, generator)
        return InkLine(ink, self._texts[number], f"strokes:{writer}")

    def _by_writer(
        self, writers: list[str], only: Collection[str] | None, exclude: Collection[str]
    ) -> dict[str, NDArray[np.int64]]:
        """Numbers of the usable lines of each writer."""
        lines: dict[str, list[int]] = {}
        for number, (writer, text) in enumerate(zip(writers, self._texts, strict=True)):
            if writer in exclude or (only is not None and writer not in only):
                continue
            if text and CROSSED_OUT not in text and self._offsets[number + 1] > self._offsets[number]:
                lines.setdefault(writer, []).append(number)
        if not lines:
            raise DataError(f"{self.path}: no line remains of the writers that may be used")
        return {writer: np.array(numbers) for writer, numbers in lines.items()}

    def _line(self, number: int) -> tuple[Curves, Frame]:
        """The strokes of a recorded line and its frame."""
        start, stop = self._offsets[number : number + 2]
        points = np.cumsum(self._deltas[start:stop], axis=0, dtype=np.float64)
        ends = np.flatnonzero(self._pen_up[start:stop]) + 1
        if not len(ends) or ends[-1] != stop - start:
            ends = np.append(ends, stop - start)
        curves = Curves(points, ends.astype(np.int64))
        return curves, find_frame(curves)

    def _hand(self, writer: str) -> _Hand:
        """The words of a writer, cut out of the lines when they are first asked for."""
        hand = self._hands.get(writer)
        if hand is None:
            lines = [(self._texts[number], *self._line(int(number))) for number in self._lines[writer]]
            hand = self._hands[writer] = _cut_lines(lines)
        return hand


def _cut_lines(lines: list[tuple[str, Curves, Frame]]) -> _Hand:
    """Cut all lines of one writer that can be cut safely; letters of all lines get about the same size."""
    usual = float(np.median([frame.height for _, _, frame in lines]))
    runs: list[tuple[_Word, ...]] = []
    gaps: list[float] = []
    for text, curves, frame in lines:
        pieces = cut(curves, frame, text)
        if pieces is None:
            continue
        height = usual * (frame.height / usual) ** 0.7
        runs.append(tuple(_word(piece, curves, frame, height) for piece in pieces))
        gaps.extend(piece.gap / height for piece in pieces[1:])
    shear = float(np.median([frame.shear for _, _, frame in lines]))
    return _Hand(tuple(runs), np.clip(np.array(gaps or [1.2]), 0.7, 4.0), shear)


def _word(piece: Piece, curves: Curves, frame: Frame, height: float) -> _Word:
    """Take the strokes of one word out of its line."""
    starts, ends = curves.starts[piece.strokes], curves.ends[piece.strokes]
    places = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    points = upright(curves.points[places], frame) / height
    left = float(points[:, 0].min())
    points[:, 0] -= left
    return _Word(piece.text, Curves(points, np.cumsum(ends - starts)), float(points[:, 0].max()))


def _compose(hand: _Hand, generator: Generator) -> tuple[str, Curves]:
    """Words of one hand in a new order: runs of one to three words as they were written, from several lines."""
    target = int(generator.integers(1, MOST_WORDS + 1))
    words: list[_Word] = []
    while len(words) < target and sum(len(word.text) + 1 for word in words) < LONGEST_LINE:
        run = hand.runs[int(generator.integers(len(hand.runs)))]
        length = min(int(generator.choice([1, 2, 3], p=[0.55, 0.3, 0.15])), len(run), target - len(words))
        start = int(generator.integers(len(run) - length + 1))
        words.extend(run[start : start + length])
    gaps = generator.choice(hand.gaps, len(words)) * generator.uniform(0.9, 1.2)
    rise = generator.normal(0, 0.04, len(words))
    points, ends, x, done = [], [], 0.0, 0
    for word, gap, up in zip(words, gaps, rise, strict=True):
        points.append(word.curves.points + np.array([x, up]))
        ends.append(word.curves.ends + done)
        x += word.width + float(gap)
        done += len(word.curves.points)
    return " ".join(word.text for word in words), Curves(np.concatenate(points), np.concatenate(ends))


def _draw(curves: Curves, shear: float, generator: Generator) -> NDArray[np.uint8]:
    """Draw upright strokes of letter height 1 with another slant, aspect, size, baseline, tremor and pen."""
    scale = LINE_HEIGHT / LINE_HEIGHTS
    slant = shear + generator.normal(0, 0.12)
    aspect = generator.lognormal(0, 0.1)
    points = curves.points * (scale * aspect, scale)
    tallest = 1.25 * LINE_HEIGHT / max(float(np.ptp(points[:, 1])), 1.0)
    if tallest < 1:
        points *= tallest
    points = _wander(points, generator)
    points[:, 0] -= slant * points[:, 1]
    curves = smooth(thin_out(Curves(points, curves.ends), 0.7))
    curves = _tremble(curves, generator)
    return draw(curves, sample_pen(generator))


def _wander(points: Floats, generator: Generator) -> Floats:
    """Size that drifts along the line, and a baseline that climbs or sinks and sways."""
    x = points[:, 0]
    along = x / max(float(np.ptp(x)), 4 * LINE_HEIGHT)
    drift = 1 + generator.normal(0, 0.06) * (along - 0.5)
    sway = generator.normal(0, 1.2) * np.sin(2 * np.pi * (x / generator.uniform(120, 500) + generator.random()))
    climb = generator.normal(0, 0.008) * x
    return np.column_stack((x, points[:, 1] * drift + sway + climb))


def _tremble(curves: Curves, generator: Generator) -> Curves:
    """Shake the pen a little: smooth noise along the strokes."""
    strength = abs(generator.normal(0, 0.25))
    count = len(curves.points)
    knots = generator.normal(0, strength, (count // 4 + 2, 2))
    places = np.arange(count) / 4
    shaken = [np.interp(places, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)]
    return replace(curves, points=curves.points + np.column_stack(shaken))


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
                raise DataError(f"{path}: lacks {', '.join(missing)}; needed are {', '.join(SHAPES)}")
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
            raise DataError(f"{path}: {name} is {array.dtype} {array.shape}; see the layout in the synthesis guide")
    count, points, offsets = len(arrays["text"]), len(arrays["deltas"]), arrays["offsets"]
    if arrays["deltas"].shape[1] != 2:
        raise DataError(f"{path}: deltas has shape {arrays['deltas'].shape}, expected (points, 2)")
    if len(arrays["pen_up"]) != points:
        raise DataError(f"{path}: pen_up has {len(arrays['pen_up'])} points, deltas {points}")
    if len(offsets) != count + 1 or len(arrays["writer"]) != count:
        lengths = f"text {count}, writer {len(arrays['writer'])}, offsets {len(offsets)}"
        raise DataError(f"{path}: lengths do not fit: {lengths}; offsets has one more than the lines")
    if not count:
        raise DataError(f"{path}: holds no line")
    if offsets[0] != 0 or offsets[-1] != points or bool((np.diff(offsets) < 0).any()):
        raise DataError(f"{path}: offsets must rise from 0 to the {points} points")
