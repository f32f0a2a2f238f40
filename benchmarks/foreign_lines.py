"""Measure reading along lines from ALTO and PAGE files, and the quality of derived baselines and polygons.

    python -m benchmarks.foreign_lines ../shared/data/pages ../shared/data/page-geometry/train.parquet

The first argument is a folder of pages with their ALTO or PAGE XML. Printed for each page: the number of lines with a
text, and the CER of `hwr recognize --lines` along baselines and polygons as the file has them, with the polygons
derived from the baselines, and with the baselines derived from the polygons. Most lines of these pages are training
lines of the models that ship; the differences between the columns say more than the figures themselves.

The second has a page per row, `lines` with `baseline` and `polygon` each. Prints the positions of true baselines in
their polygons, the extent of polygons around them, and how far derived baselines are from true ones.
"""

import argparse
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from benchmarks.baselines import line_distance
from hwr.formats.read_file import read_page_file
from hwr.metrics import ErrorCounts, character_errors
from hwr.page.completing import complete_lines, derive_baseline
from hwr.page.geometry import as_points, bounding_box
from hwr.page.outlines import polygon_edges
from hwr.page.page import Page
from hwr.prepare.pages import PageFiles
from hwr.prepare.samples import Sample
from hwr.recognize.recognizer import Recognizer

STEEPEST = 0.3
"""Steeper baselines, and those shorter than 1.5 distances between lines, are left out of the second table."""
PLACES = 32


def without(page: Page, polygons: bool) -> Page:
    """Return the page with its polygons, or its baselines, derived from the others."""
    bare = [replace(line, polygon=()) if polygons else replace(line, baseline=()) for line in page.lines]
    return replace(page, lines=complete_lines(replace(line, words=()) for line in bare))


def errors(recognizer: Recognizer, image: Path, page: Page, texts: dict[str, str]) -> ErrorCounts:
    """Return the errors of the lines of a page; a line that was left out counts as not read."""
    read = {line.id: line.text for line in recognizer.read(image, lines=page).lines}
    return sum((character_errors(text, read.get(id, "")) for id, text in texts.items()), ErrorCounts())


def read_pages(folder: Path, model: str) -> None:
    """Print the first table."""
    recognizer = Recognizer(model)
    samples = defaultdict(list)
    for item in PageFiles(folder).items(images=False):
        if isinstance(item, Sample):
            samples[item.where.rpartition(", line ")[0]].append(item)
    print(f"{'page':45} {'lines':>5} {'as given':>9} {'polygons derived':>17} {'baselines derived':>18}")
    total = [ErrorCounts()] * 3
    for name, lines in samples.items():
        file = Path(name)
        page = read_page_file(file.read_bytes(), name)
        texts = {sample.id.rpartition("/")[2]: sample.text for sample in lines}
        variants = (page, without(page, polygons=True), without(page, polygons=False))
        found = [errors(recognizer, file.with_suffix(".jpg"), variant, texts) for variant in variants]
        total = [before + more for before, more in zip(total, found, strict=True)]
        print_rates(file.stem, len(texts), found)
    print_rates("all, pooled", sum(map(len, samples.values())), total)


def print_rates(name: str, lines: int, counts: Sequence[ErrorCounts]) -> None:
    """One line of the first table."""
    given, polygons, baselines = (count.rate for count in counts)
    print(f"{name[-45:]:45} {lines:5} {given:9.4f} {polygons:17.4f} {baselines:18.4f}", flush=True)


def measure_shapes(parquet: Path) -> None:
    """Print the second table."""
    figures: list[tuple[float, float, float, float]] = []
    for batch in pyarrow.parquet.ParquetFile(parquet).iter_batches(batch_size=16, columns=["lines"]):
        for row in batch.to_pylist():
            lines = [line for line in row["lines"] if has_both(line)]
            if len(lines) < 4:
                continue
            distance = line_distance([as_points(line["baseline"]) for line in lines])
            for line in lines:
                measured = measure_line(line, distance)
                if measured is not None:
                    figures.append(measured)
    shares, above, below, deviations = np.array(figures).T
    print(f"\n{len(shares)} lines of {parquet}: quartiles")
    for name, values in (
        ("baseline from the top of its polygon, in heights", shares),
        ("polygon above the baseline, in line distances", above),
        ("polygon below the baseline, in line distances", below),
        ("derived baseline from the true one, in line distances", deviations),
    ):
        print(f"{name:55}" + "".join(f"{value:7.3f}" for value in np.percentile(values, [25, 50, 75])))
    print(f"derived baselines within a quarter of the line distance: {np.mean(deviations < 0.25):.3f}")


def has_both(line: dict[str, Any]) -> bool:
    """Return whether a line has a baseline and a polygon."""
    return len(line["baseline"] or ()) > 1 and len(line["polygon"] or ()) > 3


def measure_line(line: dict[str, Any], distance: float) -> tuple[float, float, float, float] | None:
    """Return the figures of one line; None for lines that are steep, short, or have a polygon next to them."""
    base, polygon = as_points(line["baseline"]), as_points(line["polygon"])
    across, drop = base[-1] - base[0]
    left, _, right, _ = bounding_box(polygon)
    places = np.linspace(max(left, base[0, 0]) + 1, min(right, base[-1, 0]) - 1, PLACES)
    if across < 1.5 * distance or abs(drop) > STEEPEST * across or places[-1] <= places[0]:
        return None
    top, bottom = polygon_edges(polygon, places)
    if not (np.isfinite(top).all() and np.isfinite(bottom).all()):
        return None
    rows = np.interp(places, base[:, 0], base[:, 1])
    derived = as_points(derive_baseline(line["polygon"]))
    off = np.abs(np.interp(places, derived[:, 0], derived[:, 1]) - rows).mean()
    above, below, height = (float(np.median(size)) for size in (rows - top, bottom - rows, bottom - top))
    return above / height, above / distance, below / distance, float(off) / distance


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("geometry", type=Path)
    parser.add_argument("-m", "--model", default="small")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    read_pages(arguments.pages, arguments.model)
    measure_shapes(arguments.geometry)


if __name__ == "__main__":
    main()
