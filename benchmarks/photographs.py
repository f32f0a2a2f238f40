"""Measure how much worse pages are read from a phone's photograph than from their scan.

    python -m benchmarks.photographs ../shared/data/page-geometry/val.parquet
    python -m benchmarks.photographs ../shared/data/page-geometry/val.parquet --seeds 3 --write FOLDER

`benchmarks/phone.py` turns each page into simulated photographs, one for each seed: curled and waved, at an angle, on a
table, in uneven light with a shadow, slightly blurred, with noise, as JPEG. The true lines are moved along. For each
page and for all pages together, the table compares scan and photograph: the character error rate of the whole page (as
in `benchmarks.page_reading`), that of the lines cut along their true outlines, and F1 of the baselines by the cBAD
measure. `grows` is the ratio of the error rates. Lines found in stamps and printed heads are left out. The pages are
in English and French.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.baselines import BaselineScores, score_baselines
from benchmarks.phone import Phone, Photograph, photograph
from benchmarks.true_pages import (
    TrueLine,
    TruePage,
    chosen_pages,
    counted,
    joined_errors,
    make_recognizer,
    page_arguments,
    read_true_lines,
)
from hwr.files.images import decode_image
from hwr.metrics import ErrorCounts
from hwr.page.geometry import resample
from hwr.page.page import Point
from hwr.recognize.recognizer import Recognizer

POINTS_APART = 20.0
"""Pixels between the points of lines that are moved: straight lines become bent ones."""


@dataclass(frozen=True)
class Result:
    """Results for one image of a page: the whole page, its lines by the true geometry, and its baselines."""

    page: ErrorCounts
    true: ErrorCounts
    scores: BaselineScores

    def __add__(self, other: "Result") -> "Result":
        return Result(self.page + other.page, self.true + other.true, self.scores + other.scores)


def read(recognizer: Recognizer, page: TruePage) -> Result:
    """Read an image of a page, whose lines are those of the image."""
    found = counted(page, recognizer.read(page.image).lines)
    lines = read_true_lines(recognizer, decode_image(page.image, page.id), page.lines)
    return Result(
        joined_errors(page, [line.text for line in found]),
        joined_errors(page, lines),
        score_baselines([line.baseline for line in page.lines], [line.baseline for line in found]),
    )


def moved(page: TruePage, photo: Photograph) -> TruePage:
    """Return the page as it is on the photograph."""

    def place(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple((float(x), float(y)) for x, y in photo.move(resample(points, POINTS_APART)))

    lines = tuple(
        TrueLine(place(line.baseline), place((*line.polygon, line.polygon[0])), line.text) for line in page.lines
    )
    unmarked = tuple(place((*outline, outline[0])) for outline in page.unmarked)
    return replace(page, image=photo.jpeg, lines=lines, unmarked=unmarked)


def draw(path: Path, photo: Photograph, lines: Sequence[TrueLine]) -> None:
    """Write a photograph with its true baselines in red."""
    points = [np.array(line.baseline).round().astype(np.int32) for line in lines]
    cv2.imwrite(str(path), cv2.polylines(photo.pixels.copy(), points, False, (0, 0, 255), 2))


def print_row(name: str, scan: Result, photo: Result) -> None:
    """One line of the table."""
    pairs = ((scan.page.rate, photo.page.rate), (scan.true.rate, photo.true.rate))
    cells = [f"{a:7.4f} {b:7.4f} {b / a if a else float('nan'):6.2f}" for a, b in pairs]
    print(f"{name[-50:]:50} {' | '.join(cells)} | {scan.scores.f1:6.3f} {photo.scores.f1:6.3f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="photographs of each page")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the photographs, true baselines in red")
    arguments = parser.parse_args()
    if arguments.write is not None:
        arguments.write.mkdir(parents=True, exist_ok=True)
    recognizer = make_recognizer(arguments)
    print(f"{'':50} {'CER of the page':22} | {'by the true geometry':22} | {'F1':13}")
    names = f"{'scan':>7} {'photo':>7} {'grows':>6}"
    print(f"{'page':50} {names} | {names} | {'scan':>6} {'photo':>6}")
    scans = photos = Result(ErrorCounts(), ErrorCounts(), BaselineScores((), ()))
    for number, page in enumerate(chosen_pages(arguments)):
        pixels = np.asarray(cv2.imdecode(np.frombuffer(page.image, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        scan = read(recognizer, page)
        for seed in range(arguments.seeds):
            photo = photograph(pixels, Phone(), 1000 * number + seed)
            there = moved(page, photo)
            if arguments.write is not None:
                draw(arguments.write / f"{number:02}-{seed}.jpg", photo, there.lines)
            result = read(recognizer, there)
            print_row(page.id, scan, result)
            scans, photos = scans + scan, photos + result
    print_row("all pages pooled", scans, photos)


if __name__ == "__main__":
    main()
