"""The batches of a run in order: worker processes build pools, and batches are made ready on the device.

An item of torch's DataLoader is a pool, built whole by a worker from its request. The main process decides requests a
few pools ahead, and shares of synthetic lines with them; these are saved with the run until the pool is done.
"""

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from hwr.errors import HwrError, TrainingError
from hwr.train.augment.augment import augment
from hwr.train.augment.options import AugmentOptions
from hwr.train.batches import Batch, Pool, PoolBuilder, PoolRequest
from hwr.train.graphs import recording
from hwr.train.processes import ALONE, Processes
from hwr.train.recipe import Recipe
from hwr.train.schedule import Position, Progress, in_decay, regularisation

AHEAD = 16
"""Number of batches that wait on the GPU: enough to bridge the arrival of a pool."""

AUTOMATIC_WORKERS = 4
"""Maximum number of worker processes if the recipe does not state their number."""

NICENESS = 10
"""Workers take the cores that training leaves."""


@dataclass(frozen=True)
class ReadyBatch:
    """A batch on the device.

    ink: float32 (B, 1, H, W), augmented; targets: int64. `copied` is the event after which both are there. request: of
    its pool; after: the position of the run after this batch. passed_over: lines that were skipped since the previous
    batch, by reason.
    """

    batch: Batch
    ink: Tensor
    targets: Tensor
    request: PoolRequest
    after: Position
    passed_over: Counter[str]
    copied: torch.cuda.Event | None = None

    def wait(self) -> None:
        """Let the current stream wait for the batch, and keep its memory until that stream is done with it."""
        if self.copied is not None:
            stream = torch.cuda.current_stream(self.ink.device)
            stream.wait_event(self.copied)
            for tensor in (self.ink, self.targets):
                tensor.record_stream(stream)


class PoolRequests(Sampler[PoolRequest]):
    """The pools from the position of a run on, without end. The share of a pool is decided when it is
    requested.
    """

    def __init__(self, builder: PoolBuilder, progress: Progress, recipe: Recipe) -> None:
        self.builder, self.progress, self.recipe = builder, progress, recipe

    def __iter__(self) -> Iterator[PoolRequest]:
        epoch, first, done = self.progress.position
        while self.builder.has_lines:
            for number in range(first, len(self.builder.pools(epoch))):
                yield PoolRequest(epoch, number, self._share(epoch, number), done)
                done = 0
            epoch, first = epoch + 1, 0

    def _share(self, epoch: int, number: int) -> float:
        """Return the share of synthetic lines of a pool; one that was requested before keeps its share."""
        synthesis = self.recipe.synthesis
        if synthesis is None:
            return 0.0
        if not self.builder.has_data:
            return 1.0
        over = self.progress.share(self.recipe)
        share = synthesis.share(over, in_decay(over, self.recipe.optimisation))
        return self.progress.requested.setdefault(f"{epoch}/{number}", share)


class Pools(Dataset[Pool | HwrError]):
    """Builds pools by request, in any process. Errors that a user can cause are returned: one line describes them."""

    def __init__(self, builder: PoolBuilder) -> None:
        self.builder = builder

    def __getitem__(self, request: PoolRequest) -> Pool | HwrError:
        try:
            return self.builder.build(request)
        except HwrError as error:
            return error


def worker_count(recipe: Recipe, device: torch.device) -> int:
    """Return the number of worker processes: that of the recipe, or one that suits the machine."""
    if recipe.workers >= 0:
        return recipe.workers
    if device.type == "cpu":
        return int(recipe.synthesis is not None)  # a pool of data takes almost no time
    return max(1, min(AUTOMATIC_WORKERS, (os.cpu_count() or 1) - 1))


