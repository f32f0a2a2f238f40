"""Measure whether a further loss next to CTC helps training. What computes it is dropped afterwards.

    python -m benchmarks.extra_losses RECIPE.toml --val DATA... -o FOLDER [--extras NAME=WEIGHT...] [--lines N]

From the recipe's initial model, training continues without a further loss and with each of `--extras`: with as many
lines, the same seed, order, augmentation and settings.

- attention: a Transformer decoder of two layers writes the text of the line from the features before the output layer,
  each character after the true ones before it (Vaswani et al. 2017, arXiv:1706.03762). Its loss is the cross-entropy
  with label smoothing of 0.1.
- consistency: the network reads each batch twice, with other dropout and other hidden spans, and each reading is drawn
  towards the other at each time step (CR-CTC, Yao et al. 2025, arXiv:2410.05101). A step takes twice the time.
- text-head: a small network guesses each character from the features at its time step, on the best alignment of the
  true text, and from the three characters before it.

Models are read greedily. Differences are from the first row, with the 95 % interval of a bootstrap paired by writer.
"""

import argparse
import math
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from benchmarks.ablations import Figures, print_table, read_errors
from benchmarks.shared import validation_sets
from hwr.decode.lattice import alignments
from hwr.settings import load_toml
from hwr.train.loading import ReadyBatch
from hwr.train.loop import Trainer
from hwr.train.recipe import Recipe
from hwr.train.reporters import PlainReporter
from hwr.train.run import Run

BEFORE, EMBEDDED, HIDDEN = 3, 32, 128
"""Text head: characters that it sees, size of their embeddings, and units of its hidden layer."""
SIZE, HEADS, DEPTH = 192, 4, 2
"""Attention decoder: channels, attention heads, layers."""
IGNORED = -100
"""Target of a place after the end of a text."""


