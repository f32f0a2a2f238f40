"""Time the reading of whole pages of a letter's length, with each model and precision.

    python -m benchmarks.page_speed ../shared/data/page-geometry/val.parquet [-m MODEL]... [--pages 3] [--threads 2]

DATA has a page a row: `image` and `lines`. The first pages with a number of lines from the first to the second of
`--lines` are read. Printed for each model and precision are medians over the pages: seconds that passed, and processor
seconds

    read     of `Recognizer.read`, from the pixels to words with boxes, after a first page
    command  of `hwr recognize FILE`, a process of its own that uses all cores

All take turns on each page, so that other work on the machine slows all alike; its load is printed.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import pyarrow.parquet

from benchmarks.shared import Seconds, time_process, timed
from hwr.files.documents import to_grey
from hwr.recognize.models import Precision, model_names, precisions
from hwr.recognize.recognizer import Recognizer


def write_pages(data: Path, folder: Path, fewest: int, most: int) -> Iterator[Path]:
    """Write the images of the pages whose number of lines is in the range; yield their files."""
    for number, row in enumerate(pyarrow.parquet.read_table(data, columns=["image", "lines"]).to_pylist()):
        if fewest <= len(row["lines"]) <= most:
            file = folder / f"{number}{Path(row['image']['path']).suffix}"
            file.write_bytes(row["image"]["bytes"])
            yield file


def time_read(recognizer: Recognizer, page: Path) -> Seconds:
    """Time the reading of a page in this process."""
    grey = to_grey(page)
    return timed(lambda: recognizer.read(grey))[1]


def time_command(model: str, precision: Precision, page: Path) -> Seconds:
    """Time the reading of a page in a process of its own."""
    command = [sys.executable, "-m", "hwr", "recognize", "-m", model, "--precision", precision, str(page)]
    return time_process(command)[0]


def print_row(model: str, precision: Precision, pairs: Sequence[tuple[Seconds, Seconds]]) -> None:
    """Print the medians of a model in one precision: of reading, and of commands."""
    figures = [
        statistics.median(getattr(pair[kind], name) for pair in pairs)
        for kind in (0, 1)
        for name in ("passed", "cores")
    ]
    print(f"{model:10} {precision:5}" + "".join(f"{figure:9.2f} s" for figure in figures))


def main() -> None:
    """Read all pages with all models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-m", "--model", action="append", help="may be repeated; all that ship if not given")
    parser.add_argument("--lines", type=int, nargs=2, default=(23, 25), metavar=("FEWEST", "MOST"))
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    readers = {
        (model, precision): Recognizer(model, threads=arguments.threads, precision=precision)
        for model in arguments.model or model_names()
        for precision in precisions(model)
    }
    taken: dict[tuple[str, Precision], list[tuple[Seconds, Seconds]]] = {reader: [] for reader in readers}
    with tempfile.TemporaryDirectory() as folder:
        pages = list(islice(write_pages(arguments.data, Path(folder), *arguments.lines), arguments.pages))
        for recognizer in readers.values():
            time_read(recognizer, pages[0])
        for page in pages:
            for (model, precision), recognizer in readers.items():
                pair = time_read(recognizer, page), time_command(model, precision, page)
                taken[model, precision].append(pair)
    print(f"{len(pages)} pages, {arguments.threads} threads, load {os.getloadavg()[0]:.1f}")
    print(f"{'':16}{'read':>11}{'cores':>11}{'command':>11}{'cores':>11}")
    for (model, precision), pairs in taken.items():
        print_row(model, precision, pairs)


if __name__ == "__main__":
    main()
