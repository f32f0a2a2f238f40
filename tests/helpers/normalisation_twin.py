"""Steps of line normalisation done the obvious way: quantiles by sorting, masks, and the energies of all shears."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr import line as normalisation
from hwr.files.images import GreyImage
from hwr.line import FAINTEST, INK_LEVEL, NOISE_FLOOR, SHEARS, SLANT_ROWS, shrink


def quantiles(grey: GreyImage, *shares: float) -> list[float]:
    """Return quantiles of the levels."""
    return [float(value) for value in np.quantile(grey, shares)]


def even_out(grey: GreyImage) -> NDArray[np.float32]:
    """Return ink between 0 and 1 on paper at 0."""
    grey = normalisation._dark_on_light(grey)
    depth = cv2.subtract(normalisation._paper(grey), grey)
    threshold, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    strokes = depth[depth > max(threshold, FAINTEST)]
    if strokes.size == 0:
        return np.zeros(grey.shape, np.float32)
    contrast = float(strokes.mean())
    floor = NOISE_FLOOR * contrast
    gain = INK_LEVEL / (contrast - floor)  # single precision, in this order: the pixels have to be the same
    return np.clip((depth.astype(np.float32) - floor) * gain, 0, 1)


def slant(ink: NDArray[np.float32]) -> float:
    """Return the shear at the top of the parabola through the greatest of all energies and its neighbours."""
    small, _ = shrink(ink, SLANT_ROWS)
    height, width = small.shape
    margin = int(np.ceil(height / 2))
    energy = []
    for shear in SHEARS:
        matrix = np.array([[1, shear, margin - shear * height / 2], [0, 1, 0]])
        sheared = cv2.warpAffine(small, matrix, (width + 2 * margin, height), flags=cv2.INTER_LINEAR)
        energy.append(float(np.square(cv2.reduce(sheared, 0, cv2.REDUCE_SUM)).sum()))
    best = int(np.argmax(energy))
    if not 0 < best < len(SHEARS) - 1:
        return float(SHEARS[best])
    before, at, after = energy[best - 1 : best + 2]
    curvature = before - 2 * at + after
    offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return float(SHEARS[best] + offset * (SHEARS[1] - SHEARS[0]))
