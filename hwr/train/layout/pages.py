"""Reads pages with the true geometry of their lines from Parquet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from hwr.errors import DataError
from hwr.files.images import decode_image
from hwr.page.geometry import Points, as_points, polygon_area, resample

PRINTED = ("print", "typewritten")
"""A line is printed if its type contains one of these words."""
STEP = 8.0
"""Pixels between the points of a baseline."""


@dataclass(frozen=True)
class TrueLine:
    """A baseline, points (n, 2) from the first letter to the last, and the height of the line's outline in pixels."""

    baseline: Points
    height: float
    printed: bool


@dataclass(frozen=True)
class TruePage:
    """A page, grey (H, W), and its lines."""

    id: str
    grey: NDArray[np.uint8]
    lines: tuple[TrueLine, ...]


def read_pages(path: Path) -> list[TruePage]:
    """Read all pages of a file.

    Raises:
        DataError: a column is missing.
    """
    try:
        rows = pyarrow.parquet.read_table(path, columns=["image", "id", "lines"]).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: no pages with lines: {error}") from None
    pages = []
    for row in rows:
        lines = [
            TrueLine(
                resample(line["baseline"], STEP),
                _height(line["baseline"], line["polygon"]),
                any(word in (line["line_type"] or "").lower() for word in PRINTED),
            )
            for line in row["lines"]
            if line["baseline"] and len(line["baseline"]) > 1
        ]
        pages.append(TruePage(row["id"], decode_image(row["image"]["bytes"], row["id"]), tuple(lines)))
    return pages


def _height(baseline: Sequence[Sequence[float]], polygon: Sequence[Sequence[float]] | None) -> float:
    """Return the mean height of the outline along the baseline; without an outline, guess it from the length."""
    base = as_points(np.asarray(baseline))
    length = max(1.0, float(np.hypot(*np.diff(base, axis=0).T).sum()))
    if not polygon or len(polygon) < 3:
        return min(40.0, length)
    return float(np.clip(polygon_area(np.asarray(polygon)) / length, 8.0, 300.0))
