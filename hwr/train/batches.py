"""The order of training: epochs -> pools of lines -> batches without padding.

Every line draws its width jitter from (seed, epoch, line). The lines of a pool are sorted by jittered width and cut
into batches, and each line is stretched by a few per cent to the width of its batch. So a batch has no padding: no
zeros are multiplied, norms need no masks, and the recurrent layers run over full rectangles. The seed determines the
whole order, so a run can be stopped anywhere and resumed from (epoch, pool, batch).
"""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet, steps_needed
from hwr.train.datasets import LineSource
from hwr.train.recipe import Recipe

LARGE_BATCH = 40_000
"""Batches with more columns are intended for GPUs."""

POOL_GROUPS, GROUP_COLUMNS = 8, 1000
"""Groups (of at most 256 lines) in a pool: 8; with large batches one for every 1,000 columns of a batch. That is enough
to fill batches with lines of similar width."""

MAX_SPREAD = 1.12
"""Widest line over narrowest line of a batch: the last stretch to the common width stays within half of this."""

MAX_LINES, FEW_COLUMNS = 96, 145
"""Lines in a batch of very short ones: 96, or one for every 145 columns of a batch, whichever is more."""

WIDTH_STEP, WIDTH_STEP_FROM = 16, 160
"""The width of a batch above 160 columns is a multiple of 16, so that kernels are prepared for fewer shapes."""

MAX_WIDENING = 1.5
"""A line too narrow for CTC is widened by at most this factor; a narrower one is skipped."""

STEP_RESERVE = 1.1
"""Time steps in addition to the minimum that CTC needs, so that an alignment has room to move."""


