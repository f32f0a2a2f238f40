"""Does a text head help training? It is thrown away afterwards, so that reading costs nothing more.

    python -m benchmarks.text_head MODEL.safetensors BUNDLE --sets iam-lines iam-ondb --val DATA/iam-lines -o FOLDER

The head guesses each character from the features before the output layer, at the time step where the best alignment of
the true text (by the network as it is) puts it, and from the three characters before it. So features are paid for what
the text before does not tell. Its cross-entropy is added to the CTC loss with a weight. From MODEL, training goes on
with weight 0 and each of `--weights`: as many lines, the same seed, order, augmentation and settings. Models are read
greedily; differences are from weight 0, with the 95 % interval of a paired bootstrap over writers.
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
from hwr.train.feed import ReadyBatch
from hwr.train.loop import Trainer
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.reporters import SilentReporter
from hwr.train.run import Session

BEFORE, EMBEDDED, HIDDEN = 3, 32, 128
"""Characters that the head sees, numbers that stand for each, and units of its hidden layer."""


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
    """A trainer whose loss holds the head's cross-entropy with `weight`."""

    def __init__(self, *arguments: Any, weight: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.weight = weight
        self.head = TextHead(self.network.output.in_features, self.network.classes)
        rate = self.recipe.optimisation.learning_rate
        self.head_optimiser = torch.optim.AdamW(self.head.parameters(), lr=rate)
        self.network.output.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> None:
        self._features, self._scores = inputs[0], scores

    def _loss(self, ready: ReadyBatch) -> Tensor:
        loss = super()._loss(ready)
        labels = [line.tolist() for line in ready.targets.split(ready.part.target_lengths.tolist())]
        log_probs = functional.log_softmax(self._scores.detach().float(), dim=2).numpy()
        places, before = [], []
        for number, spans in enumerate(alignments(list(log_probs), labels)):
            places += [(number, (span.start + span.stop - 1) // 2) for span in spans]
            padded = [0] * BEFORE + labels[number]
            before += [padded[position : position + BEFORE] for position in range(len(labels[number]))]
        rows, steps = torch.tensor(places).unbind(1)
        scores = self.head(self._features.float()[rows, steps], torch.tensor(before))
        return loss + self.weight * functional.cross_entropy(scores, ready.targets)

    def _step(self, ready: ReadyBatch, rate: float) -> float:
        self.head_optimiser.zero_grad()
        value = super()._step(ready, rate)
        for group in self.head_optimiser.param_groups:
            group["lr"] = rate
        self.head_optimiser.step()
        return value


def train(recipe: Recipe, folder: Path, weight: float) -> tuple[int, float]:
    """Train into `folder`, with the head if it has a weight; lines seen and minutes in steps."""
    session = Session(recipe, folder, SilentReporter())
    try:
        if weight:
            # A head drawn from the common random numbers would change the hidden spans of every step.
            with torch.random.fork_rng():
                session.trainer = TextHeadTrainer(
                    session.trainer.network, session.trainer.planner, recipe, session.device, weight=weight
                )
        session.prepare(resume=False)
        session.finish(session.trainer.run(session, lambda: False))
    finally:
        session.close()
    return session.trainer.progress.lines, session.trainer.progress.seconds / 60


def main() -> None:
    """Train with each weight, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--sets", nargs="+", required=True, help="sets of the bundle to train on")
    parser.add_argument("--val", type=Path, nargs="+", required=True, help="line stores whose val split is read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--weights", type=float, nargs="+", default=[0.25])
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    recipe = Recipe(
        train=tuple(TrainingSet(str(options.bundle), set=name) for name in options.sets),
        init_from=str(options.model),
        minutes=1000.0,
        lines=options.lines,
        seed=options.seed,
        threads=1,
        exclude="#",  # IAM's mark of a crossed-out word
        optimisation=Optimisation(
            learning_rate=options.learning_rate, warm_up_steps=20, decay_share=0.8, ema=0.98, shortcut_weight=0.0
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
