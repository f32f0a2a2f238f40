"""Quality of confidences: calibration error, and reject curve with its drawing.

Calibration error: confidences are sorted into bins, and in each the mean confidence is compared with the share that is
right; the differences are averaged over the bins, weighted by their counts (Guo et al. 2017, "On calibration of modern
neural networks", equation 3). Bins of equal width are the usual choice; of bins of equal mass, none is nearly empty.

Reject curve: a person checks the lines with the lowest confidence, and the CER of the others is measured. Its mean
over all shares is the area under the risk-coverage curve (Geifman and El-Yaniv 2017, "Selective classification for
deep neural networks").
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from hwr.evaluate.lines import ScoredLine

Numbers = NDArray[np.float64]

BINS = 15
SHARES = tuple(round(1 - 0.05 * number, 2) for number in range(20))
"""Shares of lines at the points of the reject curve: 1, 0.95, ..., 0.05."""


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error with bins of equal width and of equal mass."""

    equal_width: float
    equal_mass: float


@dataclass(frozen=True)
class RejectPoint:
    """The lines that are kept: their share, the lowest confidence among them, their CER."""

    kept: float
    confidence: float
    cer: float


@dataclass(frozen=True)
class ConfidenceFigures:
    """Quality of the confidences of a set.

    Attributes:
        words: words that were read, with a confidence.
        right: how many of them are right.
        word_error, raw_word_error: calibration error of words, with the model's calibration and without; None where
            there is no word with a confidence.
        line_error: calibration error of lines; a line is right without any edit.
        reject_curve: at the shares `SHARES`.
        reject_area: mean CER over all shares of lines kept.
    """

    words: int
    right: int
    word_error: CalibrationError | None
    raw_word_error: CalibrationError | None
    line_error: CalibrationError
    reject_curve: tuple[RejectPoint, ...]
    reject_area: float


class ConfidenceTallies:
    """Confidences of lines and words with their outcomes, in about 20 bytes per word and 40 per line."""

    def __init__(self) -> None:
        self.words, self.raw_words, self.right = array("d"), array("d"), array("b")
        self.lines, self.edits, self.lengths = array("d"), array("l"), array("l")

    def add(self, line: ScoredLine) -> None:
        """Add a line; its words only if each of them has a confidence."""
        self.lines.append(line.confidence)
        self.edits.append(line.characters.edits)
        self.lengths.append(line.characters.reference_length)
        if len(line.word_confidences) == len(line.raw_word_confidences) == len(line.right_words):
            self.words.extend(line.word_confidences)
            self.raw_words.extend(line.raw_word_confidences)
            self.right.extend(line.right_words)

    def extend(self, other: "ConfidenceTallies") -> None:
        """Add all lines of another set."""
        for name, values in vars(other).items():
            getattr(self, name).extend(values)

    def figures(self) -> ConfidenceFigures:
        """Return the figures of all lines; there must be at least one."""
        right = np.array(self.right, dtype=bool)
        edits, lengths = np.array(self.edits), np.array(self.lengths)
        lines = np.array(self.lines)
        found = len(right) > 0
        return ConfidenceFigures(
            words=len(right),
            right=int(right.sum()),
            word_error=calibration_error(np.array(self.words), right) if found else None,
            raw_word_error=calibration_error(np.array(self.raw_words), right) if found else None,
            line_error=calibration_error(lines, edits == 0),
            reject_curve=reject_curve(lines, edits, lengths),
            reject_area=reject_area(lines, edits, lengths),
        )


def calibration_error(confidence: Numbers, right: NDArray[np.bool_]) -> CalibrationError:
    """Return the expected calibration error of confidences (n,), n > 0, given which are right (n,)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split((confidence - right)[order], BINS)
    total = len(confidence)
    return CalibrationError(float(np.abs(gaps).sum() / total), float(sum(abs(part.sum()) for part in parts) / total))


def reject_curve(confidence: Numbers, edits: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[RejectPoint, ...]:
    """Return the CER of the most confident lines, at `SHARES` of all lines.

    Args:
        confidence, edits, lengths: of each line (n,), n > 0; lengths are those of the truths in characters.
    """
    order, rates = _kept_rates(confidence, edits, lengths)
    points = []
    for share in SHARES:
        count = max(1, ceil(share * len(order) - 1e-9))
        points.append(RejectPoint(share, float(confidence[order[count - 1]]), float(rates[count - 1])))
    return tuple(points)


def reject_area(confidence: Numbers, edits: NDArray[np.int64], lengths: NDArray[np.int64]) -> float:
    """Return the mean CER of the most confident 1, 2, ..., n lines; arguments as in `reject_curve`."""
    return float(_kept_rates(confidence, edits, lengths)[1].mean())


def _kept_rates(
    confidence: Numbers, edits: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Numbers]:
    """Return the lines by falling confidence, and the CER of the first 1, 2, ..., n (edits, without characters)."""
    order = np.argsort(-confidence, kind="stable")
    return order, np.cumsum(edits[order]) / np.maximum(1, np.cumsum(lengths[order]))


# --- drawing -----------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 60
"""Margins of the reject curves."""
COLOURS = ("#1b6ca8", "#c8553d", "#3c896d", "#8b5fbf", "#b8860b", "#5c5c5c", "#d1477a", "#2a9d8f")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Readable distances between grid lines."""
MAX_GRID_LINES = 8


def draw_reject_curves(title: str, curves: Sequence[tuple[str, Sequence[RejectPoint]]]) -> str:
    """Return a chart, as SVG, of the CER against the share of lines kept, with one curve per set.

    Args:
        curves: name of each set with the points of its curve, at least one.
    """
    highest = max((point.cer for _, points in curves for point in points), default=0.0) or 0.01
    step = next((size for size in STEPS if highest / size <= MAX_GRID_LINES), highest / MAX_GRID_LINES)
    top = step * -(-highest // step)
    parts = [_text(LEFT, 24, title, size=15)]
    for number in range(round(top / step) + 1):
        y = _y(number * step, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{number * step * 100:.3g} %", "end"))
    for number in range(6):
        x = _x(number / 5)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{number * 20} %", "middle"))
    parts.append(_text(_x(0.5), HEIGHT - 18, "most confident lines kept", "middle"))
    parts.append(_text(LEFT - 50, TOP - 10, "CER"))
    for number, (name, points) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        vertices = " ".join(f"{_x(point.kept):.1f},{_y(point.cer, top):.1f}" for point in points)
        parts.append(f'<polyline points="{vertices}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 16 * (number + 1)
        parts.append(f'<path d="M{LEFT + 10} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 34, y, name))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([f'{head}font-size="13">', background, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    attributes = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {attributes}>{escape(text)}</text>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(rate: float, top: float) -> float:
    return HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM)
