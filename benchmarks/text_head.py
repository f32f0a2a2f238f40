"""Measure whether a text head helps training. It is dropped afterwards, so that reading costs nothing more.

    python -m benchmarks.text_head MODEL.safetensors --data DATA/iam-lines DATA/iam-ondb --val DATA/iam-lines -o FOLDER

The head guesses each character from the features before the output layer, at the time step where the best alignment of
the true text (by the network as it is) puts it, and from the three characters before it. So features are rewarded for
what the text before does not say. Its cross-entropy is added to the CTC loss with a weight. From MODEL, training
continues with weight 0 and each of `--weights`: with as many lines, the same seed, order, augmentation and settings.
Models are read greedily; differences are from weight 0, with the 95 % interval of a paired bootstrap over writers.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.ablations import Figures, print_table, read_errors
from hwr.decode.lattice import alignments
from hwr.evaluate.sets import find_sets
from hwr.train.loading import ReadyBatch
from hwr.train.loop import Trainer
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.reporters import SilentReporter
from hwr.train.run import Run

BEFORE, EMBEDDED, HIDDEN = 3, 32, 128
"""Characters that the head sees, size of their embeddings, and units of its hidden layer."""


class TextHead(nn.Module):
    """Features (N, C) and the labels before (N, BEFORE) -> scores (N, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, EMBEDDED)
        self.layers = nn.Sequential(
            nn.Linear(channels + BEFORE * EMBEDDED, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
        )

    def forward(self, features: Tensor, before: Tensor) -> Tensor:
        scores: Tensor = self.layers(torch.cat([features, self.embedding(before).flatten(1)], dim=1))
        return scores


class TextHeadTrainer(Trainer):
    """A trainer that adds the head's cross-entropy to the loss, with `weight`."""

    def __init__(self, *arguments: Any, weight: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.weight = weight
        self.head = TextHead(self.network.output.in_features, self.network.classes)
        rate = self.recipe.optimisation.learning_rate
        self.head_optimiser = torch.optim.AdamW(self.head.parameters(), lr=rate)
        self.network.output.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> None:
        self._features, self._scores = inputs[0], scores

    def _loss(self, ready: ReadyBatch, strength: float) -> Tensor:
        loss = super()._loss(ready, strength)
        labels = [line.tolist() for line in ready.targets.split(ready.batch.target_lengths.tolist())]
        log_probs = functional.log_softmax(self._scores.detach().float(), dim=2).numpy()
        places, before = [], []
        for number, spans in enumerate(alignments(list(log_probs), labels)):
            places += [(number, (span.start + span.stop - 1) // 2) for span in spans]
            padded = [0] * BEFORE + labels[number]
            before += [padded[position : position + BEFORE] for position in range(len(labels[number]))]
        rows, steps = torch.tensor(places).unbind(1)
        scores = self.head(self._features.float()[rows, steps], torch.tensor(before))
        return loss + self.weight * functional.cross_entropy(scores, ready.targets)

    def _update(self, batch: ReadyBatch, rate: float, strength: float) -> float:
        self.head_optimiser.zero_grad()
        value = super()._update(batch, rate, strength)
        for group in self.head_optimiser.param_groups:
            group["lr"] = rate
        self.head_optimiser.step()
        return value


def train(recipe: Recipe, folder: Path, weight: float) -> tuple[int, float]:
    """Train into `folder`, with the head if it has a weight; return lines seen and minutes in steps."""
    run = Run(recipe, folder, SilentReporter())
    if weight:
        run.trainer = TextHeadTrainer(run.trainer.network, recipe, run.device, weight=weight)
    run.prepare(resume=False)
    run.finish(run.train(lambda: False))
    return run.progress.lines, run.progress.seconds / 60


def main() -> None:
    """Train with each weight, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="line stores to train on")
    parser.add_argument("--val", type=Path, nargs="+", required=True, help="line stores whose val split is read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--weights", type=float, nargs="+", default=[0.25])
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    recipe = Recipe(
        train=tuple(TrainingSet(str(path)) for path in options.data),
        init_from=str(options.model),
        minutes=1000.0,
        lines=options.lines,
        seed=options.seed,
        threads=1,
        exclude="#",  # IAM's mark of a crossed-out word
        optimisation=Optimisation(
            learning_rate=options.learning_rate, warm_up_steps=20, decay_share=0.8, ema=0.98, auxiliary_weight=0.0
        ),
    )
    sets, failed = find_sets(options.val, "val")
    if failed:
        raise SystemExit(failed[0].error)
    names, results = [], []
    for weight in (0.0, *options.weights):
        folder = options.output / f"weight-{weight:g}"
        lines, minutes = train(recipe, folder, weight)
        names.append(f"text head, weight {weight:g}" if weight else "without")
        results.append(Figures(read_errors(folder / "last.safetensors", sets), lines, minutes))
    print_table(names, results)


if __name__ == "__main__":
    main()
