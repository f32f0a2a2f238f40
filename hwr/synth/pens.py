"""Pens: width of strokes, pressure, texture of the ink."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.synth import textures
from hwr.synth.ink import Ink
from hwr.synth.warp import smooth_noise

Field = NDArray[np.float32]

REACH = 4
"""Maximum pixels that a pen adds around the ink."""

_SHADES = (20.0, 20.0)  # pixels over which the darkness of ink changes
_THINNEST = -1.0  # pixels that a stroke may lose: hairlines stay visible
_THICKEST = 0.12  # maximum gain of a stroke, per height of small letters: with more, narrow letters run together
_WIDEST = 0.21  # width of a stroke, relative to the height of small letters, above which loops would fill


@dataclass(frozen=True)
class Pen:
    """A pen. Widths are in pixels of a line about 64 pixels high.

    Attributes:
        width: of a stroke.
        pressure: variation of the width along the line.
        broad: the nib draws down strokes thicker than up strokes.
        level: darkness, from 0 to 1.
        shade: variation of the darkness over some letters.
        grain: variation of single pixels, from the tooth of the paper.
        soft: blur in pixels.
    """

    width: float
    pressure: float
    broad: bool
    level: float
    shade: float
    grain: float
    soft: float


def draw_pen(generator: np.random.Generator) -> Pen:
    """Return a random pen: ballpoint, fountain pen, pencil, or felt tip."""
    kind = generator.random()
    a, b, c, d, e = (float(x) for x in generator.random(5))
    if kind < 0.42:
        return Pen(2.0 + 1.5 * a, 0.5 * b, False, 0.85 + 0.15 * c, 0.12 * d, 0.2 * e, 0.5)
    if kind < 0.72:
        return Pen(2.0 + 2.2 * a, 0.5 + b, e < 0.6, 0.9 + 0.1 * c, 0.25 * d, 0.05, 0.5)
    if kind < 0.87:
        return Pen(2.0 + 1.8 * a, 0.6 * b, False, 0.68 + 0.27 * c, 0.2 * d, 0.2 + 0.4 * e, 0.7)
    return Pen(3.4 + 2.4 * a, 0.4 * b, c < 0.3, 0.95 + 0.05 * d, 0.05, 0.04, 0.45)


def ink_with(pen: Pen, ink: Ink, stroke: float, x_height: float, generator: np.random.Generator) -> Ink:
    """Draw a line with a pen.

    Args:
        ink: uint8 (H, W), with at least REACH empty pixels around the ink.
        stroke: mean width of its strokes, in pixels.
        x_height: height of its small letters, in pixels.

    Returns:
        uint8 (H, W), 0 paper to 255 ink.
    """
    target = min(pen.width, _WIDEST * x_height)
    drawn = _widened(ink, float(np.clip(target - stroke, _THINNEST, _THICKEST * x_height)), pen, generator)
    shape = (ink.shape[0], ink.shape[1])
    darkness = pen.level * (1 + pen.shade * (textures.smooth(shape, _SHADES, generator) - 0.5))
    if pen.grain > 0.1:
        tooth = textures.cut(textures.paper_grain(), shape, generator)
        darkness *= 1 - pen.grain * np.clip(0.5 + tooth / 4, 0, 1) ** 2
    shaded = cv2.multiply(drawn, np.minimum(darkness, 1.0), dtype=cv2.CV_8U)
    return np.asarray(cv2.GaussianBlur(shaded, (3, 3), pen.soft), dtype=np.uint8)


def _widened(ink: Ink, change: float, pen: Pen, generator: np.random.Generator) -> Ink:
    """Return strokes wider or thinner by `change` pixels, varying along the line.

    Two pictures, one too thin and one too thick, are mixed: an edge pixel that is half ink moves the edge by half a
    pixel.
    """
    if change < 0:
        thin = np.asarray(cv2.erode(ink, _nib(3, False)), dtype=np.uint8)
        thick, part = ink, 1 + change / 2
    else:
        steps = int(change / 2)
        thin = _dilated(ink, 2 * steps + 1, pen.broad)
        thick, part = _dilated(ink, 2 * steps + 3, pen.broad), change / 2 - steps
    mix = part + 0.5 * pen.pressure * smooth_noise(ink.shape[1], 45.0, generator)
    mix = np.clip(mix, 0.5 if change < 0 else 0.0, 1.0).astype(np.float32)
    weights = np.broadcast_to(mix, ink.shape)
    added = cv2.multiply(cv2.subtract(thick, thin), np.ascontiguousarray(weights), dtype=cv2.CV_8U)
    return np.asarray(cv2.add(thin, added), dtype=np.uint8)


def _dilated(ink: Ink, size: int, broad: bool) -> Ink:
    return ink if size == 1 else np.asarray(cv2.dilate(ink, _nib(size, broad)), dtype=np.uint8)


@cache
def _nib(size: int, broad: bool) -> NDArray[np.uint8]:
    """Return the kernel of a round nib, or of a broad one held at an angle."""
    if not broad:
        shape = cv2.MORPH_CROSS if size == 3 else cv2.MORPH_ELLIPSE
        return np.asarray(cv2.getStructuringElement(shape, (size, size)), dtype=np.uint8)
    nib = np.zeros((size, size), np.uint8)
    nib[size // 2] = 1
    nib[size // 2 - 1, size // 2 + 1 :] = 1  # rises to the right
    nib[size // 2 + 1, : size // 2] = 1
    return nib
