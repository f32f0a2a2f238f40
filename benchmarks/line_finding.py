"""Measure how well the line finder finds the lines of real pages, and how long it takes.

    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet
    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet --draw FOLDER
    python -m benchmarks.line_finding ../shared/data/page-geometry/val.parquet --kraken VENV --kraken-lines FILE

Each row of the file is a page: `image`, `id`, and `lines` with a `baseline` each. For each page, the table gives F1,
precision and recall as the cBAD competitions measure them (`benchmarks.baselines`). The last rows give the same for all
lines pooled, and for the means of the pages' precision and recall, which is cBAD's own figure for a collection.

`whole` is a stricter F1 (`benchmarks.baselines.match_baselines`): a line is right if it and one true baseline cover
each other to at least 70 % of their points, within a quarter of the page's line distance. A line in two pieces, two
lines in one, and a line that lacks a third of its length are all wrong.

`apart` counts the lines found in stamps, seals and printed heads that the truth leaves out: on no true line, and to at
least 70 % in a box of `benchmarks/unmarked.toml`. All figures ignore them except F1 `all`, which counts them as wrong.

`core s` is the CPU time in seconds over all cores, which other work on the machine hardly changes; `ms` is the elapsed
time.

With `--kraken`, the default segmenter of kraken (the Python package with its own model, in an environment VENV) finds
the lines of the same pages on one core, in one process. The time for loading its model is printed separately. FILE
keeps its lines; with FILE alone the stored lines are evaluated again.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from benchmarks.baselines import BaselineMatch, BaselineScores, harmonic_mean, match_baselines, score_baselines
from benchmarks.shared import timed
from benchmarks.true_pages import is_inside, unmarked_outlines
from hwr.files.images import decode_image
from hwr.page.page import Point
from hwr.segment import Layout, find_lines

Polyline = Sequence[Point]
HERE = Path(__file__).parent
HEAD = f"{'F1':>6} {'prec.':>6} {'recall':>6} {'all':>6} {'whole':>6} {'found':>5} {'apart':>5} {'core s':>6} {'ms':>6}"


@dataclass(frozen=True)
class PageResult:
    """Figures for the lines of one page.

    Attributes:
        scores: without the lines apart.
        every: with them.
        whole: by the stricter measure, without the lines apart.
        apart: number of lines found in what the truth leaves out.
        core_seconds, seconds: processor time and time passed.
    """

    scores: BaselineScores
    every: BaselineScores
    whole: BaselineMatch
    apart: int
    core_seconds: float
    seconds: float


def compare(
    true: Sequence[Polyline], found: Sequence[Polyline], unmarked: Sequence[Sequence[Point]], times: tuple[float, float]
) -> PageResult:
    """Compare found baselines with true ones.

    Args:
        unmarked: outlines of what the truth leaves out.
        times: processor time and time passed.
    """
    every = score_baselines(true, found)
    counted = [
        line for line, score in zip(found, every.precisions, strict=True) if score > 0 or not is_inside(line, unmarked)
    ]
    apart = len(found) - len(counted)
    return PageResult(score_baselines(true, counted), every, match_baselines(true, counted), apart, *times)


def find(row: dict[str, Any], draw: Path | None) -> tuple[list[Polyline], tuple[float, float]]:
    """Return the baselines found on one page, processor time and elapsed time."""
    page = decode_image(row["image"]["bytes"], row["id"])
    layout, times = timed(lambda: find_lines(page))
    if draw is not None:
        cv2.imwrite(str(draw / (row["id"].replace("/", "_") + ".png")), picture(page, layout))
    return [line.baseline for line in layout.lines], (times.cores, times.passed)


def picture(page: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """Draw the page with baselines in red, polygons in changing colours, and the numbers of the reading order."""
    colours = [(255, 0, 0), (0, 160, 0), (200, 0, 200), (0, 140, 255)]
    drawn = cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)
    for number, line in enumerate(layout.lines):
        polygon, baseline = (np.array(points).round().astype(np.int32) for points in (line.polygon, line.baseline))
        cv2.polylines(drawn, [polygon], True, colours[number % 4], 1)
        cv2.polylines(drawn, [baseline], False, (0, 0, 255), 2)
        place = (int(baseline[0][0]) - 30, int(baseline[0][1]))
        cv2.putText(drawn, str(number + 1), place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 255), 2)
    return np.asarray(drawn, np.uint8)


# --- kraken ------------------------------------------------------------------------------------------------------


def run_kraken(venv: Path, rows: Sequence[dict[str, Any]], keep: Path | None) -> list[dict[str, Any]]:
    """Return the output of `benchmarks/kraken_lines.py` for each page, after that for loading the model."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, row in enumerate(rows):
            pixels = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR)
            files.append(str(Path(folder) / f"{number:04}.png"))
            assert pixels is not None
            cv2.imwrite(files[-1], pixels)
        command = [str(venv / "bin" / "python"), str(HERE / "kraken_lines.py"), *files]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    if keep is not None:
        keep.write_text(output)
    return [json.loads(line) for line in output.splitlines()]


