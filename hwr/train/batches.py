"""The order of training: epochs -> pools of lines -> batches without padding.

Every line draws its width jitter from (seed, epoch, line). The lines of a pool are sorted by jittered width and cut
into batches, and each line is stretched by the last percent to the width of its batch. So a batch has no padding: no
zeros are multiplied, norms need no masks, and the recurrent layers run over full rectangles. The whole order follows
from the seed, so that a run can be stopped anywhere and resumed from (epoch, pool, batch).

Synthetic lines replace a share of the lines of every pool; which ones is drawn again in each epoch. So pools and epochs
keep their lengths, and the sets their weights. The share depends on the progress of the run, and so on the clock: it is
decided when a pool is requested, and saved with the run until the pool is done. Without data every pool is synthetic.
"""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hwr.text import Alphabet, steps_needed
from hwr.train.cache import TrainingLine
from hwr.train.datasets import LineSource
from hwr.train.recipe import Optimisation

LARGE_BATCH = 40_000
"""Batches with more columns are intended for GPUs."""

POOL_GROUPS, GROUP_COLUMNS = 8, 1000
"""Groups (of at most 256 lines) in a pool: 8; with large batches one for every 1,000 columns of a batch. That is enough
to fill batches with lines of similar width."""

SYNTHETIC_POOL = 2048
"""Lines in a pool of a run without data."""

POOL_NUMBERS, EPOCH_POOLS = 1 << 16, 1 << 20
"""Numbers of synthetic lines that belong to one pool, and pools that belong to one epoch."""

MAX_SPREAD = 1.12
"""Widest line over narrowest line of a batch: the last stretch to the common width stays within half of this."""

MAX_LINES, FEW_COLUMNS = 96, 145
"""Lines in a batch of very short ones: 96, or one for every 145 columns of a batch, whichever is more."""

WIDTH_STEP, WIDTH_STEP_FROM = 16, 160
"""Batches wider than 160 columns get a multiple of 16: fewer shapes for which kernels must be made."""

LINES_STEP_FROM, WIDE = 64, 512
"""Large batches have fewer shapes still: 64, 80, 96, 112, 128, 160 and so on lines (four numbers for each power of
two), and twice as large steps of widths, above 512 columns four times as large ones."""

MAX_WIDENING = 1.5
"""A line too narrow for CTC is widened by at most this factor; a narrower one is skipped."""

STEP_RESERVE = 1.1
"""Time steps in addition to the minimum that CTC needs, so that an alignment has room to move."""


@dataclass(frozen=True)
class Block:
    """One group of one source."""

    source: int
    group: int
    copy: int


@dataclass(frozen=True)
class PoolRequest:
    """Everything that a pool depends on: its place in the order, its share of synthetic lines, and the first
    batch needed.
    """

    epoch: int
    number: int
    synthetic_share: float = 0.0
    first_batch: int = 0


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line, the width it gets in this epoch, and the seed of its augmentation."""

    line: TrainingLine
    labels: list[int]
    width: int
    seed: int
    synthetic: bool = False


@dataclass(frozen=True)
class Pool:
    """The lines of each batch of a pool, in random order, and the number of skipped lines, by reason."""

    request: PoolRequest
    batches: list[Sequence[PlannedLine]]
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Batch:
    """The lines of one step, all of one width; in a run of several processes, the rows of this process.

    ink: uint8 (B, H, W); widths: int64 (B,), true widths in `ink`; target_width: columns after augmentation;
    seeds: int64 (B,); targets: int64 (sum of target_lengths,); target_lengths: int64 (B,).
    lines, characters, synthetic: how many the whole batch has, over all processes.
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
    synthetic: int = 0


class Synthetic(Protocol):
    """Lines that are made for a run, by number."""

    def take(self, first: int, count: int) -> Sequence[TrainingLine]: ...


