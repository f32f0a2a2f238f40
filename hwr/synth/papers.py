"""Put a line of ink on paper, as a scanner or a camera sees it: paper bright, ink dark.

Each line draws its own values from `PaperOptions`: how the line was cut, the pen, the paper, the light. Then
`hwr.synth.degrade` imitates scanning and storing. Light is multiplied, as on real paper: ink absorbs a share of the
light that the paper under it reflects. Neighbouring lines, bleed-through, fading ink and paper fibres are left to the
augmentation of training, which adds them to real and synthetic lines.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.line import SPREAD
from hwr.synth import textures
from hwr.synth.degrade import chosen, degrade, draw
from hwr.synth.ink import Ink, InkLine
from hwr.synth.options import PaperOptions

Field = NDArray[np.float32]
Generator = np.random.Generator

MIN_EXPOSURE = 0.5
"""Mean brightness below which a camera exposes longer."""

RULES_BELOW_INK = 0.6
"""Maximum share of the ink's darkness that rules have."""
LIGHT_BELOW_INK = 0.35
"""The same for uneven light and shadows together."""


@dataclass(frozen=True)
class Placed:
    """Ink on an empty sheet.

    Attributes:
        coverage: (H, W), 0 paper to 1 ink.
        baseline: row of the baseline at the left edge.
        slope: rows by which the baseline falls per column.
        height: line height in rows, from the spread of the ink; about from ascender to descender.
    """

    coverage: Field
    baseline: float
    slope: float
    height: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the sheet."""
        return self.coverage.shape[0], self.coverage.shape[1]


def put_on_paper(ink: InkLine, generator: Generator, options: PaperOptions) -> GreyImage:
    """Return the image of a line of ink on paper: a margin larger than the ink, or smaller if the resolution is low.

    The generator is the only source of randomness; the same state gives the same bytes.
    """
    placed = _place(ink.ink, generator, options)
    coverage = placed.coverage
    faint = chosen(generator, options.faint_probability)
    darkness = draw(generator, options.faint_darkness if faint else options.darkness)
    binarised = chosen(generator, options.binarised_probability)  # scanners have even light
    light = _paper(placed, darkness, generator, options) * (1 - darkness * coverage)
    if not binarised:
        _light(light, darkness, generator, options)
    some = coverage[::2, ::2]
    fullness = float(some[some > 0.1].mean()) if (some > 0.1).any() else 1.0  # thin strokes never fill a pixel
    return degrade(light, placed.height, darkness * fullness, binarised, generator, options)


def clean(ink: InkLine) -> GreyImage:
    """Return the line without paper: dark ink on white, with a small margin."""
    margin = max(2, ink.ink.shape[0] // 16)
    padded = cv2.copyMakeBorder(ink.ink, margin, margin, 2 * margin, 2 * margin, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.bitwise_not(padded), dtype=np.uint8)


def _measure(ink: Ink) -> tuple[float, float]:
    """Return the baseline row and the line height of a line of ink.

    The height follows from the spread of the ink as in `hwr.line`; the baseline is where the profile of the rows
    falls most steeply below its middle.
    """
    profile = cv2.reduce(ink, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[:, 0]
    total = float(profile.sum())
    rows = len(profile)
    if total <= 0:
        return 0.75 * rows, float(rows)
    centres = np.arange(rows) + 0.5
    mean = float((profile * centres).sum() / total)
    deviation = math.sqrt(float((profile * (centres - mean) ** 2).sum() / total))
    height = min(max(deviation / SPREAD, 0.4 * rows), 1.2 * rows)
    first = int(mean)
    fall = profile[first:-3] - profile[first + 3 :]
    baseline = first + 1.5 + int(fall.argmax()) if fall.size else mean
    return min(baseline, mean + 0.35 * height), height


def _place(ink: Ink, generator: Generator, options: PaperOptions) -> Placed:
    """Put the ink on a sheet, sometimes slightly rotated, with paper around it."""
    rows, columns = ink.shape
    baseline, height = _measure(ink)
    top, bottom = (round(rows * draw(generator, options.margin_rows)) for _ in range(2))
    left, right = (round(rows * draw(generator, options.margin_columns)) for _ in range(2))
    slope = 0.0
    if chosen(generator, options.rotation_probability):
        slope = math.tan(math.radians(options.rotation_degrees * (2 * generator.random() - 1)))
        limit = options.rotation_rise * height / columns
        slope = min(max(slope, -limit), limit)
    shift = top + max(0.0, -slope * columns)
    size = (columns + left + right, rows + top + bottom + math.ceil(abs(slope) * columns))
    # A rotation by so small an angle is a shear: each column moves up or down.
    matrix = np.array([[1.0, 0.0, left], [slope, 1.0, shift]])
    sheet = cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR if slope else cv2.INTER_NEAREST)
    coverage = np.multiply(sheet, np.float32(1 / 255), dtype=np.float32)
    return Placed(coverage, baseline + shift - slope * left, slope, height)


def _paper(placed: Placed, darkness: float, generator: Generator, options: PaperOptions) -> Field:
    """Return the share of light that the empty paper reflects, (H, W). Rules are weaker than ink of `darkness`."""
    yellowed = chosen(generator, options.yellowed_probability)
    # A scanner turns good paper into full white.
    level = draw(generator, options.yellowed_brightness if yellowed else (0.86, 1.06))
    paper = np.full(placed.shape, min(level, 1.0), np.float32)
    if yellowed:
        cell = placed.height * (1 + 2 * generator.random())
        paper *= 1 - (0.04 + 0.14 * generator.random()) * textures.smooth(placed.shape, (cell, 1.5 * cell), generator)
    rules = np.zeros(placed.shape, np.uint8)
    for probability, add in (
        (options.ruled_probability, _rule),
        (options.squared_probability, _square),
        (options.tabular_probability, _table),
    ):
        if chosen(generator, probability):
            add(rules, placed, generator)
    if rules.any():
        strength = min(draw(generator, options.rule_darkness), RULES_BELOW_INK * darkness)
        paper *= 1 - np.float32(strength / 255) * rules
    return paper


def _rule(rules: Ink, placed: Placed, generator: Generator) -> None:
    """Draw rules at a natural distance, one of them under the writing, and sometimes the line of the margin."""
    _rows(rules, placed, placed.height * (0.75 + 0.65 * generator.random()), generator)
    if generator.random() < 0.12:
        _columns(rules, placed, [rules.shape[1] * generator.random()], 2)


def _square(rules: Ink, placed: Placed, generator: Generator) -> None:
    """Draw squares; one of their lines is where the writing is."""
    pitch = placed.height * (0.3 + 0.4 * generator.random())
    _rows(rules, placed, pitch, generator)
    start = -pitch * generator.random() - abs(placed.slope) * len(rules)
    columns = np.arange(start, rules.shape[1] - start, pitch)
    _columns(rules, placed, columns.tolist(), 1 + int(generator.random() < 0.2))


def _table(rules: Ink, placed: Placed, generator: Generator) -> None:
    """Draw the rows and columns of a table or form: columns of uneven width, some of them double."""
    _rows(rules, placed, placed.height * (1.1 + 0.6 * generator.random()), generator)
    columns: list[float] = []
    column = placed.height * generator.random()
    while column < rules.shape[1]:
        columns += [column, column + 4] if generator.random() < 0.25 else [column]
        column += placed.height * (1 + 5 * generator.random())
    _columns(rules, placed, columns, 1 + int(generator.random() < 0.4))


def _rows(rules: Ink, placed: Placed, pitch: float, generator: Generator) -> None:
    """Draw horizontal lines at a distance of `pitch`, one of them on the baseline or slightly off."""
    rows, columns = rules.shape
    row = placed.baseline + placed.height * float(np.clip(generator.normal(0.03, 0.05), -0.1, 0.2))
    fall = placed.slope * columns + generator.normal(0, 0.03) * placed.height
    thickness = 1 + int(generator.random() < 0.3)
    row -= pitch * math.ceil((row + abs(fall)) / pitch)
    while row < rows + abs(fall):
        _draw_line(rules, (0.0, row), (float(columns), row + fall), thickness)
        row += pitch


def _columns(rules: Ink, placed: Placed, columns: Iterable[float], thickness: int) -> None:
    """Draw vertical lines from these columns of the first row."""
    rows = len(rules)
    for column in columns:
        _draw_line(rules, (column, 0.0), (column - placed.slope * rows, float(rows)), thickness)


def _draw_line(rules: Ink, start: tuple[float, float], stop: tuple[float, float], thickness: int) -> None:
    """Draw a straight line; its ends are (column, row) in pixels."""
    points = [(round(16 * x), round(16 * y)) for x, y in (start, stop)]
    cv2.line(rules, points[0], points[1], 255, thickness, cv2.LINE_AA, shift=4)


def _light(light: Field, darkness: float, generator: Generator, options: PaperOptions) -> None:
    """Add uneven light and shadows with an edge, as on photographs; change `light` in place.

    Light and shadow together differ less than ink of `darkness` differs from paper: otherwise a line
    in the shadow would look like light writing on dark paper.
    """
    rows, columns = light.shape
    lost = np.zeros((rows, columns), np.float32)  # share of the light that is missing at each pixel
    if chosen(generator, options.light_probability):
        field = textures.smooth((rows, columns), (rows, columns / (1 + 3 * generator.random())), generator)
        lost += draw(generator, options.light_depth) * field
    if chosen(generator, options.shadow_probability):
        lost += draw(generator, options.shadow_depth) * _shadow((rows, columns), generator)
    light *= 1 - min(1.0, LIGHT_BELOW_INK * darkness / max(float(lost.max()), 1e-6)) * lost
    mean = float(light.mean())
    if mean < MIN_EXPOSURE and lost.any():
        light *= MIN_EXPOSURE / mean


def _shadow(shape: tuple[int, int], generator: Generator) -> Field:
    """Return a half of the image in shadow, its edge at any angle and more or less soft, (H, W), 0 to 1."""
    coarse = 8
    rows, columns = -(-shape[0] // coarse), -(-shape[1] // coarse)
    small = np.zeros((rows, columns), np.float32)
    upper, lower = columns * generator.random() + rows * (2 * generator.random(2) - 1)
    end = -columns if generator.random() < 0.5 else 2 * columns
    corners = np.array([[upper, -1], [end, -1], [end, rows + 1], [lower, rows + 1]])
    cv2.fillPoly(small, [np.rint(corners).astype(np.int32)], 1.0)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 1 + 5 * generator.random()), dtype=np.float32)
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
