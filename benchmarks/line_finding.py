"""How well the line finder finds the lines of real pages.

    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet
    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet --draw FOLDER

The file has a page a row: `image`, `id`, and `lines` with a `baseline` each. Printed are, a page, F1, precision and
recall as the cBAD competitions measure them (`hwr.baselines`), and the milliseconds; then the same of all lines pooled,
and of the pages' mean precision and recall, which is cBAD's own figure for a collection. `whole` is a stricter F1
(`hwr.geometry.match_baselines`): a line is right when it and one true baseline cover each other to at least 70 % of
their points within a quarter of the page's distance between lines; a line in two pieces, two lines in one, and a cut
end of a third of the line are all wrong.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from hwr.baselines import BaselineScores, harmonic_mean, score_baselines
from hwr.geometry import BaselineMatch, match_baselines
from hwr.image import decode_image
from hwr.segment import Layout, find_lines


@dataclass(frozen=True)
class PageResult:
    """How well the lines of one page were found, by both measures."""

    name: str
    scores: BaselineScores
    whole: BaselineMatch
    seconds: float


def measure(row: dict[str, Any], draw: Path | None) -> PageResult:
    """Find the lines of one page and compare them with the truth."""
    page = decode_image(row["image"]["bytes"], row["id"])
    start = time.perf_counter()
    layout = find_lines(page)
    seconds = time.perf_counter() - start
    if draw is not None:
        cv2.imwrite(str(draw / (row["id"].replace("/", "_") + ".png")), picture(page, layout))
    true = [line["baseline"] for line in row["lines"] if line["baseline"] and len(line["baseline"]) > 1]
    found = [line.baseline for line in layout.lines]
    return PageResult(row["id"], score_baselines(true, found), match_baselines(true, found), seconds)


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


def print_row(name: str, rates: Sequence[float], counts: str, tail: str) -> None:
    """One line of the table: F1, precision, recall and F1 of whole lines."""
    f1, precision, recall, whole = rates
    print(f"{name[-60:]:60} {f1:6.3f} {precision:9.3f} {recall:6.3f} {whole:6.3f} {counts} {tail}", flush=True)


def print_result(result: PageResult, tail: str) -> None:
    """The line of a page, or of all."""
    scores, whole = result.scores, result.whole
    rates = (scores.f1, scores.precision, scores.recall, whole.f1)
    print_row(result.name, rates, f"{whole.reference:5} {whole.found:6}", tail)


def print_totals(results: Sequence[PageResult]) -> None:
    """All lines pooled, and means of the pages."""
    median = float(np.median([result.seconds for result in results]))
    scores = sum((result.scores for result in results), BaselineScores((), ()))
    whole = sum((result.whole for result in results), BaselineMatch(0, 0, 0))
    print_result(PageResult("all lines pooled", scores, whole, median), f"{1000 * median:6.0f} (median)")
    precision, recall, strict = (
        float(np.mean(values))
        for values in zip(*((r.scores.precision, r.scores.recall, r.whole.f1) for r in results), strict=True)
    )
    print_row("mean of the pages", (harmonic_mean(precision, recall), precision, recall, strict), 12 * " ", "")
    worst = min(results, key=lambda result: result.scores.f1)
    print(f"worst page {worst.scores.f1:.3f}")


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
    print(f"{'page':60} {'F1':>6} {'precision':>9} {'recall':>6} {'whole':>6} {'true':>5} {'found':>6}     ms")
    results: list[PageResult] = []
    for batch in pyarrow.parquet.ParquetFile(arguments.parquet).iter_batches(batch_size=4):
        for row in batch.to_pylist():
            results.append(measure(row, arguments.draw))
            print_result(results[-1], f"{1000 * results[-1].seconds:6.0f}")
    print_totals(results)


if __name__ == "__main__":
    main()