def epoch_pools(
    sources: Sequence[LineSource], weights: Sequence[float], seed: int, epoch: int, groups: int = POOL_GROUPS
) -> list[list[Block]]:
    """Return the pools of one epoch, of `groups` groups each.

    A weight of 2.5 shows a source twice, and with probability one half a third time; group by group.
    Chains of groups that are read fastest in order stay in order.
    """
    generator = random.Random(f"{seed}/{epoch}")
    runs: list[list[Block]] = []
    for number, (source, weight) in enumerate(zip(sources, weights, strict=True)):
        for copy in range(int(weight) + 1):
            share = min(1.0, weight - copy)
            by_chain: dict[int, list[Block]] = {}
            for group, chain in enumerate(source.chains):
                if share > 0 and generator.random() < share:
                    by_chain.setdefault(chain, []).append(Block(number, group, copy))
            runs.extend(by_chain.values())
    generator.shuffle(runs)
    # Long chains of a source are read in sequence, but spread over the epoch, so that every pool is a mixture.
    placed = [(generator.random(), run[0]) for run in runs if len(run) == 1]
    chains: dict[int, list[Block]] = {}
    for run in runs:
        if len(run) > 1:
            chains.setdefault(run[0].source, []).extend(run)
    for blocks in chains.values():
        placed += list(zip(sorted(generator.random() for _ in blocks), blocks, strict=True))
    ordered = [block for _, block in sorted(placed, key=lambda item: item[0])]
    return [ordered[start : start + groups] for start in range(0, len(ordered), groups)]


