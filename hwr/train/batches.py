"""The order of training: epochs -> pools of lines -> batches without padding.

Every line draws its width jitter from (seed, epoch, line). Lines of a pool are sorted by jittered width and cut into
batches; within a batch each line is stretched by a last percent to one common width. So a batch holds no padding:
nothing is multiplied in vain, norms need no masks, and the recurrent layers run over full rectangles. The whole order
follows from the seed, so a run can be stopped anywhere and go on from (epoch, pool, batch).

Synthetic lines take the place of a share of the lines of every pool. Which lines of the data give way is drawn anew
in each epoch. So pools and epochs keep their lengths, the sets keep their weights to each other, and no share is too
large. The share follows from how much of the run is over, and that depends on the clock; so it is decided once, when a
pool begins, and kept in the progress of the run with the number of the pool's first synthetic line. A run that goes on
builds its pool from these again. Without data every pool is synthetic.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hwr.text import Alphabet, steps_needed
from hwr.train.data import Source, Synthetic, TrainingLine
from hwr.train.distributed import ALONE, Processes
from hwr.train.recipe import Optimisation
from hwr.train.schedule import in_decay

LARGE_BATCH = 40_000
"""Columns; batches of more are meant for cards."""

POOL_GROUPS, GROUP_COLUMNS = 8, 1000
"""Groups (of at most 256 lines) in a pool: 8; of large batches one for every 1,000 columns of a batch. Enough to
fill batches with lines of like width, little enough to hold in memory."""

SYNTHETIC_POOL = 2048
"""Lines in a pool of a run without data."""

MAX_SPREAD = 1.12
"""Widest line over narrowest line of a batch: the last stretch to the common width stays within half of this."""

MAX_LINES, FEW_COLUMNS = 96, 145
"""Lines in a batch of very short ones: 96, or one for every 145 columns of a batch, whichever is more."""

WIDTH_STEP, WIDTH_STEP_FROM = 16, 160
"""Batches wider than 160 columns get a multiple of 16: fewer shapes for which kernels must be made."""

LINES_STEP_FROM, WIDE = 64, 512
"""Large batches have fewer shapes still: 64, 80, 96, 112, 128, 160 and so on lines, four numbers for each power of two,
and twice as large steps of widths, above 512 columns four times as large ones."""

MAX_WIDENING = 1.5
"""A line too narrow for CTC is widened at most by this; a narrower one is left out."""

STEP_RESERVE = 1.1
"""Time steps over what CTC needs at least, so that an alignment has room to move."""


@dataclass(frozen=True)
class Block:
    """One group of one source."""

    source: int
    group: int
    copy: int


@dataclass(frozen=True)
class PlannedLine:
    """A line, the width it gets in this epoch, and the seed of its augmentation."""

    line: TrainingLine
    labels: list[int]
    width: int
    seed: int


@dataclass(frozen=True)
class Batch:
    """What a step needs. All lines get the same width.

    ink: uint8 (B, H, W); widths: int64 (B,), true widths in `ink`; target_width: columns after augmentation;
    seeds: int64 (B,); targets: int64 (sum of target_lengths,); target_lengths: int64 (B,).
    """

    ink: Tensor
    widths: Tensor
    target_width: int
    seeds: Tensor
    targets: Tensor
    target_lengths: Tensor
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Pool:
    """The lines of each batch of a pool, in random order, and how many synthetic lines were made for it."""

    parts: list[Sequence[PlannedLine]]
    synthetic: int


@dataclass
class Skipped:
    """How often training passed over a line: over a run, each epoch counts."""

    excluded: int = 0
    empty: int = 0
    too_narrow: int = 0
    outside_alphabet: int = 0


def epoch_pools(
    sources: Sequence[Source], weights: Sequence[float], seed: int, epoch: int, groups: int = POOL_GROUPS
) -> list[list[Block]]:
    """The pools of one epoch, of `groups` groups each.

    A weight of 2.5 shows a source twice, and with probability one half a third time; group by group.
    Runs of groups that must stay in order (giant row groups) stay in order.
    """
    generator = random.Random(f"{seed}/{epoch}")
    runs: list[list[Block]] = []
    for number, (source, weight) in enumerate(zip(sources, weights, strict=True)):
        for copy in range(int(weight) + 1):
            share = min(1.0, weight - copy)
            by_run: dict[int, list[Block]] = {}
            for group, run in enumerate(source.runs):
                if share > 0 and generator.random() < share:
                    by_run.setdefault(run, []).append(Block(number, group, copy))
            runs.extend(by_run.values())
    generator.shuffle(runs)
    # A source's long runs are read one after the other, but dealt out over the epoch, so that every pool is a mixture.
    placed = [(generator.random(), run[0]) for run in runs if len(run) == 1]
    chains: dict[int, list[Block]] = {}
    for run_blocks in runs:
        if len(run_blocks) > 1:
            chains.setdefault(run_blocks[0].source, []).extend(run_blocks)
    for chain in chains.values():
        placed += list(zip(sorted(generator.random() for _ in chain), chain, strict=True))
    ordered = [block for _, block in sorted(placed, key=lambda item: item[0])]
    return [ordered[start : start + groups] for start in range(0, len(ordered), groups)]


def line_seed(seed: int, epoch: int, copy: int, source: str, line: str) -> int:
    """63 random bits that depend on these values only."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{copy}/{source}/{line}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Planner:
    """Turns pools into batches."""

    def __init__(
        self,
        sources: Sequence[Source],
        weights: Sequence[float],
        alphabet: Alphabet,
        stride: int,
        options: Optimisation,
        seed: int,
        exclude: str = "",
        synthetic: Synthetic | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.processes = processes
        self.sources, self.weights, self.synthetic = sources, weights, synthetic
        self.alphabet, self.stride, self.options, self.seed, self.exclude = alphabet, stride, options, seed, exclude
        self.skipped = Skipped()

    @property
    def has_lines(self) -> bool:
        """False when no epoch will ever show a line: none is synthetic, no groups, or none with a weight."""
        return self.synthetic is not None or self._has_data

    @property
    def _has_data(self) -> bool:
        return any(weight > 0 and len(source.runs) for source, weight in zip(self.sources, self.weights, strict=True))

    def pools(self, epoch: int) -> list[list[Block]]:
        """The pools of an epoch; see `epoch_pools`. Without data an epoch is one pool."""
        if self.synthetic is not None and not self._has_data:
            return [[]]
        columns = self.options.columns_per_batch
        groups = columns // GROUP_COLUMNS if columns > LARGE_BATCH else POOL_GROUPS
        return epoch_pools(self.sources, self.weights, self.seed, epoch, groups)

    def synthetic_share(self, progress: float) -> float:
        """Share of synthetic lines in a pool that begins at `progress` through the run, 0 to 1."""
        if self.synthetic is None:
            return 0.0
        return self.synthetic.share(progress, in_decay(progress, self.options)) if self._has_data else 1.0

    def batches(self, epoch: int, number: int, pool: Sequence[Block]) -> list[Batch]:
        """The batches of pool `number` without synthetic lines."""
        return [self.collate(part) for part in self.mixed(epoch, number, pool, 0.0, 0).parts]

    def mixed(self, epoch: int, number: int, pool: Sequence[Block], share: float, first: int) -> Pool:
        """Read the lines of pool `number` and share them out over batches; `collate` makes each.

        Synthetic lines from number `first` on take the place of `share` of the lines.
        """
        lines = list(self._lines(epoch, pool))
        synthetic = round(share * (len(lines) if self._has_data else SYNTHETIC_POOL))
        if synthetic and self.synthetic is not None:
            kept = random.Random(f"{self.seed}/{epoch}/{number}/kept").sample(lines, max(0, len(lines) - synthetic))
            lines = kept + list(self._synthetic_lines(epoch, first, synthetic))
        lines.sort(key=lambda planned: (planned.width, planned.seed))
        parts = list(self._cut(lines))
        random.Random(f"{self.seed}/{epoch}/{number}").shuffle(parts)
        return Pool(parts, synthetic)

    def _lines(self, epoch: int, pool: Sequence[Block]) -> Iterator[PlannedLine]:
        for block, lines in self._read(pool):
            source = self.sources[block.source]
            for line in lines:
                planned = self._plan(line, line_seed(self.seed, epoch, block.copy, source.name, line.id))
                if planned is not None:
                    yield planned

    def _read(self, pool: Sequence[Block]) -> Iterator[tuple[Block, list[TrainingLine]]]:
        """The blocks with their lines; of several processes each reads some blocks and gives them to all."""
        count = self.processes.count
        if count == 1:
            yield from ((block, self.sources[block.source].read(block.group)) for block in pool)
            return
        own = pool[self.processes.rank :: count]
        parts = self.processes.together(lambda: [self.sources[block.source].read(block.group) for block in own])
        yield from ((block, parts[number % count][number // count]) for number, block in enumerate(pool))

    def _synthetic_lines(self, epoch: int, first: int, count: int) -> Iterator[PlannedLine]:
        assert self.synthetic is not None
        for line in self.synthetic.take(first, count):
            planned = self._plan(line, line_seed(self.seed, epoch, 0, "synthesis", line.id))
            if planned is not None:
                yield planned

    def _plan(self, line: TrainingLine, seed: int) -> PlannedLine | None:
        if not line.text:
            self.skipped.empty += 1
            return None
        if any(character in self.exclude for character in line.text):
            self.skipped.excluded += 1
            return None
        if self.alphabet.missing([line.text]):
            self.skipped.outside_alphabet += 1
            return None
        labels = self.alphabet.encode(line.text)
        low, high = self.options.width_jitter
        unit = (seed >> 20) / (1 << 43)
        width = round(line.ink.shape[1] * float(np.exp(low + (high - low) * unit)))
        narrowest = int(np.ceil(steps_needed(labels) * STEP_RESERVE)) * self.stride
        if narrowest > MAX_WIDENING * line.ink.shape[1]:
            self.skipped.too_narrow += 1
            return None
        return PlannedLine(line, labels, max(width, narrowest, self.stride), seed)

    def _cut(self, lines: Sequence[PlannedLine]) -> Iterator[Sequence[PlannedLine]]:
        start = 0
        for stop in range(1, len(lines) + 1):
            if self._joins(lines, start, stop):
                continue
            rest = self._rest(lines, start, stop)
            yield lines[start : stop - rest]
            start = stop - rest

    def _rest(self, lines: Sequence[PlannedLine], start: int, stop: int) -> int:
        """How many of the lines from `start` to `stop` are left to the next batch."""
        if stop == len(lines):
            return 0
        if self._for_cards and stop - start > LINES_STEP_FROM:
            return (stop - start) % (1 << ((stop - start).bit_length() - 3))
        # Two processes share an even number of lines without a rest: the odd line goes to the next batch, but not to
        # one of wider lines.
        odd = stop - start > 1 and (stop - start) % 2 == 1
        return int(odd and lines[stop].width <= MAX_SPREAD * lines[start].width)

    def _joins(self, lines: Sequence[PlannedLine], start: int, stop: int) -> bool:
        """True when line `stop` may join the batch of the lines from `start` on."""
        most = max(MAX_LINES, self.options.columns_per_batch // FEW_COLUMNS)
        if stop == len(lines) or stop - start >= most:
            return False
        widest = lines[stop].width
        columns = self._common_width(widest) if self._for_cards else widest
        fits = columns * (stop - start + 1) <= self.options.columns_per_batch
        return fits and widest <= MAX_SPREAD * lines[start].width

    @property
    def _for_cards(self) -> bool:
        return self.options.columns_per_batch > LARGE_BATCH

    def _common_width(self, widest: int) -> int:
        """The width of a batch: its widest line, rounded up, so that no line becomes too narrow for its labels."""
        multiple = self.stride if widest < WIDTH_STEP_FROM else math.lcm(self.stride, WIDTH_STEP)
        if self._for_cards:
            multiple *= 2 if widest < WIDE else 4
        return -(-widest // multiple) * multiple

    def collate(self, lines: Sequence[PlannedLine]) -> Batch:
        """The batch of lines that are sorted by width."""
        # The widest line decides, so that no line becomes too narrow for its labels.
        width = self._common_width(lines[-1].width)
        height = lines[0].line.ink.shape[0]
        ink = np.zeros((len(lines), height, max(planned.line.ink.shape[1] for planned in lines)), np.uint8)
        for row, planned in zip(ink, lines, strict=True):
            row[:, : planned.line.ink.shape[1]] = planned.line.ink
        return Batch(
            ink=torch.from_numpy(ink),
            widths=torch.tensor([planned.line.ink.shape[1] for planned in lines]),
            target_width=width,
            seeds=torch.tensor([planned.seed for planned in lines]),
            targets=torch.tensor([label for planned in lines for label in planned.labels]),
            target_lengths=torch.tensor([len(planned.labels) for planned in lines]),
            texts=tuple(planned.line.text for planned in lines),
        )
