"""Character error rates of pages with squares drawn on them.

    python -m benchmarks.squared_paper ../shared/data/page-geometry/val.parquet --pages 5

Each page is darkened along the rules of a grid that leans by 0.4 degrees: fine squares of 5 mm on a page of A4 width,
dark and thick ones, and the lines of French school paper (Seyès), which are closer in one direction. Printed is the
rate of the whole page, as in `benchmarks.page_reading`, on plain paper and with each grid, and its ratio to the first.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.pale_ink import print_table
from benchmarks.true_pages import page_arguments
from hwr.files.images import GreyImage

LEAN = 0.4


@dataclass(frozen=True)
class Grid:
    """A printed grid.

    Attributes:
        rows, columns: cells in the width of the page, by the distance of horizontal and of vertical rules.
        ink: share of the light that a rule takes.
        thickness: of a rule, in cells of `rows`.
    """

    rows: float
    columns: float
    ink: float
    thickness: float


GRIDS = {"fine": Grid(42, 42, 0.25, 0.05), "dark": Grid(42, 42, 0.5, 0.09), "seyes": Grid(105, 26, 0.3, 0.08)}


def squared(grey: GreyImage, grid: Grid) -> GreyImage:
    """Return a page with a grid."""
    height, width = grey.shape
    thickness = max(1, round(grid.thickness * width / grid.rows))
    light = np.ones(grey.shape, np.float32)
    for offset in range(thickness):
        light[np.arange(offset, height - 1, width / grid.rows).astype(int)] = 1 - grid.ink
        light[:, np.arange(offset, width - 1, width / grid.columns).astype(int)] = 1 - grid.ink
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), LEAN, 1.0)
    light = np.asarray(cv2.warpAffine(light, turn, (width, height), borderValue=1.0), np.float32)
    return np.asarray(np.round(grey * light), np.uint8)


def main() -> None:
    """Print the table."""
    arguments = page_arguments(__doc__).parse_args()
    print_table(arguments, ["plain", *GRIDS], lambda grey, _: [grey, *(squared(grey, grid) for grid in GRIDS.values())])


if __name__ == "__main__":
    main()
