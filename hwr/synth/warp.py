"""Bend drawn type into a hand: slant, baseline, sizes of words, and the small unevenness of every stroke.

All of it is one sampling of the line (`cv2.remap`): the displacements are made on a coarse grid and enlarged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.synth.ink import Ink, cut_to_ink

Field = NDArray[np.float32]

_STEP = 8  # pixels between the nodes of the grid


@dataclass(frozen=True)
class Hand:
    """Habits of a writer. Lengths are in pixels of a line about 64 pixels high.

    Attributes:
        aspect: width of letters relative to the font's.
        shear: columns per row by which letters lean to the right.
        slope: rows per column by which the line sinks.
        unevenness: of words, baselines and strokes: 0 for type, 1 for a usual hand.
        wobble_length: pixels over which the unevenness of strokes changes.
    """

    aspect: float
    shear: float
    slope: float
    unevenness: float
    wobble_length: int

    @property
    def wobble(self) -> float:
        """Displacement of strokes."""
        return min(2.1, 0.95 * self.unevenness)


def draw_hand(generator: np.random.Generator) -> Hand:
    """Return a random hand: most are even, some are not."""
    return Hand(
        aspect=float(np.clip(np.exp(generator.normal(0.0, 0.13)), 0.72, 1.35)),
        shear=float(np.clip(generator.normal(0.06, 0.17), -0.4, 0.5)),
        slope=float(np.clip(generator.normal(0.0, 0.009), -0.025, 0.025)),
        unevenness=float(np.exp(generator.normal(0.0, 0.45))),
        wobble_length=int(generator.integers(14, 34)),
    )


def bend(
    ink: Ink,
    baseline: float,
    words: Sequence[tuple[float, float]],
    hand: Hand,
    margin: int,
    generator: np.random.Generator,
) -> Ink:
    """Bend a line of type as a hand does.

    Args:
        ink: uint8 (H, W), cut to the ink.
        baseline: its row.
        words: first and last column of each word.
        margin: empty pixels to leave around the ink.

    Returns:
        The bent line, uint8, with all the ink that `ink` has and at least `margin` empty pixels around it.
    """
    rows, columns = ink.shape
    wobble = 2.5 * hand.wobble  # more than it moves; see `_wobble`
    scale, shift, shear = _along(columns, words, hand, generator)
    top = float((shift - scale * (baseline + wobble)).min())
    bottom = float((shift + scale * (rows - baseline + wobble)).max())
    height = int(np.ceil(bottom - top)) + 2 * margin
    origin = margin - top  # row of the baseline in the result

    reach = float(np.abs(shear).max()) * max(origin, height - origin) + wobble
    across = _across(columns, reach + margin, hand, generator)
    width = len(across) * _STEP
    nodes_x = np.clip(across, 0, columns - 1)
    at = np.rint(nodes_x).astype(np.intp)
    nodes_y = np.arange(-(-height // _STEP), dtype=np.float32) * _STEP + (_STEP - 1) / 2
    above = nodes_y[:, None] - origin - shift[at][None, :]
    map_y = baseline + above / scale[at][None, :]
    map_x = across[None, :] + shear[at][None, :] * above
    grid = map_x.shape
    map_x = map_x + _wobble(grid, hand, generator)
    map_y = map_y + _wobble(grid, hand, generator)
    size = (width, grid[0] * _STEP)
    full_x = cv2.resize(map_x.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    full_y = cv2.resize(map_y.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    bent = cv2.remap(ink, full_x, full_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return cut_to_ink(np.asarray(bent, dtype=np.uint8), margin)


def smooth_noise(length: int, distance: float, generator: np.random.Generator) -> Field:
    """Return noise (length,) of standard deviation about 1 that changes over `distance` pixels."""
    knots = max(2, int(np.ceil(length / distance)) + 1)
    values = generator.standard_normal(knots, dtype=np.float32)
    positions = np.arange(length, dtype=np.float32) * np.float32((knots - 1) / max(1, length - 1))
    low = np.minimum(positions.astype(np.intp), knots - 2)
    part = positions - low.astype(np.float32)
    part *= part * (3 - 2 * part)
    return np.asarray(values[low] + (values[low + 1] - values[low]) * part, dtype=np.float32)


def _along(
    columns: int, words: Sequence[tuple[float, float]], hand: Hand, generator: np.random.Generator
) -> tuple[Field, Field, Field]:
    """Return size, baseline and shear at every column of the source, each float32 (columns,)."""
    count = max(1, len(words))
    of_word = generator.standard_normal((3, count), dtype=np.float32)
    # Between the words the values pass from one to the next.
    positions = np.array([side for word in words for side in word] or [0.0, float(columns)], dtype=np.float32)
    steps = np.repeat(of_word, 2, axis=1)
    x = np.arange(columns, dtype=np.float32)
    scale, shift, lean = (np.interp(x, positions, values).astype(np.float32) for values in steps)
    sway = smooth_noise(columns, 260.0, generator)
    return (
        np.exp(np.clip(0.04 * hand.unevenness * scale, -0.25, 0.25)),
        np.asarray(
            np.clip(hand.unevenness * (0.9 * shift + 1.3 * sway), -6, 6) + hand.slope * (x - columns / 2), np.float32
        ),
        np.asarray(hand.shear + np.clip(0.03 * hand.unevenness * lean, -0.12, 0.12), np.float32),
    )


def _across(columns: int, reach: float, hand: Hand, generator: np.random.Generator) -> Field:
    """Return the source column of every grid column of the result, `reach` pixels beyond the source on both sides."""
    guess = int(np.ceil((columns + 2 * reach) * 1.6 / (min(hand.aspect, 1.0) * _STEP))) + 2
    guess = int(guess * max(1.0, hand.aspect**2))
    drift = np.clip(0.05 * hand.unevenness * smooth_noise(guess, 70.0 / _STEP, generator), -0.2, 0.2)
    rate = np.exp(drift) / hand.aspect
    positions = -reach + _STEP * np.cumsum(rate, dtype=np.float32)
    used = int(np.searchsorted(positions, columns + reach)) + 1
    return np.asarray(positions[:used], dtype=np.float32)


def _wobble(grid: tuple[int, ...], hand: Hand, generator: np.random.Generator) -> Field:
    """Return a smooth displacement on the grid, at most 2.5 times `hand.wobble`."""
    coarse = max(2, round(grid[0] * _STEP / hand.wobble_length)), max(2, round(grid[1] * _STEP / hand.wobble_length))
    noise = np.clip(generator.standard_normal(coarse, dtype=np.float32), -2.2, 2.2) * np.float32(hand.wobble)
    field = cv2.resize(noise, (grid[1], grid[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(field, -2.5 * hand.wobble, 2.5 * hand.wobble), dtype=np.float32)
