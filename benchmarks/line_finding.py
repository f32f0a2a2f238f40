"""How well the line finder finds the lines of real pages.

    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet
    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet --draw FOLDER

The file has a page a row: `image`, `id`, and `lines` with a `baseline` each. A found line is right when it and one true
baseline cover each other to at least 70 % of their points, within a quarter of the page's distance between lines. So a
line in two pieces, two lines in one, and a cut end of a third of the line are all wrong. Printed are F1, precision and
recall a page, then pooled, and the milliseconds a page.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from hwr.geometry import BaselineMatch, match_baselines
from hwr.image import decode_image
from hwr.segment import Layout, find_lines


def measure(row: dict[str, Any], draw: Path | None) -> tuple[BaselineMatch, float]:
    """The match on one page and the seconds that it took."""
    page = decode_image(row["image"]["bytes"], row["id"])
    start = time.perf_counter()
    layout = find_lines(page)
    seconds = time.perf_counter() - start
    if draw is not None:
        cv2.imwrite(str(draw / (row["id"].replace("/", "_") + ".png")), picture(page, layout))
    true = [line["baseline"] for line in row["lines"] if line["baseline"] and len(line["baseline"]) > 1]
    return match_baselines(true, [line.baseline for line in layout.lines]), seconds


def picture(page: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """The page with baselines in red, polygons in changing colours, and the numbers of the reading order."""
    colours = [(255, 0, 0), (0, 160, 0), (200, 0, 200), (0, 140, 255)]
    drawn = cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)
    for number, line in enumerate(layout.lines):
        polygon, baseline = (np.array(points).round().astype(np.int32) for points in (line.polygon, line.baseline))
        cv2.polylines(drawn, [polygon], True, colours[number % 4], 1)
        cv2.polylines(drawn, [baseline], False, (0, 0, 255), 2)
        place = (int(baseline[0][0]) - 30, int(baseline[0][1]))
        cv2.putText(drawn, str(number + 1), place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 255), 2)
    return np.asarray(drawn, np.uint8)


def row_of(name: str, match: BaselineMatch, tail: str) -> str:
    """One line of the table."""
    rates = f"{match.f1:6.3f} {match.precision:9.3f} {match.recall:6.3f}"
    return f"{name[-60:]:60} {rates} {match.reference:5} {match.found:6} {tail}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write each page with its found lines")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
    print(f"{'page':60} {'F1':>6} {'precision':>9} {'recall':>6} {'true':>5} {'found':>6}     ms")
    total = BaselineMatch(0, 0, 0)
    matches: list[BaselineMatch] = []
    seconds: list[float] = []
    for batch in pyarrow.parquet.ParquetFile(arguments.parquet).iter_batches(batch_size=4):
        for row in batch.to_pylist():
            match, taken = measure(row, arguments.draw)
            print(row_of(row["id"], match, f"{1000 * taken:6.0f}"), flush=True)
            total += match
            matches.append(match)
            seconds.append(taken)
    print(row_of("all lines pooled", total, f"{1000 * float(np.median(seconds)):6.0f} (median)"))
    print(f"mean F1 of the pages {np.mean([match.f1 for match in matches]):.3f}")


if __name__ == "__main__":
    main()
