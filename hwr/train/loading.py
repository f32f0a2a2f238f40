"""The batches of a run in order, each made ready on the device; for a GPU, a thread makes them ahead of time."""

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hwr.errors import TrainingError
from hwr.train.augment.augment import augment
from hwr.train.batches import Batch, Pool, PoolBuilder
from hwr.train.processes import ALONE, Processes
from hwr.train.schedule import Position, Progress, regularisation

AHEAD = 16
"""Number of batches that wait on the GPU: enough to bridge the reading of a pool."""


@dataclass(frozen=True)
class ReadyBatch:
    """A batch on the device.

    Attributes:
        ink: float32 (B, 1, H, W), augmented.
        targets: int64, as in `batch`.
        epoch: the epoch that it belongs to.
        after: the position of the run after this batch.
        skipped: lines that were skipped since the previous batch, by reason.
        copied: the event after which `ink` and `targets` are on the GPU.
    """

    batch: Batch
    ink: Tensor
    targets: Tensor
    epoch: int
    after: Position
    skipped: Counter[str]
    copied: torch.cuda.Event | None = None

    @property
    def ends_pool(self) -> bool:
        """True for the last batch of a pool."""
        return self.after[2] == 0

    def wait(self) -> None:
        """Let the current stream wait for the batch, and keep its memory until that stream is done with it."""
        if self.copied is not None:
            stream = torch.cuda.current_stream(self.ink.device)
            stream.wait_event(self.copied)
            for tensor in (self.ink, self.targets):
                tensor.record_stream(stream)


def load_pools(builder: PoolBuilder, progress: Progress) -> Iterator[tuple[Position, Pool]]:
    """Yield the pools of a run in order from its position on, each with the position of its first batch.

    Raises:
        HwrError: a line cannot be read.
        TrainingError: no line can be trained on.
    """
    skipped: Counter[str] = Counter()
    epoch, first, done = progress.position
    used = progress.lines > 0
    while builder.has_lines:
        pools = len(builder.pools(epoch))  # a set of a small weight may have none in some epochs
        for number in range(first, pools):
            pool = builder.build(epoch, number, done)
            skipped += pool.skipped
            used = used or bool(pool.batches)
            yield (epoch, number, done), pool
            done = 0
        if pools and not used:
            break
        epoch, first = epoch + 1, 0
    reasons = f"; skipped: {describe_counts(skipped)}" if skipped else ""
    raise TrainingError(f"no usable line in the training data{reasons}")


def describe_counts(skipped: Counter[str]) -> str:
    """Return counts of lines by reason in words."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()) if count)


def load_batches(
    builder: PoolBuilder,
    progress: Progress,
    device: torch.device,
    processes: Processes = ALONE,
) -> Iterator[ReadyBatch]:
    """Yield the batches of a run from its position on, with the rows of this process, ready on the device.

    Raises:
        HwrError: see `load_pools`.
    """
    batches = _make_batches(builder, progress, device, processes)
    return batches if device.type == "cpu" else _ahead(batches, device)


def _make_batches(
    builder: PoolBuilder, progress: Progress, device: torch.device, processes: Processes
) -> Iterator[ReadyBatch]:
    """Collate, augment and copy one batch after another."""
    recipe = builder.recipe
    skipped: Counter[str] = Counter()
    for (epoch, number, done), pool in load_pools(builder, progress):
        if done == 0:
            skipped += pool.skipped
        for count, lines in enumerate(pool.batches, start=1):
            strength = regularisation(progress.share(recipe), recipe.optimisation)
            batch = builder.cutter.collate(lines, processes.rank, processes.count)
            widths = torch.full_like(batch.widths, batch.target_width)
            ink = augment(batch.ink.to(device), batch.widths, widths, batch.seeds, recipe.augment.scaled(strength))
            last = count == len(pool.batches)
            after = (epoch, number + 1, 0) if last else (epoch, number, done + count)
            yield ReadyBatch(batch, ink, batch.targets.to(device), epoch, after, skipped)
            skipped = Counter()


def _ahead(batches: Iterator[ReadyBatch], device: torch.device) -> Iterator[ReadyBatch]:
    """Make batches in a thread, on a stream of its own, while the GPU computes."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def make() -> ReadyBatch:
        with torch.cuda.device(device), torch.cuda.stream(stream):
            ready = next(batches)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(stream)
        return replace(ready, copied=copied)

    waiting: deque[Future[ReadyBatch]] = deque()
    thread = ThreadPoolExecutor(1)
    try:
        while True:
            while len(waiting) <= AHEAD:
                waiting.append(thread.submit(make))
            yield waiting.popleft().result()
    finally:
        thread.shutdown(cancel_futures=True)
