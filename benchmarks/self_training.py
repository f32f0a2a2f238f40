"""Self-training on unlabelled lines: is it better with a language model as the teacher's help?

    hwr lm build TEXT -o prose.lm --order 6
    python -m benchmarks.self_training MODEL.safetensors DATA/hooker --lm prose.lm -o runs/self-training

The first lines of the train split of the line store are labelled, and the next ones are used as unlabelled. The teacher
is the model fine-tuned on the labelled lines. It reads the unlabelled lines by the best path, and by the beam search
with the language model; for each, the most confident readings are kept as texts. Training then continues from it

    labelled    on the labelled lines alone,
    greedy      on these and the lines read by the best path,
    lm          on these and the lines read with the language model,
    truth       on these and as many unlabelled lines with their true texts (the ceiling),

each for as many lines seen, with the settings of `hwr train --fine-tune` and one seed. All are read greedily on the val
split. Differences are from `labelled`, with the 95 % interval of a paired bootstrap over pages. What is trained already
in the folder is not trained again.

The language model must not know the unlabelled lines: the shipped ones hold the train transcripts of some sets.
"""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from benchmarks.ablations import Errors, error_rate, paired_interval, read_errors
from benchmarks.shared import validation_sets
from hwr.files.images import decode_image
from hwr.metrics import ErrorCounts, character_errors
from hwr.model.files import read_info
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines

MIN_CHARACTERS = 8
"""Shorter readings are not kept: their confidence says little of the reader."""

READ_TOGETHER = 200


@dataclass(frozen=True)
class Read:
    """An unlabelled line as the teacher reads it. `confidence`: mean log-confidence of a character."""

    line: StoredLine
    text: str
    confidence: float


def split_lines(
    store: Path, labelled: int, unlabelled: int, weights: Path
) -> tuple[list[StoredLine], list[StoredLine]]:
    """Return the first lines of the train split that the model can write, and the ones after them."""
    alphabet = read_info(weights).make_alphabet()
    usable = (line for line in LineStore(store, "train") if not alphabet.missing([line.text]))
    lines = list(islice(usable, labelled + unlabelled))
    return lines[:labelled], lines[labelled:]


def read_unlabelled(model: Path, lines: Sequence[StoredLine], decoder: DecoderOptions) -> list[Read]:
    """Read all lines; return the readings long enough to keep, the most confident first."""
    reader = Recognizer(str(model.with_suffix(".onnx")), threads=1, decoder=decoder)
    found = []
    for start in range(0, len(lines), READ_TOGETHER):
        part = lines[start : start + READ_TOGETHER]
        readings = reader.read_lines([decode_image(line.image, line.id) for line in part])
        for line, reading in zip(part, readings, strict=True):
            if len(reading.text) >= MIN_CHARACTERS:
                confidence = math.log(max(reading.confidence, 1e-300)) / len(reading.text)
                found.append(Read(line, reading.text, confidence))
    return sorted(found, key=lambda read: -read.confidence)


def cer(found: Sequence[Read]) -> float:
    """Return the CER of readings; the true texts are used for nothing else."""
    return sum((character_errors(read.line.text, read.text) for read in found), ErrorCounts()).rate


def tune(start: Path, sets: Sequence[tuple[Path, float]], folder: Path, lines: int, seed: int) -> Path:
    """Train from `start` on the Parquet files, each with its weight, for this many lines; return the new weights."""
    # The exporter would print warnings of its own; torch takes this when it is imported.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from hwr.train.fine_tuning import fine_tuning_recipe
    from hwr.train.recipe import Recipe, TrainingSet
    from hwr.train.reporters import SilentReporter
    from hwr.train.run import train

    model = folder / "last.safetensors"
    if not model.with_suffix(".onnx").exists():
        train_sets = tuple(TrainingSet(str(path), weight) for path, weight in sets)
        begun = Recipe(train=train_sets, init_from=str(start), threads=1, seed=seed)
        recipe = replace(fine_tuning_recipe(begun, lines, hold_out=0.0), minutes=1000.0, lines=lines)
        train(recipe, folder, SilentReporter())
    return model


def pseudo_labels(
    teacher: Path, lines: Sequence[StoredLine], options: argparse.Namespace
) -> dict[str, list[StoredLine]]:
    """For each way to label: the kept lines, with the texts that it gives them. Prints how good these are."""
    beam = DecoderOptions("beam", (str(options.lm),), weight=options.lm_weight, insertion_bonus=options.insertion_bonus)
    kept: dict[str, list[StoredLine]] = {}
    print("| teacher | lines read | CER | lines kept | CER of these |\n|---|---|---|---|---|")
    for name, decoder in (("greedy", DecoderOptions("greedy")), ("lm", beam)):
        found = read_unlabelled(teacher, lines, decoder)
        best = found[: round(options.keep * len(found))]
        rates = cer(found), cer(best)
        print(f"| {name} | {len(found)} | {rates[0]:.4f} | {len(best)} | {rates[1]:.4f} |", flush=True)
        kept[name] = [replace(read.line, text=read.text) for read in best]
        kept["truth"] = [read.line for read in best]
    return kept


def main() -> None:
    """Train the teacher and its pupils, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="weights (.safetensors) of a model that never saw the set")
    parser.add_argument("store", type=Path, help="line store with a train and a val split")
    parser.add_argument("--lm", type=Path, required=True, help="a language model that never saw the set")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--labelled", type=int, default=200)
    parser.add_argument("--unlabelled", type=int, default=1000)
    parser.add_argument("--keep", type=float, default=0.5, help="share of the readings that is kept")
    parser.add_argument("--teacher-lines", type=int, default=1500, help="lines that the teacher sees")
    parser.add_argument("--lines", type=int, default=1500, help="lines that each training after it sees")
    parser.add_argument("--lm-weight", type=float, default=0.8)
    parser.add_argument("--insertion-bonus", type=float, default=2.5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    labelled, unlabelled = split_lines(options.store, options.labelled, options.unlabelled, options.model)
    labelled_file = options.output / "labelled.parquet"
    write_lines(labelled_file, labelled)
    teacher = tune(
        options.model, [(labelled_file, 1.0)], options.output / "teacher", options.teacher_lines, options.seed
    )
    sets = validation_sets([options.store])
    (name,) = (item.name for item in sets)
    before = read_errors(teacher, sets)[name]
    files = {"labelled": [(labelled_file, 1.0)]}
    for kind, lines in pseudo_labels(teacher, unlabelled, options).items():
        write_lines(options.output / f"{kind}.parquet", lines)
        # The labelled lines are fewer and right: they are shown twice as often.
        files[kind] = [(labelled_file, 2.0), (options.output / f"{kind}.parquet", 1.0)]
    print(f"\n| training | CER of {len(before)} lines | difference from labelled | interval |\n|---|---|---|---|")
    print(f"| teacher | {error_rate(before):.4f} | | |", flush=True)
    first: Errors = {}
    for kind in ("labelled", "greedy", "lm", "truth"):
        pupil = tune(teacher, files[kind], options.output / kind, options.lines, options.seed)
        errors = read_errors(pupil, sets)[name]
        first = first or errors
        low, high = paired_interval(first, errors)
        rate = error_rate(errors)
        print(f"| {kind} | {rate:.4f} | {rate - error_rate(first):+.4f} | {low:+.4f} to {high:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