@dataclass(frozen=True)
class GroupCopy:
    """One showing of a group of lines: `copy` counts how often this epoch has shown it before."""

    source: int
    group: int
    copy: int


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line, the width it gets in this epoch, and the seed of its augmentation."""

    line: LabelledLine
    labels: list[int]
    width: int
    seed: int


@dataclass(frozen=True)
class Pool:
    """The lines of each batch of a pool, in random order, and the number of skipped lines, by reason."""

    batches: list[Sequence[PlannedLine]]
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Batch:
    """The lines of one step, all of one width; in a run of several processes, the rows of this process.

    Attributes:
        ink: uint8 (B, H, W).
        widths: int64 (B,), true widths in `ink`.
        target_width: columns after augmentation.
        seeds: int64 (B,), of the augmentation.
        targets: int64 (sum of `target_lengths`,), labels of all lines in sequence.
        target_lengths: int64 (B,).
        lines, characters: of the whole batch, over all processes.
    """

    ink: Tensor
    widths: Tensor
    target_width: int
    seeds: Tensor
    targets: Tensor
    target_lengths: Tensor
    texts: tuple[str, ...]
    lines: int
    characters: int


def epoch_pools(
    sources: Sequence[LineSource], weights: Sequence[float], seed: int, epoch: int, groups: int = POOL_GROUPS
) -> list[list[GroupCopy]]:
    """Return the pools of one epoch, of `groups` groups each.

    A weight of 2.5 shows each group of a source twice, and with probability one half a third time. The groups of a
    chain, which are read fastest in order, stay in order.
    """
    generator = random.Random(f"{seed}/{epoch}")
    chains: list[list[GroupCopy]] = []
    for number, (source, weight) in enumerate(zip(sources, weights, strict=True)):
        for copy in range(math.ceil(weight)):
            drawn: dict[int, list[GroupCopy]] = {}
            for group, chain in enumerate(source.chains):
                if generator.random() < weight - copy:
                    drawn.setdefault(chain, []).append(GroupCopy(number, group, copy))
            chains.extend(drawn.values())
    generator.shuffle(chains)
    by_source: dict[int, list[GroupCopy]] = {}
    for chain_groups in chains:
        by_source.setdefault(chain_groups[0].source, []).extend(chain_groups)
    # Each source keeps its order, but is spread over the whole epoch, so that every pool is a mixture.
    placed: list[tuple[float, GroupCopy]] = []
    for shown in by_source.values():
        placed += zip(sorted(generator.random() for _ in shown), shown, strict=True)
    ordered = [group for _, group in sorted(placed, key=lambda item: item[0])]
    return [ordered[start : start + groups] for start in range(0, len(ordered), groups)]


def seed_of(*values: int | str) -> int:
    """Return 63 random bits that depend on these values only."""
    digest = hashlib.blake2b("/".join(map(str, values)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class PoolBuilder:
    """Reads the lines of pools and cuts them into batches."""

    def __init__(
        self,
        sources: Sequence[LineSource],
        weights: Sequence[float],
        alphabet: Alphabet,
        stride: int,
        recipe: Recipe,
    ) -> None:
        self.sources, self.weights, self.alphabet, self.recipe = sources, weights, alphabet, recipe
        self.cutter = Cutter(recipe.optimisation.columns_per_batch, stride)

    @property
    def has_lines(self) -> bool:
        """True unless no epoch will ever show a line."""
        return any(weight > 0 and len(source.chains) for source, weight in zip(self.sources, self.weights, strict=True))

    def pools(self, epoch: int) -> list[list[GroupCopy]]:
        """Return the pools of an epoch; see `epoch_pools`."""
        columns = self.recipe.optimisation.columns_per_batch
        groups = columns // GROUP_COLUMNS if columns > LARGE_BATCH else POOL_GROUPS
        return epoch_pools(self.sources, self.weights, self.recipe.seed, epoch, groups)

    def build(self, epoch: int, number: int, first_batch: int = 0) -> Pool:
        """Read the lines of a pool of an epoch and divide them into batches; return those from `first_batch` on.

        Raises:
            HwrError: a line cannot be read.
        """
        skipped: Counter[str] = Counter()
        lines = list(self._lines(epoch, self.pools(epoch)[number], skipped))
        lines.sort(key=lambda planned: (planned.width, planned.seed))
        batches = list(self.cutter.cut(lines))
        random.Random(f"{self.recipe.seed}/{epoch}/{number}").shuffle(batches)
        return Pool(batches[first_batch:], skipped)

    def _lines(self, epoch: int, pool: Sequence[GroupCopy], skipped: Counter[str]) -> Iterator[PlannedLine]:
        for shown in pool:
            source = self.sources[shown.source]
            for line in source.read(shown.group):
                planned = self._plan(line, seed_of(self.recipe.seed, epoch, shown.copy, source.name, line.id))
                if isinstance(planned, PlannedLine):
                    yield planned
                else:
                    skipped[planned] += 1

    def _plan(self, line: LabelledLine, seed: int) -> PlannedLine | str:
        """Return the line with its width, or the reason why it is skipped."""
        if not line.text:
            return "without text"
        if any(character in self.recipe.exclude for character in line.text):
            return "with an excluded character"
        if self.alphabet.missing([line.text]):
            return "with a character outside the alphabet"
        labels = self.alphabet.encode(line.text)
        low, high = self.recipe.optimisation.width_jitter
        uniform = (seed >> 20) / (1 << 43)  # the upper 43 bits of the seed, as a number from 0 to 1
        width = round(line.ink.shape[1] * math.exp(low + (high - low) * uniform))
        narrowest = math.ceil(steps_needed(labels) * STEP_RESERVE) * self.cutter.stride
        if narrowest > MAX_WIDENING * line.ink.shape[1]:
            return "too narrow for the text"
        return PlannedLine(line, labels, max(width, narrowest, self.cutter.stride), seed)


@dataclass(frozen=True)
class Cutter:
    """Divides lines that are sorted by width into batches of at most `columns` columns."""

    columns: int
    stride: int

    def cut(self, lines: Sequence[PlannedLine]) -> Iterator[Sequence[PlannedLine]]:
        """Yield the lines of each batch."""
        start = 0
        for stop in range(1, len(lines) + 1):
            if not self._joins(lines, start, stop):
                yield lines[start:stop]
                start = stop

    def _joins(self, lines: Sequence[PlannedLine], start: int, stop: int) -> bool:
        """Return whether line `stop` may join the batch of the lines from `start` on."""
        count = stop - start + 1
        if stop == len(lines) or count > max(MAX_LINES, self.columns // FEW_COLUMNS):
            return False
        widest = lines[stop].width
        return widest * count <= self.columns and widest <= MAX_SPREAD * lines[start].width

    def common_width(self, widest: int) -> int:
        """Return the width of a batch: its widest line, rounded up, so that no line becomes too narrow for its text."""
        multiple = self.stride if widest < WIDTH_STEP_FROM else math.lcm(self.stride, WIDTH_STEP)
        return -(-widest // multiple) * multiple

    def collate(self, lines: Sequence[PlannedLine], rank: int = 0, processes: int = 1) -> Batch:
        """Return the batch of lines that are sorted by width, with the rows of process `rank` of `processes`.

        A process without a row gets the first one; its caller gives that row no weight.
        """
        rows = lines[rank::processes] or lines[:1]
        widths = [row.line.ink.shape[1] for row in rows]
        ink = np.zeros((len(rows), len(rows[0].line.ink), max(widths)), np.uint8)
        for target, row, width in zip(ink, rows, widths, strict=True):
            target[:, :width] = row.line.ink
        return Batch(
            ink=torch.from_numpy(ink),
            widths=torch.tensor(widths),
            target_width=self.common_width(lines[-1].width),
            seeds=torch.tensor([row.seed for row in rows]),
            targets=torch.tensor([label for row in rows for label in row.labels]),
            target_lengths=torch.tensor([len(row.labels) for row in rows]),
            texts=tuple(row.line.text for row in rows),
            lines=len(lines),
            characters=sum(len(line.labels) for line in lines),
        )
