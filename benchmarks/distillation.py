"""Measure whether a larger model as teacher helps training.

    python -m benchmarks.distillation VARIANTS.toml TEACHER --val DATA... -o FOLDER

The first variant of VARIANTS.toml (see `benchmarks.ablations`) is trained as it is, and once more with a teacher. A
variant that `benchmarks.ablations` has trained into FOLDER is not trained again.

The teacher reads a share of the lines once, as they are. For each character of the true text, its probabilities at the
time step where it is most certain of that character, without the blank, are the soft label. The student aligns the
true text to its own time steps in the same way. The cross-entropy of its probabilities with the soft label is added to
the CTC loss (Hinton et al. 2015, "Distilling the knowledge in a neural network", arXiv:1503.02531). Characters are
compared, not time steps, so the two networks may have different strides and place their peaks differently.

The stores must contain the images as found: the teacher needs lines of another height. Models are read greedily.
Differences are from the first row, with the 95 % interval of a bootstrap paired by writer.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.ablations import FIGURES, Figures, Variant, kept, load_variants, measure, print_table, read_errors
from benchmarks.extra_losses import ExtraLossTrainer
from benchmarks.shared import validation_sets
from hwr.decode.lattice import LabelSpan, alignments
from hwr.recognize.models import load_model
from hwr.recognize.runtime import OnnxRuntime
from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet, steps_needed
from hwr.train.batches import seed_of
from hwr.train.datasets import StoreLines
from hwr.train.loading import ReadyBatch
from hwr.train.loop import Trainer
from hwr.train.recipe import Recipe
from hwr.train.reporters import PlainReporter
from hwr.train.run import Run

LogProbs = NDArray[np.floating]
SoftLabels = dict[int, NDArray[np.float32]]
"""Seed of a line in training (`PlannedLine.seed`) -> probabilities (characters, classes - 1)."""


def peaks(log_probs: LogProbs, spans: Sequence[LabelSpan]) -> list[int]:
    """Return the time step of each span at which its label is most probable; log_probs of shape (T, classes)."""
    return [span.start + int(log_probs[span.start : span.stop, span.label].argmax()) for span in spans]


@dataclass(frozen=True)
class Teacher:
    """A model that gives soft labels for the alphabet of a student."""

    network: OnnxRuntime
    student: Alphabet

    @cached_property
    def alphabet(self) -> Alphabet:
        """The characters of the teacher."""
        return self.network.info.make_alphabet()

    @cached_property
    def _columns(self) -> NDArray[np.int64]:
        """The teacher's class of each of the student's characters; 0, the blank, where it has none."""
        return np.array([self.alphabet.characters.find(character) for character in self.student.characters]) + 1

    def soft_labels(self, lines: Sequence[LabelledLine]) -> Iterator[tuple[LabelledLine, NDArray[np.float32]]]:
        """Yield lines with their soft labels, (characters, student's classes - 1); each row sums to 1.

        Lines with a character that the teacher cannot write, or too narrow for it, are left out.
        """
        known = [line for line in lines if line.text and not self.alphabet.missing([line.text])]
        for line, log_probs in zip(known, self.network.log_probs([line.ink for line in known]), strict=True):
            labels = self.alphabet.encode(line.text)
            if steps_needed(labels) > len(log_probs):
                continue
            (spans,) = alignments([log_probs], [labels])
            yield line, self._for_student(np.exp(log_probs[peaks(log_probs, spans)]))

    def _for_student(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities of the teacher's classes as those of the student's characters, without the blank."""
        probabilities = np.where(self._columns > 0, probabilities[:, self._columns], 0)
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), np.float32)


def read_with_teacher(run: Run, teacher: Teacher, lines: int, share: float) -> SoftLabels:
    """Return soft labels for about a share of the first `lines` lines that the run will see, all in its first epoch."""
    recipe, height, found, count = run.recipe, teacher.network.info.height, SoftLabels(), 0
    sources = [StoreLines(Path(entry.path), height, "train") for entry in recipe.train]
    for shown in (shown for pool in run.builder().pools(0) for shown in pool):
        source = sources[shown.source]
        read = source.read(shown.group)
        seeds = {line.id: seed_of(recipe.seed, 0, shown.copy, source.name, line.id) for line in read}
        chosen = [line for line in read if seeds[line.id] % 1000 < 1000 * share]
        found |= {seeds[line.id]: labels for line, labels in teacher.soft_labels(chosen)}
        count += len(read)
        if count >= lines:
            break
    return found


class DistillationTrainer(ExtraLossTrainer):
    """CTC with the cross-entropy towards soft labels on the lines that have some."""

    def __init__(self, *arguments: Any, soft: SoftLabels, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.soft = soft

    def _loss(self, ready: ReadyBatch, strength: float) -> Tensor:
        loss = Trainer._loss(self, ready, strength)
        rows = [row for row, seed in enumerate(ready.batch.seeds.tolist()) if seed in self.soft]
        return loss + self.weight * self._distillation(ready, rows) if rows else loss

    def _distillation(self, ready: ReadyBatch, rows: Sequence[int]) -> Tensor:
        """Return the cross-entropy with the soft labels of these rows, a mean over the characters of the batch."""
        labels = ready.targets.split(ready.batch.target_lengths.tolist())
        log_probs = functional.log_softmax(self.scores.detach().float(), dim=2).numpy()
        spans = alignments([log_probs[row] for row in rows], [labels[row].tolist() for row in rows])
        places = [(row, step) for row, line in zip(rows, spans, strict=True) for step in peaks(log_probs[row], line)]
        wanted = np.concatenate([self.soft[int(ready.batch.seeds[row])] for row in rows])
        at, steps = torch.tensor(places).unbind(1)
        given = functional.log_softmax(self.scores[at, steps, 1:].float(), dim=1)
        return -(torch.from_numpy(wanted) * given).sum() / ready.batch.characters


def distil(recipe: Recipe, folder: Path, teacher: str, weight: float, share: float) -> tuple[int, float]:
    """Train into `folder`; return lines seen and minutes in steps, without the teacher's time."""
    run = Run(recipe, folder, PlainReporter())
    network = load_model(teacher, threads=1)
    soft = read_with_teacher(run, Teacher(network, run.alphabet), recipe.lines, share)
    print(f"{network.info.name} gave {len(soft):,} lines soft labels", flush=True)
    run.trainer = DistillationTrainer(run.trainer.network, recipe, run.device, weight=weight, soft=soft)
    run.prepare(resume=False)
    run.finish(run.train(lambda: False))
    return run.progress.lines, run.progress.seconds / 60


def main() -> None:
    """Train without and with the teacher, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", type=Path)
    parser.add_argument("teacher", help="name of a model, or a .safetensors file")
    parser.add_argument("--val", type=Path, nargs="+", required=True, help="line stores whose val split is read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--weight", type=float, default=0.5, help="of the cross-entropy with the soft labels")
    parser.add_argument("--share", type=float, default=0.5, help="share of the lines that the teacher reads")
    options = parser.parse_args()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    first = load_variants(options.variants)[0]
    recipe = replace(first.recipe, validation=())
    sets = validation_sets(options.val)
    without = measure(Variant(first.name, recipe), options.output / first.name.replace(" ", "-"), sets)
    folder = options.output / f"{options.teacher}-{options.weight}"

    def train() -> Figures:
        lines, minutes = distil(recipe, folder, options.teacher, options.weight, options.share)
        return Figures(read_errors(folder / "last.safetensors", sets), lines, minutes)

    print_table([first.name, f"taught by {options.teacher}"], [without, kept(folder / FIGURES, Figures, train)])


if __name__ == "__main__":
    main()
