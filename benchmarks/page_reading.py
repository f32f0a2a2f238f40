"""Measure the reading of whole pages and its cost: finding the lines, reading them, putting them in order.

    python -m benchmarks.page_reading ../shared/data/page-geometry/val.parquet
    python -m benchmarks.page_reading ../shared/data/page-geometry/val.parquet -m small --size 2500 3500 --threads 2

The pages are in English and French. For each page and for all pages together, the table gives these character error
rates:

    page     of `Recognizer.read`: found lines in its reading order, without those in stamps and printed heads
    ordered  of the same lines in the true order; the difference is the cost of the order
    true     of the lines cut along their true outlines, in the true order
    all      as `page`, but with every found line
    file     as `all`, but compared with the order of the file, which is not always the reading order

All lines of a page are joined, and whitespace is collapsed. `ratio` is `page` divided by `true`. Two figures measure
the order alone: `page` divided by `ordered`, and Spearman's footrule of the lines, which is 0 in the true order.
`benchmarks/true_pages.py` describes how the texts are prepared.

The times are those for finding the lines, and for all of `Recognizer.read` from the pixels on: elapsed time, and CPU
time over all cores, which other work on the machine hardly changes. The peak memory is that of the whole process, this
benchmark included. `--size` enlarges the pages first.
"""

import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.shared import Seconds, timed
from benchmarks.true_pages import (
    TrueLine,
    TruePage,
    chosen_pages,
    counted,
    in_true_order,
    joined_errors,
    make_recognizer,
    order_error,
    page_arguments,
    read_true_lines,
)
from hwr.files.images import GreyImage, decode_image
from hwr.metrics import ErrorCounts, character_errors
from hwr.page.page import Point
from hwr.recognize.recognizer import Recognizer
from hwr.segment import find_lines

KINDS = ("page", "ordered", "true", "all", "file")


@dataclass(frozen=True)
class PageResult:
    """Errors and seconds of one page."""

    page: ErrorCounts
    ordered: ErrorCounts
    true: ErrorCounts
    all: ErrorCounts
    file: ErrorCounts
    footrule: float
    finding: Seconds
    reading: Seconds


def enlarged(grey: GreyImage, page: TruePage, size: tuple[int, int]) -> tuple[GreyImage, TruePage]:
    """Return the page stretched to a width and height."""
    across, down = size[0] / grey.shape[1], size[1] / grey.shape[0]

    def scaled(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple((x * across, y * down) for x, y in points)

    lines = tuple(TrueLine(scaled(line.baseline), scaled(line.polygon), line.text) for line in page.lines)
    image = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
    unmarked = tuple(scaled(outline) for outline in page.unmarked)
    return np.asarray(image, np.uint8), replace(page, lines=lines, unmarked=unmarked)


def measure(recognizer: Recognizer, page: TruePage, grey: GreyImage) -> PageResult:
    """Read one page in both ways."""
    _, finding = timed(lambda: find_lines(grey))
    read, reading = timed(lambda: recognizer.read(grey))
    every = [line.text for line in read.lines]
    lines = counted(page, read.lines)
    texts = [line.text for line in lines]
    return PageResult(
        joined_errors(page, texts),
        joined_errors(page, in_true_order(page, [line.baseline for line in lines], texts)),
        joined_errors(page, read_true_lines(recognizer, grey, page.lines)),
        joined_errors(page, every),
        character_errors(page.file_text, " ".join(every)),
        order_error(page, [line.baseline for line in lines]),
        finding,
        reading,
    )


def print_row(name: str, errors: Sequence[ErrorCounts], tail: str) -> None:
    """Print one line of the table, from the errors in the order of `KINDS`."""
    page, _, true, *_ = errors
    ratio = page.rate / true.rate if true.rate else float("nan")
    rates = " ".join(f"{error.rate:7.4f}" for error in errors)
    print(f"{name[-50:]:50} {true.reference_length:6} {rates} {ratio:6.2f} {tail}", flush=True)


def print_totals(results: Sequence[PageResult]) -> None:
    """Print the rates of all pages pooled, and the median and maximum times."""
    errors = [sum((getattr(result, kind) for result in results), ErrorCounts()) for kind in KINDS]
    print_row("all pages pooled", errors, "")
    order = errors[0].rate / errors[1].rate if errors[1].rate else float("nan")
    footrules = [result.footrule for result in results]
    print(f"order: page over ordered {order:.3f}; footrule mean {np.mean(footrules):.4f}, maximum {max(footrules):.4f}")
    for name, times in (
        ("finding the lines", [result.finding for result in results]),
        ("whole page", [result.reading for result in results]),
    ):
        passed, cores = [seconds.passed for seconds in times], [seconds.cores for seconds in times]
        print(
            f"{name:18} median {np.median(passed):5.2f} s, maximum {max(passed):5.2f} s; "
            f"processor time {np.median(cores):5.2f} s, {max(cores):5.2f} s"
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of the process {memory / 1024:.0f} MiB")


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="pixels of the pages")
    arguments = parser.parse_args()
    recognizer = make_recognizer(arguments)
    print(f"model {recognizer.name}, decoder {recognizer.decoder.name}, {arguments.threads} threads")
    names = " ".join(f"{kind:>7}" for kind in KINDS)
    print(f"{'page':50} {'chars':>6} {names} {'ratio':>6} {'find':>6} {'read':>6} ms")
    results: list[PageResult] = []
    for page in chosen_pages(arguments):
        grey = decode_image(page.image, page.id)
        if arguments.size:
            grey, page = enlarged(grey, page, tuple(arguments.size))
        result = measure(recognizer, page, grey)
        results.append(result)
        times = f"{1000 * result.finding.passed:6.0f} {1000 * result.reading.passed:6.0f}"
        print_row(page.id, [getattr(result, kind) for kind in KINDS], times)
    print_totals(results)


if __name__ == "__main__":
    main()
