"""Character error rates of pages in a hard shadow, of two levels, or worn.

    python -m benchmarks.damaged_pages ../shared/data/page-geometry/val.parquet --pages 5
    python -m benchmarks.damaged_pages ../shared/data/page-geometry/val.parquet --damage shadow worn

Each page is damaged in these ways, with the number of the page as seed:

- `shadow`: the hard-edged shadow of a phone or a hand falls on half of the page, and leaves 35 to 65 % of the light;
- `dither`: reduced to black and white by error diffusion (Floyd and Steinberg 1976), as in a halftone scan;
- `bayer`: the same by the threshold matrix of Bayer (1973);
- `two`: reduced to black and white, each pixel by the mean of its surroundings;
- `worn`: a third of the contrast, blur and noise.

Printed is the rate of the whole page, as in `benchmarks.page_reading`, as it is and with each damage, and its ratio to
the first.
"""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from benchmarks.pale_ink import faded, print_table
from benchmarks.true_pages import page_arguments
from hwr.files.images import GreyImage

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
SURROUNDINGS, BELOW = 61, 18
"""Side of the surroundings, in pixels, and grey levels between their mean and the threshold."""
SOFT = 1.5
"""Standard deviation of the edge of a shadow, in pixels."""


def shadowed(grey: GreyImage, seed: int) -> GreyImage:
    """Return a page with a shadow over about half of it, bounded by a straight line at any angle."""
    random = np.random.default_rng(seed)
    height, width = grey.shape
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side = (x - width * random.uniform(0.35, 0.65)) * np.cos(angle) + (
        y - height * random.uniform(0.35, 0.65)
    ) * np.sin(angle)
    light = cv2.GaussianBlur(np.where(side > 0, random.uniform(0.35, 0.65), 1.0), (0, 0), SOFT)
    return np.asarray(np.round(grey * light), np.uint8)


def dithered(grey: GreyImage, seed: int) -> GreyImage:
    """Return a page in black and white, by error diffusion."""
    return np.asarray(Image.fromarray(grey).convert("1").convert("L"), np.uint8)


def ordered(grey: GreyImage, seed: int) -> GreyImage:
    """Return a page in black and white, by a matrix of thresholds."""
    height, width = grey.shape
    thresholds = np.tile((BAYER + 0.5) * 16, (height // 4 + 1, width // 4 + 1))[:height, :width]
    return np.where(grey > thresholds, 255, 0).astype(np.uint8)


def two_levels(grey: GreyImage, seed: int) -> GreyImage:
    """Return a page in black and white, by a threshold below the mean of the surroundings."""
    return np.asarray(
        cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, SURROUNDINGS, BELOW), np.uint8
    )


def worn(grey: GreyImage, seed: int) -> GreyImage:
    """Return a page with less contrast, blur and noise."""
    return faded(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.2), np.uint8), 0.33, 4.0, seed)


DAMAGES: dict[str, Callable[[GreyImage, int], GreyImage]] = {
    "shadow": shadowed,
    "dither": dithered,
    "bayer": ordered,
    "two": two_levels,
    "worn": worn,
}


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--damage", nargs="+", choices=DAMAGES, default=list(DAMAGES))
    arguments = parser.parse_args()
    names = arguments.damage

    def vary(grey: GreyImage, number: int) -> list[GreyImage]:
        return [grey, *(DAMAGES[name](grey, number) for name in names)]

    print_table(arguments, ["plain", *names], vary)


if __name__ == "__main__":
    main()
