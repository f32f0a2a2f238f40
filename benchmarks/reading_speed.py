"""Measure the speed of `hwr recognize`, and of its network.

    python -m benchmarks.reading_speed                        the default model, on the sample page and line
    python -m benchmarks.reading_speed -m FILE --runs 9

Times commands in child processes, start-up included, as medians: reading a line (`--line`) and a page. Then lines a
second of the network alone, by lines per batch, on one core and on all; and each part of reading the page. Other work
on the machine slows all of it: the load is printed with the figures.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import Calibration, read_spans
from hwr.decode.lattice import best_path
from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.page.geometry import cut_line
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.models import load_model, precisions
from hwr.recognize.runtime import available_cores
from hwr.segment import find_lines

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
BATCHES = (1, 2, 4, 8, 16, 32)
"""Numbers of lines in a batch that are tried."""
MEAN_WIDTH = 580
"""Columns of the lines on which the network is timed: about a line of a letter at a height of 48."""


def time_command(arguments: Sequence[object], runs: int) -> tuple[float, float]:
    """Return the median and the maximum seconds of a command in a child process; the first run, with cold caches, is
    ignored.
    """
    command = [sys.executable, "-m", "hwr", "recognize", *map(str, arguments)]
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]), max(seconds[1:])


def time_call(work: Callable[[], object], runs: int) -> float:
    """Return the median seconds of a call, after one that is ignored."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def random_lines(height: int, count: int) -> list[NDArray[np.uint8]]:
    """Lines of blurred noise, of widths within a tenth of the mean."""
    random = np.random.default_rng(0)
    widths = random.integers(int(0.9 * MEAN_WIDTH), int(1.1 * MEAN_WIDTH), count)
    return [random.integers(0, 256, (height, int(width)), dtype=np.uint8) for width in widths]


def print_network(model: str, runs: int) -> None:
    """Print lines a second of the network by precision and lines per batch, on one core and on all."""
    print(f"\nnetwork alone, lines of {MEAN_WIDTH} columns: lines a second")
    print(f"{'':5} {'cores':>6} " + " ".join(f"{f'batch {size}':>10}" for size in BATCHES))
    for precision in precisions(model):
        for threads in sorted({1, available_cores()}):
            runtime = load_model(model, threads, precision)
            lines = random_lines(runtime.info.height, 32)
            speeds = []
            for size in BATCHES:
                batched = replace(runtime, max_lines=size)
                speeds.append(len(lines) / time_call(partial(batched.log_probs, lines), runs))
            print(f"{precision:5} {threads:6} " + " ".join(f"{speed:10.1f}" for speed in speeds))


def print_parts(model: str, path: Path, runs: int) -> None:
    """Milliseconds of the parts of reading a page."""
    runtime = load_model(model)
    page = to_grey(path)
    found = find_lines(page).lines
    cuts = [cut_line(page, line.baseline, line.polygon).image for line in found]
    ink = [normalise_line(cut, runtime.info.height) for cut in cuts]
    outputs = runtime.log_probs(ink)
    alphabet = runtime.info.make_alphabet()
    parts: dict[str, Callable[[], object]] = {
        "load the model": lambda: load_model(model),
        "open the image": lambda: to_grey(path),
        "find the lines": lambda: find_lines(page),
        "cut them out": lambda: [cut_line(page, line.baseline, line.polygon) for line in found],
        "normalise": lambda: [normalise_line(cut, runtime.info.height) for cut in cuts],
        "network": lambda: runtime.log_probs(ink),
        "decode": lambda: read_spans(outputs, [best_path(output) for output in outputs], alphabet),
        "decode, calibrated": lambda: read_spans(
            outputs, [best_path(output) for output in outputs], alphabet, [Calibration(1.1)] * len(outputs)
        ),
    }
    columns = sum(line.shape[1] for line in ink) / max(1, len(ink))
    print(f"\nparts of {path.name}, {page.shape[1]} x {page.shape[0]}, {len(found)} lines of {columns:.0f} columns")
    for name, work in parts.items():
        print(f"{name:20} {1000 * time_call(work, runs):8.1f} ms")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--page", type=Path, default=SAMPLES / "page.png")
    parser.add_argument("--line", type=Path, default=SAMPLES / "line-1.png")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(f"model {arguments.model}, {available_cores()} cores, load {os.getloadavg()[0]:.1f}")
    for title, words in (
        ("a line, start-up included", ["--line", arguments.line]),
        ("a page, start-up included", [arguments.page]),
    ):
        middle, longest = time_command([*words, "-m", arguments.model], arguments.runs)
        print(f"{title:28} {middle:6.2f} s   (maximum of {arguments.runs}: {longest:.2f} s)")
    print_network(arguments.model, arguments.runs)
    print_parts(arguments.model, arguments.page, arguments.runs)


if __name__ == "__main__":
    main()