def kraken_lines(
    arguments: argparse.Namespace, rows: Sequence[dict[str, Any]]
) -> list[tuple[list[Polyline], tuple[float, float]]]:
    """Return baselines and times of each page; none if kraken was not requested."""
    if arguments.kraken is not None:
        load, *pages = run_kraken(arguments.kraken, rows, arguments.kraken_lines)
    elif arguments.kraken_lines is not None:
        load, *pages = map(json.loads, arguments.kraken_lines.read_text().splitlines())
    else:
        return []
    print(f"kraken: importing it and loading its model took {load['load']:.1f} s, not counted below")
    return [(page["lines"], (page["cpu"], page["seconds"])) for page in pages]


# --- the table ---------------------------------------------------------------------------------------------------


def cells(result: PageResult) -> str:
    """Return the figures of a page, or of all."""
    scores = result.scores
    rates = (scores.f1, scores.precision, scores.recall, result.every.f1, result.whole.f1)
    counts = f"{result.whole.found + result.apart:5} {result.apart:5}"
    return (
        " ".join(f"{rate:6.3f}" for rate in rates)
        + f" {counts} {result.core_seconds:6.2f} {1000 * result.seconds:6.0f}"
    )


def pooled(results: Sequence[PageResult]) -> PageResult:
    """Return all lines of all pages, with the median of the times."""
    return PageResult(
        sum((result.scores for result in results), BaselineScores((), ())),
        sum((result.every for result in results), BaselineScores((), ())),
        sum((result.whole for result in results), BaselineMatch(0, 0, 0)),
        sum(result.apart for result in results),
        float(np.median([result.core_seconds for result in results])),
        float(np.median([result.seconds for result in results])),
    )


def mean_cells(results: Sequence[PageResult]) -> str:
    """Return F1, precision, recall, F1 of every line and F1 of whole lines, from means of the pages."""
    precision, recall, every_precision, every_recall, whole = np.mean(
        [(r.scores.precision, r.scores.recall, r.every.precision, r.every.recall, r.whole.f1) for r in results],
        axis=0,
    )
    rates = (harmonic_mean(precision, recall), precision, recall, harmonic_mean(every_precision, every_recall), whole)
    return " ".join(f"{rate:6.3f}" for rate in rates) + 26 * " "


def print_totals(columns: Sequence[Sequence[PageResult]]) -> None:
    """Print all lines pooled, means and worst of the pages; times are medians."""
    print(f"{'all lines pooled, median times':51}" + " | ".join(cells(pooled(results)) for results in columns))
    print(f"{'mean of the pages':51}" + " | ".join(mean_cells(results) for results in columns))
    worst = [f"{min(result.scores.f1 for result in results):6.3f}" + 54 * " " for results in columns]
    print(f"{'worst page':51}" + " | ".join(worst))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write each page with its found lines")
    parser.add_argument("--kraken", type=Path, metavar="VENV", help="compare with kraken in this environment")
    parser.add_argument("--kraken-lines", type=Path, metavar="FILE", help="keep what kraken found, or print it again")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    if arguments.draw is not None:
        arguments.draw.mkdir(parents=True, exist_ok=True)
    outlines = unmarked_outlines()
    rows = pyarrow.parquet.read_table(arguments.parquet).to_pylist()
    peers = kraken_lines(arguments, rows)
    print(f"{'page':45} {'true':>5} {HEAD}" + (f" | {HEAD} kraken" if peers else ""), flush=True)
    ours: list[PageResult] = []
    theirs: list[PageResult] = []
    for number, row in enumerate(rows):
        true = [line["baseline"] for line in row["lines"] if line["baseline"] and len(line["baseline"]) > 1]
        unmarked = outlines.get(row["id"], [])
        lines, times = find(row, arguments.draw)
        ours.append(compare(true, lines, unmarked, times))
        text = f"{row['id'][-45:]:45} {len(true):5} {cells(ours[-1])}"
        if peers:
            lines, times = peers[number]
            theirs.append(compare(true, lines, unmarked, times))
            text += f" | {cells(theirs[-1])}"
        print(text, flush=True)
    print_totals([ours, theirs] if peers else [ours])


if __name__ == "__main__":
    main()
