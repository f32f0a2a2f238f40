"""Measure the cost of int8: CER and calibration error in fp32 and in int8, side by side.

    python -m benchmarks.int8 DATA... [-m MODEL]... [--decoder greedy] [--limit N]

DATA are line stores (their `val` split) or Parquet files. int8 may cost 0.1 points of CER on a set; a row with more is
marked, and the exit code is then 1. Seconds are those of whole sets, reading of files included; they show whether int8
is faster on this processor.
"""

import argparse
import math
import sys
from pathlib import Path

from benchmarks.shared import validation_sets
from hwr.evaluate.evaluation import Figures, evaluate
from hwr.evaluate.sets import Selection
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.models import Precision
from hwr.recognize.recognizer import Recognizer

MAX_RISE = 0.001
"""Maximum increase of a set's CER with int8."""


def measure(
    data: list[Path], model: str, decoder: DecoderOptions, precision: Precision, limit: int | None
) -> dict[str, Figures]:
    """Return the figures of each set."""
    reader = Recognizer(model, threads=1, decoder=decoder, precision=precision)
    evaluation = evaluate(reader, validation_sets(data), Selection(limit))
    return {item.source.name: item.figures for item in evaluation.sets}


def print_model(model: str, fp32: dict[str, Figures], int8: dict[str, Figures]) -> bool:
    """Print a row for each set; return whether the CER of every set is within the bound."""
    kept = True
    print(
        f"\n{model:18} {'CER fp32':>17} {'int8':>7} {'rise':>8} {'ECE fp32':>10} {'int8':>7} {'s fp32':>8} {'int8':>6}"
    )
    for name, exact in fp32.items():
        quick = int8[name]
        rise = quick.characters.rate - exact.characters.rate
        kept = kept and rise <= MAX_RISE
        print(
            f"{name:18} {exact.lines:6,} lines {exact.characters.rate:.4f} {quick.characters.rate:7.4f} {rise:+8.4f} "
            f"{word_error(exact):10.4f} {word_error(quick):7.4f} {exact.seconds:8.0f} {quick.seconds:6.0f}"
            f"{'' if rise <= MAX_RISE else '  above the bound'}"
        )
    return kept


def word_error(figures: Figures) -> float:
    """Return the calibration error of words."""
    error = figures.confidence.word_error
    return math.nan if error is None else error.equal_width


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-m", "--model", action="append", help=f"may be repeated; {DEFAULT_MODEL} if not given")
    parser.add_argument("--decoder", choices=["greedy", "beam"], help="what the model was tuned for, if not given")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    decoder = DecoderOptions(arguments.decoder)
    kept = True
    for model in arguments.model or [DEFAULT_MODEL]:
        fp32 = measure(arguments.data, model, decoder, "fp32", arguments.limit)
        int8 = measure(arguments.data, model, decoder, "int8", arguments.limit)
        kept = print_model(model, fp32, int8) and kept
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
