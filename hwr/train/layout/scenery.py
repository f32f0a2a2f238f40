"""Pictures without writing, drawn from noise, edges and shapes, like the surroundings of pages."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage


def draw_scenery(size: int, random: np.random.Generator) -> GreyImage:
    """Draw a picture of `size` x `size` pixels that contains no line of writing."""
    image = _clouds(size, random)
    for _ in range(int(random.integers(0, 12))):
        _shape(image, random)
    if random.random() < 0.5:
        image += 0.5 * random.uniform(0, 1) * _clouds(size, random)
    low, high = np.percentile(image, [1, 99])
    level = np.clip((image - low) / max(1e-3, float(high - low)), 0, 1)
    dark, light = sorted(random.uniform(0, 255, 2))
    return np.asarray(dark + (light - dark) * level, np.uint8)


def _clouds(size: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw noise of all scales, often stretched in one direction; its strength is a power of its scale."""
    image = np.zeros((size, size), np.float32)
    power, stretch = random.uniform(0.3, 1.6), np.exp(random.normal(0, 0.8))
    cells = 2.0
    while cells < size:
        across, down = (max(2, int(min(size, cells * side))) for side in (stretch, 1 / stretch))
        noise = random.standard_normal((down, across), dtype=np.float32)
        image += cells**-power * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        cells *= 2
    return image


def _shape(image: NDArray[np.float32], random: np.random.Generator) -> None:
    """Draw an edge, a bar, a disc or a polygon over the picture."""
    size = len(image)
    level = float(random.normal(0, 2 * image.std()))
    points = random.uniform(-0.2 * size, 1.2 * size, (int(random.integers(2, 6)), 2)).astype(np.int32)
    kind = random.integers(3)
    if kind == 0:
        cv2.polylines(image, [points], bool(random.integers(2)), level, int(random.integers(1, 30)), cv2.LINE_AA)
    elif kind == 1:
        cv2.fillPoly(image, [points], level)
    else:
        thickness = int(random.choice([-1, 2, 6, 15]))
        cv2.circle(image, (int(points[0, 0]), int(points[0, 1])), int(random.integers(4, size // 3)), level, thickness)
