"""Measure the cost of synthetic lines, and how well the shipped model reads each kind of paper.

    python -m benchmarks.synthesis [../shared/data] [--lines 1000] [--workers 2]
    python -m benchmarks.synthesis --read [--lines 200] [-m small]

Without `--read`, this prints, with and without papers, the lines a second of `hwr synth` with its processes (making,
encoding and handing over, without their start), and the milliseconds of one core for a line. The milliseconds are CPU
time, so other work on the machine does not count. Before anything is timed, lines are made until the caches (sizes of
fonts) are filled, as they are after the first minute of a long run.

With `--read`, this prints the CER of a model on lines in fonts: clean, on papers as they occur, and on each kind of
paper alone. A kind that the model reads far worse than the others is either too harsh or worth training on: look at it
with `hwr synth --sheet`.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from hwr.metrics import ErrorCounts, character_errors
from hwr.synth.batches import BatchOptions, encode, make_batches
from hwr.synth.generator import LineGenerator
from hwr.synth.ink import InkLine
from hwr.synth.options import PaperOptions, SynthOptions
from hwr.synth.papers import clean, put_on_paper

WARM_LINES = 1500
SEED = 1


def all_fonts(data: Path) -> SynthOptions:
    """All texts in all fonts."""
    return SynthOptions(tuple(sorted((data / "text").glob("*.txt.xz"))), (data / "fonts",))


def milliseconds(options: SynthOptions, lines: int) -> tuple[float, float, float]:
    """Seconds to open the files; milliseconds of one core for a line in the mean, and for its encoding."""
    start = time.process_time()
    generator = LineGenerator(options)
    opening = time.process_time() - start
    for index in range(WARM_LINES):
        generator.ink(SEED, index)
    generator.line(SEED, 0)
    start = time.process_time()
    made = [generator.line(SEED, WARM_LINES + index) for index in range(lines)]
    making = time.process_time() - start
    start = time.process_time()
    for line in made:
        encode(line.grey)
    encoding = time.process_time() - start
    return opening, 1000 * making / lines, 1000 * encoding / lines


def lines_a_second(options: SynthOptions, lines: int, workers: int) -> float:
    """By the clock, from the first batch that `workers` processes hand over to the last."""
    batches = make_batches(BatchOptions(options, seed=SEED), range(lines + WARM_LINES), workers)
    done = 0
    start, counted = time.perf_counter(), 0
    for batch in batches:
        done += len(batch.lines)
        if done <= WARM_LINES:
            start, counted = time.perf_counter(), done
    return (done - counted) / (time.perf_counter() - start)


def speed(data: Path, lines: int, workers: int) -> None:
    """The table of costs."""
    print(f"{'papers':7} {'open s':>7} {'ms a line':>10} {'ms PNG':>7} {'lines/s a core':>15}", end="")
    print(f" {f'lines/s, {workers} processes':>22}")
    for share in (0.0, 1.0):
        options = replace(all_fonts(data), paper_share=share)
        opening, making, encoding = milliseconds(options, lines)
        clock = lines_a_second(options, lines, workers) if workers else 0.0
        row = f"{'yes' if share else 'no':7} {opening:7.2f} {making:10.2f} {encoding:7.2f}"
        print(f"{row} {1000 / (making + encoding):15.0f} {clock:22.0f}", flush=True)
    generator = LineGenerator(all_fonts(data))
    inks = [generator.ink(SEED, index) for index in range(200)]
    print(f"papers alone: {paper_milliseconds(inks):.2f} ms a line (median)")


def paper_milliseconds(inks: list[InkLine]) -> float:
    """Median of the cost of a paper with its degradations."""
    times = []
    for number, ink in enumerate(inks):
        generator = np.random.default_rng(number)
        start = time.process_time()
        put_on_paper(ink, generator, PaperOptions())
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def reading(data: Path, lines: int, model: str) -> None:
    """The CER of a model on each kind of paper."""
    from hwr.recognize.decoder import DecoderOptions
    from hwr.recognize.recognizer import Recognizer

    recognizer = Recognizer(model, threads=1, decoder=DecoderOptions("greedy"))
    english = replace(all_fonts(data), texts=(data / "text" / "english.txt.xz",))
    generator = LineGenerator(english, recognizer.info.alphabet)
    inks = [generator.ink(SEED, index) for index in range(lines)]

    def papers(options: PaperOptions) -> float:
        pairs = enumerate(inks)
        images = [put_on_paper(ink, np.random.default_rng([SEED, k]), options) for k, ink in pairs]
        return rate(images)

    def rate(images: list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]) -> float:
        readings = recognizer.read_lines(images)
        errors = [character_errors(ink.text, found.text) for ink, found in zip(inks, readings, strict=True)]
        return sum(errors, ErrorCounts(0, 0)).rate

    print(f"{'clean':16} {rate([clean(ink) for ink in inks]):.4f}")
    print(f"{'papers':16} {papers(PaperOptions()):.4f}")
    none = PaperOptions().with_probabilities(dict.fromkeys(PaperOptions.kinds(), 0.0))
    for kind in PaperOptions.kinds():
        print(f"{kind:16} {papers(none.with_probabilities({kind: 1.0})):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2, help="0: no measurement by the clock")
    parser.add_argument("--read", action="store_true", help="CER of a model on each kind, not speed")
    parser.add_argument("-m", "--model", default="small")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.read:
        reading(arguments.data, arguments.lines, arguments.model)
    else:
        speed(arguments.data, arguments.lines, arguments.workers)


if __name__ == "__main__":
    main()