def line_seed(seed: int, epoch: int, copy: int, source: str, line: str) -> int:
    """Return 63 random bits that depend on these values only."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{copy}/{source}/{line}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class PoolBuilder:
    """Reads the lines of pools and cuts them into batches; works in any process."""

    def __init__(
        self,
        sources: Sequence[LineSource],
        weights: Sequence[float],
        alphabet: Alphabet,
        stride: int,
        options: Optimisation,
        seed: int,
        exclude: str = "",
        synthetic: Synthetic | None = None,
    ) -> None:
        self.sources, self.weights, self.synthetic = sources, weights, synthetic
        self.alphabet, self.options, self.seed, self.exclude = alphabet, options, seed, exclude
        self.cutter = Cutter(options.columns_per_batch, stride)

    @property
    def has_data(self) -> bool:
        """True unless no epoch will ever show a line of the data."""
        return any(weight > 0 and len(source.chains) for source, weight in zip(self.sources, self.weights, strict=True))

    @property
    def has_lines(self) -> bool:
        """True unless no epoch will ever show a line."""
        return self.synthetic is not None or self.has_data

    def pools(self, epoch: int) -> list[list[Block]]:
        """Return the pools of an epoch; see `epoch_pools`. Without data an epoch is one pool."""
        if self.synthetic is not None and not self.has_data:
            return [[]]
        columns = self.options.columns_per_batch
        groups = columns // GROUP_COLUMNS if columns > LARGE_BATCH else POOL_GROUPS
        return epoch_pools(self.sources, self.weights, self.seed, epoch, groups)

    def build(self, request: PoolRequest) -> Pool:
        """Read the lines of a pool and divide them into batches.

        Raises:
            HwrError: a line cannot be read or made.
        """
        epoch, number = request.epoch, request.number
        passed_over: Counter[str] = Counter()
        lines = list(self._lines(epoch, self.pools(epoch)[number], passed_over))
        synthetic = round(request.synthetic_share * (len(lines) if self.has_data else SYNTHETIC_POOL))
        if synthetic and self.synthetic is not None:
            kept = random.Random(f"{self.seed}/{epoch}/{number}/kept").sample(lines, max(0, len(lines) - synthetic))
            first = (epoch * EPOCH_POOLS + number) * POOL_NUMBERS
            lines = kept + list(self._synthetic_lines(self.synthetic.take(first, synthetic), epoch))
        lines.sort(key=lambda planned: (planned.width, planned.seed))
        batches = list(self.cutter.cut(lines))
        random.Random(f"{self.seed}/{epoch}/{number}").shuffle(batches)
        return Pool(request, batches[request.first_batch :], passed_over)

    def _lines(self, epoch: int, pool: Sequence[Block], passed_over: Counter[str]) -> Iterator[PlannedLine]:
        for block in pool:
            source = self.sources[block.source]
            for line in source.read(block.group):
                planned = self._plan(line, line_seed(self.seed, epoch, block.copy, source.name, line.id))
                if isinstance(planned, PlannedLine):
                    yield planned
                else:
                    passed_over[planned] += 1

    def _synthetic_lines(self, lines: Sequence[TrainingLine], epoch: int) -> Iterator[PlannedLine]:
        for line in lines:
            planned = self._plan(line, line_seed(self.seed, epoch, 0, "synthesis", line.id), synthetic=True)
            if isinstance(planned, PlannedLine):
                yield planned

    def _plan(self, line: TrainingLine, seed: int, synthetic: bool = False) -> PlannedLine | str:
        """Return the line with its width, or the reason why it is skipped."""
        if not line.text:
            return "without text"
        if any(character in self.exclude for character in line.text):
            return "with an excluded character"
        if self.alphabet.missing([line.text]):
            return "with a character outside the alphabet"
        labels = self.alphabet.encode(line.text)
        low, high = self.options.width_jitter
        unit = (seed >> 20) / (1 << 43)
        width = round(line.width * math.exp(low + (high - low) * unit))
        narrowest = math.ceil(steps_needed(labels) * STEP_RESERVE) * self.cutter.stride
        if narrowest > MAX_WIDENING * line.width:
            return "too narrow for the text"
        return PlannedLine(line, labels, max(width, narrowest, self.cutter.stride), seed, synthetic)


@dataclass(frozen=True)
class Cutter:
    """Divides lines that are sorted by width into batches of at most `columns` columns."""

    columns: int
    stride: int

    def cut(self, lines: Sequence[PlannedLine]) -> Iterator[Sequence[PlannedLine]]:
        """Yield the lines of each batch."""
        start = 0
        for stop in range(1, len(lines) + 1):
            if self._joins(lines, start, stop):
                continue
            rest = self._rest(lines, start, stop)
            yield lines[start : stop - rest]
            start = stop - rest

    def _rest(self, lines: Sequence[PlannedLine], start: int, stop: int) -> int:
        """Return how many of the lines from `start` to `stop` are left for the next batch."""
        if stop == len(lines):
            return 0
        if self._large and stop - start > LINES_STEP_FROM:
            return (stop - start) % (1 << ((stop - start).bit_length() - 3))
        # Two processes share an even number of lines without a rest: the odd line goes to the next batch, but not to
        # one of wider lines.
        odd = stop - start > 1 and (stop - start) % 2 == 1
        return int(odd and lines[stop].width <= MAX_SPREAD * lines[start].width)

    def _joins(self, lines: Sequence[PlannedLine], start: int, stop: int) -> bool:
        """Return whether line `stop` may join the batch of the lines from `start` on."""
        limit = max(MAX_LINES, self.columns // FEW_COLUMNS)
        if stop == len(lines) or stop - start >= limit:
            return False
        widest = lines[stop].width
        columns = self.common_width(widest) if self._large else widest
        fits = columns * (stop - start + 1) <= self.columns
        return fits and widest <= MAX_SPREAD * lines[start].width

    @property
    def _large(self) -> bool:
        return self.columns > LARGE_BATCH

    def common_width(self, widest: int) -> int:
        """Return the width of a batch: its widest line, rounded up, so that no line becomes too narrow for its text."""
        multiple = self.stride if widest < WIDTH_STEP_FROM else math.lcm(self.stride, WIDTH_STEP)
        if self._large:
            multiple *= 2 if widest < WIDE else 4
        return -(-widest // multiple) * multiple

    def collate(self, lines: Sequence[PlannedLine], rank: int = 0, processes: int = 1) -> Batch:
        """Return the batch of lines that are sorted by width, with the rows of process `rank` of `processes`.

        A process without a row gets the first one; its caller gives that row no weight.
        """
        rows = lines[rank::processes] or lines[:1]
        ink = np.zeros((len(rows), len(rows[0].line.pixels()), max(row.line.width for row in rows)), np.uint8)
        for target, row in zip(ink, rows, strict=True):
            target[:, : row.line.width] = row.line.pixels()
        return Batch(
            ink=torch.from_numpy(ink),
            widths=torch.tensor([row.line.width for row in rows]),
            target_width=self.common_width(lines[-1].width),
            seeds=torch.tensor([row.seed for row in rows]),
            targets=torch.tensor([label for row in rows for label in row.labels]),
            target_lengths=torch.tensor([len(row.labels) for row in rows]),
            texts=tuple(row.line.text for row in rows),
            lines=len(lines),
            characters=sum(len(line.labels) for line in lines),
            synthetic=sum(line.synthetic for line in lines),
        )
