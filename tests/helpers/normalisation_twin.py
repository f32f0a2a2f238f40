"""Two steps of line normalisation done the obvious way: quantiles by sorting, and the energies of all shears."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.line import SHEARS, SLANT_ROWS, shrink


def quantiles(grey: GreyImage, *shares: float) -> list[float]:
    """Return quantiles of the levels."""
    return [float(value) for value in np.quantile(grey, shares)]


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
