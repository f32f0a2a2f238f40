"""Measure the time of line normalisation, and compare ways to choose its scale.

    python -m benchmarks.normalisation [../shared/data] [--height 48] [--sets iam-lines hooker ...] [--lines 600]

The first figure is the time of `normalise_line` for an image of 130 x 1700 pixels, on one thread.

The table then shows, for each validation set, how uniform the size of the letters is with each way to choose the scale.
The true size of the letters is unknown. It is estimated by the columns per character: the width of the inked part at
that scale, divided by the length of the text. Lines of one page are by one hand, which writes at about the same width,
so the standard deviation of log(columns per character) within the pages should be small. This is a proxy for the error
rate. It also varies with the text (many `i` or many `m`), but equally for all scales.

    raw        scale = height / height of the image
    box        scale = height / (rows from the first to the last ink)
    moments    scale = SPREAD * height / (standard deviation of the ink over the rows)
    combined   that of `normalise_line`: geometric mean of moments and image height, with its limits
"""

import argparse
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr import line as image
from hwr.errors import InputError
from hwr.files.images import decode_image
from hwr.store.lines import LineStore, StoredLine

SETS = ("iam-lines", "iam-ondb", "hooker", "copiste-fr", "french-archives", "stanford-memorials")
RUNS = 41
INKED = 0.16  # ink above which a column counts as inked, as in the normalisation (40 of 255)

Ink = NDArray[np.float32]
Scale = Callable[[Ink, int], float]


def profile_of(ink: Ink) -> tuple[NDArray[np.float64], float]:
    """Share of the ink in each row, and its standard deviation in rows."""
    profile: NDArray[np.float64] = ink.sum(axis=1, dtype=np.float64)
    profile /= profile.sum()
    rows = np.arange(len(profile)) + 0.5
    mean = float((profile * rows).sum())
    return profile, math.sqrt(float((profile * (rows - mean) ** 2).sum()))


def raw_scale(ink: Ink, height: int) -> float:
    """By the height of the image."""
    return height / float(ink.shape[0])


def box_scale(ink: Ink, height: int) -> float:
    """By the height of the ink box."""
    rows = np.flatnonzero(ink.max(axis=1) > INKED)
    return height / float(rows[-1] - rows[0] + 1)


def moment_scale(ink: Ink, height: int) -> float:
    """By the spread of the ink over the rows."""
    return image.SPREAD * height / max(profile_of(ink)[1], 0.5)


def combined_scale(ink: Ink, height: int) -> float:
    """Return the scale that ships."""
    return image._scale(*profile_of(ink), height)


SCALES: dict[str, Scale] = {
    "raw": raw_scale,
    "box": box_scale,
    "moments": moment_scale,
    "combined": combined_scale,
}


def inked_columns(ink: Ink, shear: float) -> int:
    """Return the columns from the first to the last ink after a shear."""
    rows, columns = ink.shape
    margin = math.ceil(abs(shear) * rows / 2)
    matrix = np.array([[1, shear, margin - shear * rows / 2], [0, 1, 0]])
    sheared = cv2.warpAffine(ink, matrix, (columns + 2 * margin, rows))
    found = np.flatnonzero(sheared.max(axis=0) > INKED)
    return int(found[-1] - found[0] + 1) if found.size else 0


def measure_line(line: StoredLine, height: int) -> dict[tuple[str, bool], float] | None:
    """log(columns per character) for each scale, without and with slant removed; None where there is nothing to see."""
    if len(line.text) < 5:
        return None  # a width of two letters says little
    try:
        grey = decode_image(line.image, line.id)
    except InputError:
        return None
    small, _ = image.shrink(grey, round(image.WORKING_HEIGHT * height))
    ink = image._even_out(small)
    widths = {False: inked_columns(ink, 0.0), True: inked_columns(ink, image._slant(ink))}
    if min(widths.values()) == 0:
        return None
    return {
        (name, upright): math.log(scale(ink, height) * width / len(line.text))
        for name, scale in SCALES.items()
        for upright, width in widths.items()
    }


def within(groups: Iterable[list[float]]) -> float:
    """Return the pooled standard deviation around the mean of each group; groups of one are left out."""
    kept = [group for group in groups if len(group) > 1]
    squares = sum(sum((value - statistics.fmean(group)) ** 2 for value in group) for group in kept)
    freedom = sum(len(group) - 1 for group in kept)
    return math.sqrt(squares / freedom) if freedom else math.nan


def compare(data: Path, name: str, height: int, limit: int) -> None:
    """Print the table rows of one set."""
    pages: dict[tuple[str, bool], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    lines = list(LineStore(data / name, "val"))
    counted = 0
    for line in lines[:: max(1, math.ceil(len(lines) / limit))]:
        found = measure_line(line, height)
        counted += found is not None
        for key, value in (found or {}).items():
            pages[key][line.page or line.writer or "one page"].append(value)
    for upright in (False, True):
        cells = []
        for scale in SCALES:
            groups = pages[scale, upright]
            total = statistics.stdev([value for group in groups.values() for value in group])
            cells.append(f"{within(groups.values()):.3f} / {total:.3f}")
        head = f"{name} ({counted} lines, {len(groups)} pages)" if not upright else ""
        print(f"| {head} | {'removed' if upright else 'kept'} | {' | '.join(cells)} |", flush=True)


def time_one(height: int) -> float:
    """Return the median milliseconds of `normalise_line` on 130 x 1700 pixels of slanted strokes on grainy paper."""
    generator = np.random.default_rng(0)
    grey = generator.normal(225, 4, (130, 1700)).clip(0, 255).astype(np.uint8)
    for start in range(20, 1680, 14):
        top, bottom = generator.integers(20, 60), generator.integers(70, 110)
        cv2.line(grey, (start + 12, int(top)), (start, int(bottom)), 40, 4, cv2.LINE_AA)
    times = []
    for _ in range(RUNS):
        start_time = time.process_time()
        image.normalise_line(grey, height)
        times.append(time.process_time() - start_time)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of prepared sets; without it only the time")
    parser.add_argument("--height", type=int, default=48)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--lines", type=int, default=600, help="maximum lines of each set, evenly spread")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for height in (48, 64):
        print(f"130 x 1700 to height {height}: {time_one(height):.2f} ms (median of {RUNS}, one thread)", flush=True)
    if arguments.data is None:
        return
    print(f"\n| set | slant | {' | '.join(SCALES)} |\n|---|---|{'---|' * len(SCALES)}")
    for name in arguments.sets:
        compare(arguments.data, name, arguments.height, arguments.lines)


if __name__ == "__main__":
    main()
