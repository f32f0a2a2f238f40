"""What the training loop is fed with: pools of batches in their order, on CUDA ready on the card in good time.

On the CPU a batch is planned when the loop asks for it and augmented in its step: there is nothing to overlap with.
Beside a CUDA device a thread goes ahead by a few batches; it plans, augments and copies on a stream of its own while
the card computes. The share of synthetic lines of a pool is then decided a few steps earlier; nothing else changes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import TypeVar

import torch
from torch import Tensor

from hwr.train.augment.augment import augment
from hwr.train.augment.options import AugmentOptions
from hwr.train.batches import Batch, Planner
from hwr.train.distributed import Processes
from hwr.train.graphs import recording
from hwr.train.recipe import Recipe
from hwr.train.schedule import Progress

AHEAD = 16
"""Batches that wait on the card: enough to bridge the planning of a pool."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class PoolBegins:
    """A pool with this share of synthetic lines begins, or goes on."""

    synthetic_share: float


@dataclass(frozen=True)
class PoolEnds:
    """The pool is done; so many synthetic lines were made for all of it."""

    number: int
    synthetic: int


@dataclass(frozen=True)
class EpochEnds:
    """The epoch is done; it had so many pools."""

    pools: int


@dataclass(frozen=True)
class ReadyBatch:
    """The part of a batch that this process computes, with what its step needs on the device.

    ink: float32 (B, 1, H, W), augmented; targets: int64; `event` has come when both are there. characters: of the part;
    lines, labels: of the whole batch.
    """

    part: Batch
    ink: Tensor
    targets: Tensor
    characters: int
    lines: int
    labels: int
    event: torch.cuda.Event | None = None


Fed = PoolBegins | Batch | ReadyBatch | PoolEnds | EpochEnds


def prepare(batch: Batch, device: torch.device, options: AugmentOptions, processes: Processes) -> ReadyBatch:
    """Take this process' share of a batch, augment it and bring it to the device."""
    part, characters = processes.share(batch)
    widths = torch.full((len(part.texts),), part.target_width, dtype=torch.int64)
    ink = augment(part.ink.to(device), part.widths, widths, part.seeds, options)
    return ReadyBatch(part, ink, part.targets.to(device), characters, len(batch.texts), len(batch.targets))


def pools(planner: Planner, progress: Progress, recipe: Recipe) -> Iterator[PoolBegins | Batch | PoolEnds | EpochEnds]:
    """Everything from where `progress` stands on, without end; only the share of the run is looked at again later.

    Ends after an epoch of a planner that will never have a line.
    """
    epoch, first_pool, done, synthetic = progress.epoch, progress.pool, progress.batch, progress.synthetic
    share = progress.synthetic_share
    while True:
        blocks_of_pools = planner.pools(epoch)
        for number in range(first_pool, len(blocks_of_pools)):
            if done == 0:  # a pool in which the run was stopped keeps the share that it began with
                share = planner.synthetic_share(progress.share(recipe))
            yield PoolBegins(share)
            pool = planner.mixed(epoch, number, blocks_of_pools[number], share, synthetic)
            for part in pool.parts[done:]:
                yield planner.collate(part)  # nothing keeps a batch that is done
            synthetic, done = synthetic + pool.synthetic, 0
            yield PoolEnds(number, pool.synthetic)
        yield EpochEnds(len(blocks_of_pools))
        if not planner.has_lines:
            return
        epoch, first_pool = epoch + 1, 0


@contextmanager
def feed(
    planner: Planner, progress: Progress, recipe: Recipe, device: torch.device, processes: Processes
) -> Iterator[Iterator[Fed]]:
    """Yield what the loop works through: see `pools`. On CUDA batches come ready, made by a thread.

    Several processes plan together and talk while they do; a thread would get in the way of what the loop says.
    """
    items = pools(planner, progress, recipe)
    if device.type != "cuda" or processes.count > 1:
        yield items
        return
    with ahead(_ready(items, device, recipe.augment, processes), AHEAD) as ready:
        yield ready


def _ready(
    items: Iterator[PoolBegins | Batch | PoolEnds | EpochEnds],
    device: torch.device,
    options: AugmentOptions,
    processes: Processes,
) -> Iterator[Fed]:
    """The items with their batches made ready on a stream of their own."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    for item in items:
        if not isinstance(item, Batch):
            yield item
            continue
        with recording, torch.cuda.device(device), torch.cuda.stream(stream):
            ready = prepare(item, device, options, processes)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(stream)
        yield replace(ready, event=event)


def take(ready: ReadyBatch) -> ReadyBatch:
    """Let the present stream wait for a batch, and keep its memory until that stream is done with it."""
    if ready.event is not None:
        stream = torch.cuda.current_stream(ready.ink.device)
        stream.wait_event(ready.event)
        for tensor in (ready.ink, ready.targets):
            tensor.record_stream(stream)
    return ready


@contextmanager
def ahead(items: Iterator[Item], most: int) -> Iterator[Iterator[Item]]:
    """Let a thread work through `items`, ahead by at most `most` of them; its errors are raised where they are missed.

    The thread has ended when the context is left.
    """
    queue: Queue[Item | _End] = Queue(most)
    closed = threading.Event()

    def put(item: "Item | _End") -> bool:
        while not closed.is_set():
            try:
                queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End(None))
        except BaseException as error:
            put(_End(error))

    def taken() -> Iterator[Item]:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        closed.set()
        while thread.is_alive():
            try:
                queue.get(timeout=0.05)
            except Empty:
                continue
        thread.join()


@dataclass(frozen=True)
class _End:
    """No more items; or the error that ended them."""

    error: BaseException | None