def load_pools(builder: PoolBuilder, progress: Progress, recipe: Recipe, workers: int) -> Iterator[Pool]:
    """Yield the pools of a run in order from its position on.

    Raises:
        HwrError: a pool cannot be built.
        TrainingError: no line can be trained on, or a worker process ended.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # workers import nothing from the working folder
    loader = DataLoader(
        Pools(builder),
        batch_size=None,
        sampler=PoolRequests(builder, progress, recipe),
        num_workers=workers,
        collate_fn=_as_it_is,
        prefetch_factor=1 if workers else None,
        # A fresh interpreter: a forked one would share locks with the threads of this process.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # the global generator belongs to the network
    )
    passed_over: Counter[str] = Counter()
    epoch, used = -1, progress.lines > 0
    for pool in loader:
        if isinstance(pool, HwrError):
            raise pool
        if epoch not in (-1, pool.request.epoch) and not used:
            _refuse(passed_over)
        epoch = pool.request.epoch
        passed_over += pool.passed_over
        used = used or bool(pool.batches)
        yield pool
    _refuse(passed_over)


def _refuse(passed_over: Counter[str]) -> None:
    raise TrainingError("no usable line in the training data; skipped: " + (describe_counts(passed_over) or "none"))


def describe_counts(passed_over: Counter[str]) -> str:
    """Return counts of lines by reason in words."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(passed_over.items()) if count)


@contextmanager
def worker_errors() -> Iterator[None]:
    """Turn torch's error about a worker that ended, which may come at any time, into one line.

    Raises:
        TrainingError: a worker process ended.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        how = str(error).splitlines()[0].strip()
        raise TrainingError(
            f"a process that builds batches has ended ({how}); the last save is in the run folder"
        ) from (None)


def load_batches(
    builder: PoolBuilder,
    progress: Progress,
    recipe: Recipe,
    device: torch.device,
    processes: Processes = ALONE,
) -> Iterator[ReadyBatch]:
    """Yield the batches of a run from its position on, with the rows of this process, ready on the device.

    Raises:
        HwrError: see `load_pools`.
    """
    pools = load_pools(builder, progress, recipe, worker_count(recipe, device))
    rank, count = processes.rank, processes.count

    def planned() -> Iterator[Callable[[], ReadyBatch]]:
        passed_over: Counter[str] = Counter()
        for pool in pools:
            if pool.request.first_batch == 0:
                passed_over += pool.passed_over
            for number in range(len(pool.batches)):
                strength = regularisation(progress.share(recipe), recipe.optimisation)
                options = recipe.augment if strength == 1 else recipe.augment.scaled(strength)
                collate = partial(builder.cutter.collate, pool.batches[number], rank, count)
                yield partial(_make_ready, collate, device, options, pool, number, passed_over)
                passed_over = Counter()

    if device.type == "cpu":
        return (make() for make in planned())
    return _ahead(planned(), device)


def _make_ready(
    collate: Callable[[], Batch],
    device: torch.device,
    options: AugmentOptions,
    pool: Pool,
    number: int,
    passed_over: Counter[str],
) -> ReadyBatch:
    """Collate, augment and copy batch `number` of a pool."""
    batch, request = collate(), pool.request
    widths = torch.full_like(batch.widths, batch.target_width)
    ink = augment(batch.ink.to(device), batch.widths, widths, batch.seeds, options)
    after = (request.epoch, request.number, request.first_batch + number + 1)
    if number + 1 == len(pool.batches):
        after = (request.epoch, request.number + 1, 0)
    return ReadyBatch(batch, ink, batch.targets.to(device), request, after, passed_over)


def _ahead(makers: Iterator[Callable[[], ReadyBatch]], device: torch.device) -> Iterator[ReadyBatch]:
    """Make batches ready in a thread, on a stream of its own, while the GPU computes."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def make(maker: Callable[[], ReadyBatch]) -> ReadyBatch:
        with recording, torch.cuda.device(device), torch.cuda.stream(stream):
            ready = maker()
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(stream)
        return replace(ready, copied=copied)

    waiting: deque[Future[ReadyBatch]] = deque()
    thread = ThreadPoolExecutor(1)
    try:
        for maker in makers:
            waiting.append(thread.submit(make, maker))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        thread.shutdown(cancel_futures=True)


def _as_it_is(pool: Any) -> Any:
    """Leave an item as the worker returned it."""
    return pool


def _begin_worker(number: int) -> None:
    """Set up a worker process: low priority, one thread, and no reaction to signals that the main process handles."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ignore_once)
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    with suppress(ImportError):  # OpenCV would use every core
        import cv2

        cv2.setNumThreads(1)


def _ignore_once(number: int, frame: FrameType | None) -> None:
    """Leave the first SIGTERM, which torchrun sends to all, to the main process; end at the next one."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