class ExtraLossTrainer(Trainer):
    """A trainer that adds a further loss with `weight`, and keeps features and scores of the latest forward pass."""

    def __init__(self, *arguments: Any, weight: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.weight = weight
        self.network.output.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> None:
        self.features, self.scores = inputs[0], scores


class HeadTrainer(ExtraLossTrainer, ABC):
    """A trainer whose further loss comes from a head, which has an optimiser of its own."""

    share_of_rate = 1.0
    """Learning rate of the head, as a share of the network's."""

    def __init__(self, *arguments: Any, weight: float, **named: Any) -> None:
        super().__init__(*arguments, weight=weight, **named)
        self.head = self.make_head(self.network.output.in_features, self.network.classes)
        self.head_optimiser = torch.optim.AdamW(self.head.parameters(), lr=1e-3)

    @abstractmethod
    def make_head(self, channels: int, classes: int) -> nn.Module:
        """Return what computes the loss from features of `channels` channels."""

    @abstractmethod
    def extra(self, ready: ReadyBatch, labels: list[Tensor]) -> Tensor:
        """Return the further loss, a mean over characters; `labels` are those of each line."""

    def _loss(self, ready: ReadyBatch, strength: float) -> Tensor:
        loss = super()._loss(ready, strength)
        labels = list(ready.targets.split(ready.batch.target_lengths.tolist()))
        return loss + self.weight * self.extra(ready, labels)

    def _update(self, batch: ReadyBatch, rate: float, strength: float) -> float:
        self.head_optimiser.zero_grad()
        value = super()._update(batch, rate, strength)
        for group in self.head_optimiser.param_groups:
            group["lr"] = self.share_of_rate * rate
        self.head_optimiser.step()
        return value


class AttentionDecoder(nn.Module):
    """Features (B, T, C) and labels (B, L), class 0 as start -> scores of the next label (B, L, classes), 0 the end."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(SIZE, HEADS, 2 * SIZE, 0.1, batch_first=True, norm_first=True)
        self.memory = nn.Linear(channels, SIZE)
        self.embedding = nn.Embedding(classes, SIZE)
        self.layers = nn.TransformerDecoder(layer, DEPTH, nn.LayerNorm(SIZE))
        self.output = nn.Linear(SIZE, classes)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        memory = self.memory(features) + positions(features.shape[1])
        text = self.embedding(labels) + positions(labels.shape[1])
        later = nn.Transformer.generate_square_subsequent_mask(labels.shape[1])
        scores: Tensor = self.output(self.layers(text, memory, tgt_mask=later, tgt_is_causal=True))
        return scores


def positions(count: int) -> Tensor:
    """Return sines and cosines of places 0 to count - 1, (count, SIZE) (Vaswani et al. 2017, section 3.5)."""
    angles = torch.arange(count)[:, None] * torch.exp(torch.arange(0, SIZE, 2) * (-math.log(10_000.0) / SIZE))
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)


class AttentionTrainer(HeadTrainer):
    """CTC with an attention decoder."""

    share_of_rate = 0.5

    def make_head(self, channels: int, classes: int) -> nn.Module:
        return AttentionDecoder(channels, classes)

    def extra(self, ready: ReadyBatch, labels: list[Tensor]) -> Tensor:
        edge = torch.zeros(1, dtype=torch.int64)
        given = pad_sequence([torch.cat([edge, text]) for text in labels], batch_first=True)
        wanted = pad_sequence([torch.cat([text, edge]) for text in labels], True, IGNORED)
        scores = self.head(self.features.float(), given)
        return functional.cross_entropy(
            scores.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, label_smoothing=0.1
        )


class ConsistencyTrainer(ExtraLossTrainer):
    """CTC on two readings of each batch, and their divergence from each other."""

    def _loss(self, ready: ReadyBatch, strength: float) -> Tensor:
        losses, readings = [], []
        for _ in range(2):
            losses.append(Trainer._loss(self, ready, strength))
            readings.append(functional.log_softmax(self.scores.float(), dim=2))
        apart = [
            functional.kl_div(one, other.detach(), reduction="sum", log_target=True) / ready.batch.characters
            for one, other in (readings, reversed(readings))
        ]
        return (torch.stack(losses).sum() + self.weight * torch.stack(apart).sum()) / 2


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


class TextHeadTrainer(HeadTrainer):
    """CTC with a text head."""

    def make_head(self, channels: int, classes: int) -> nn.Module:
        return TextHead(channels, classes)

    def extra(self, ready: ReadyBatch, labels: list[Tensor]) -> Tensor:
        log_probs = functional.log_softmax(self.scores.detach().float(), dim=2).numpy()
        places, before = [], []
        for number, spans in enumerate(alignments(list(log_probs), [line.tolist() for line in labels])):
            places += [(number, (span.start + span.stop - 1) // 2) for span in spans]
            padded = [0] * BEFORE + labels[number].tolist()
            before += [padded[position : position + BEFORE] for position in range(len(labels[number]))]
        rows, steps = torch.tensor(places).unbind(1)
        scores = self.head(self.features.float()[rows, steps], torch.tensor(before))
        return functional.cross_entropy(scores, ready.targets)


TRAINERS = {"attention": AttentionTrainer, "consistency": ConsistencyTrainer, "text-head": TextHeadTrainer}


def train(recipe: Recipe, folder: Path, extra: str, weight: float) -> tuple[int, float]:
    """Train into `folder`; return lines seen and minutes in steps."""
    run = Run(recipe, folder, PlainReporter())
    if extra:
        run.trainer = TRAINERS[extra](run.trainer.network, recipe, run.device, weight=weight)
    run.prepare(resume=False)
    run.finish(run.train(lambda: False))
    return run.progress.lines, run.progress.seconds / 60


def main() -> None:
    """Train with each loss, print the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--val", type=Path, nargs="+", required=True, help="line stores whose val split is read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--extras", nargs="+", default=["attention=0.5"], metavar="NAME=WEIGHT")
    parser.add_argument("--lines", type=int, default=12_000)
    options = parser.parse_args()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    recipe = replace(load_toml(Recipe, options.recipe), validation=(), lines=options.lines, minutes=1000.0)
    sets = validation_sets(options.val)
    names, results = [], []
    for choice in ("", *options.extras):
        extra, _, weight = choice.partition("=")
        folder = options.output / (choice or "without")
        lines, minutes = train(recipe, folder, extra, float(weight or 0))
        names.append(f"{extra}, weight {weight}" if extra else "without")
        results.append(Figures(read_errors(folder / "last.safetensors", sets), lines, minutes))
        print_table(names, results)
        print(flush=True)


if __name__ == "__main__":
    main()
