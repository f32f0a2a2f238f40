"""Measure the gain from a few lines of one hand: CER before and after fine-tuning, by the number of lines.

    python -m benchmarks.fine_tuning DATA/iam-ondb DATA/hooker
    python -m benchmarks.fine_tuning DATA/iam-ondb --writer 10212 --sizes 50

Each argument is a line store whose val split (or a single Parquet file) names writers. For the writers with most lines,
or for those named, some whole pages are set aside as test lines. The other lines are drawn in random order, so that the
20 lines are among the 50. Every training is that of `hwr train TUNING.parquet --init-from MODEL` without further
options. The test lines are read greedily, and as `hwr recognize` reads by default: with the decoder settings of the
model, which a fine-tuned model inherits. Each row of the table is one training.

A fair figure needs a hand that the model never saw, and a large one: a document is not always one hand.
"""

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwr.evaluate.evaluation import evaluate
from hwr.evaluate.sets import find_sets
from hwr.model.files import read_info
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.models import find_model
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore, StoredLine
from hwr.store.splits import find_split
from hwr.store.writing import write_lines

MIN_TEST_LINES = 50
MAX_TEST_SHARE = 0.4
"""Number of test lines of a hand that has too few for the largest size and for a test."""


@dataclass(frozen=True)
class Hand:
    """One writer's lines: tuning lines in random order, test lines of other pages."""

    name: str
    tuning: list[StoredLine]
    test: list[StoredLine]


def split(name: str, lines: Sequence[StoredLine], most_tuning: int, seed: int, by_line: bool) -> Hand:
    """Choose whole pages, or lines, to test on, until there are enough lines; return them and the rest."""

    def unit(line: StoredLine) -> str:
        return line.id if by_line else line.page or line.id

    wanted = max(min(MIN_TEST_LINES, int(MAX_TEST_SHARE * len(lines))), len(lines) - most_tuning)
    units = sorted({unit(line) for line in lines})
    generator = random.Random(seed)
    generator.shuffle(units)
    put_aside: set[str] = set()
    for name_of_unit in units:
        if sum(unit(line) in put_aside for line in lines) >= wanted:
            break
        put_aside.add(name_of_unit)
    tuning = [line for line in lines if unit(line) not in put_aside]
    generator.shuffle(tuning)
    return Hand(name, tuning, [line for line in lines if unit(line) in put_aside])


def hands(options: argparse.Namespace) -> Iterator[Hand]:
    """Yield the named writers, or the writers of each store with the most lines."""
    for store in options.stores:
        [file] = find_split(store, "val")
        found = Counter(line.writer or "" for line in LineStore(file))
        chosen = [writer for writer in options.writer if writer in found]
        chosen = chosen or [writer for writer, _ in found.most_common(options.writers)]
        for writer in chosen:
            lines = [line for line in LineStore(file) if (line.writer or "") == writer]
            yield split(f"{store.stem} {writer}", lines, max(options.sizes), options.seed, options.by_line)


@dataclass(frozen=True)
class Rates:
    """Error rates of a model: read greedily, and as `hwr recognize` reads by default."""

    greedy_cer: float
    cer: float
    wer: float


def measure(model: str | Path, lines: Sequence[StoredLine], folder: Path) -> Rates:
    """Read lines as `hwr eval --decoder greedy` and as `hwr eval` do."""
    write_lines(folder / "test.parquet", lines)
    sets, _ = find_sets([folder / "test.parquet"], "val")
    greedy, own = (
        evaluate(Recognizer(str(model), decoder=decoder), sets).total
        for decoder in (DecoderOptions("greedy"), DecoderOptions())
    )
    return Rates(greedy.characters.rate, own.characters.rate, own.words.rate)


def tune(model: str, lines: Sequence[StoredLine], folder: Path, options: argparse.Namespace) -> tuple[Path, float]:
    """Fine-tune on `lines`; return the new model, and the minutes of processor time."""
    # The exporter would print warnings of its own; torch takes this when it is imported.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from hwr.train.fine_tuning import fine_tuning_recipe
    from hwr.train.recipe import Recipe, TrainingSet, override
    from hwr.train.reporters import SilentReporter
    from hwr.train.run import train

    data = folder / "tuning.parquet"
    write_lines(data, lines)
    weights = find_model(model).safetensors
    new = read_info(weights).make_alphabet().missing(line.text for line in lines)
    begun = Recipe(
        train=(TrainingSet(str(data)),),
        init_from=str(weights),
        alphabet="extend" if new else "keep",
        threads=options.threads,
    )
    recipe = override(
        fine_tuning_recipe(begun, len(lines)),
        minutes=options.minutes,
        seed=options.seed,
        learning_rate=options.learning_rate,
    )
    started = time.process_time()
    result = train(recipe, folder / "run", SilentReporter())
    return result.model, (time.process_time() - started) / 60


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path, help="line stores or Parquet files")
    parser.add_argument("-m", "--model", default="small", help="name or file of the model to start from")
    parser.add_argument("--writer", action="append", default=[], help="take these instead of the largest")
    parser.add_argument("--writers", type=int, default=1, help="number of the largest writers of each store")
    parser.add_argument("--sizes", nargs="+", type=int, default=[20, 50, 100, 200], help="tuning lines")
    parser.add_argument("--by-line", action="store_true", help="set single lines aside to test on, not whole pages")
    parser.add_argument("--limit", type=int, default=0, help="maximum test lines of a hand")
    parser.add_argument("--minutes", type=float, help="length of a training in minutes spent in steps")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| hand | tuning lines | test lines | CER before | after | lower by | by default: CER | WER | CPU minutes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for hand in hands(options):
        test = hand.test[: options.limit or None]
        with tempfile.TemporaryDirectory() as name:
            before = measure(options.model, test, Path(name))
        sizes = sorted({min(size, len(hand.tuning)) for size in options.sizes})
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                model, minutes = tune(options.model, hand.tuning[:size], Path(name), options)
                after = measure(model, test, Path(name))
            print(
                f"| {hand.name} | {size} | {len(test)} | {before.greedy_cer:.4f} | {after.greedy_cer:.4f} "
                f"| {1 - after.greedy_cer / before.greedy_cer:.0%} | {before.cer:.4f} to {after.cer:.4f} "
                f"| {before.wer:.3f} to {after.wer:.3f} | {minutes:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
