"""Many lines as image files, made by several processes; what comes out does not depend on how many."""

import math
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.errors import DataError, HwrError
from hwr.line import normalise_line, time_steps
from hwr.store.lines import StoredLine
from hwr.synth.generator import LineGenerator, PassedOver, SynthLine, line_id
from hwr.synth.options import SynthOptions
from hwr.text import steps_needed

BATCH_LINES = 64

PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
"""0.8 ms for a line, and smaller files than the default; lossless WebP is 4 % smaller and takes ten times as long."""

MOST_WORKERS = 8

SURE_STEPS = 2.0
"""A line that has so many times the time steps that CTC needs, by a rough estimate, is not measured exactly."""


@dataclass(frozen=True)
class BatchOptions:
    """What all batches of a run have in common.

    Attributes:
        synth, alphabet: as for `LineGenerator`.
        seed: of the lines.
        height, stride: line height and columns a time step of the models to be trained: lines on which CTC cannot
            align the text are left out.
        licence: what the lines state.
    """

    synth: SynthOptions
    alphabet: str | None = None
    seed: int = 0
    height: int = 48
    stride: int = 4
    licence: str | None = None


@dataclass
class Batch:
    """Lines of consecutive numbers.

    Attributes:
        lines: in order. not_made: ids and reasons of lines that no source could make; too_long: ids and reasons of
            lines on which CTC could not align the text. passed_over: texts that were drawn anew.
    """

    lines: list[StoredLine] = field(default_factory=list)
    not_made: list[tuple[str, str]] = field(default_factory=list)
    too_long: list[tuple[str, str]] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)


def default_workers() -> int:
    """As many processes as this one may use cores, at most MOST_WORKERS: one process writes what they make."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, cores)


def make_batch(generator: LineGenerator, options: BatchOptions, indices: range) -> Batch:
    """The lines of some numbers."""
    batch = Batch()
    generator.passed_over = batch.passed_over
    for index in indices:
        try:
            line = generator.line(options.seed, index)
        except DataError as error:
            batch.not_made.append((line_id(options.seed, index), str(error)))
            continue
        reason = _too_long(line, options)
        if reason:
            batch.too_long.append((line.id, reason))
        else:
            batch.lines.append(_store(line, options))
    return batch


def make_batches(
    options: BatchOptions, indices: range, workers: int = 1, report: Callable[[str], None] | None = None
) -> Iterator[Batch]:
    """The lines of `indices` in order, BATCH_LINES numbers a batch, made by `workers` processes.

    Args:
        report: is told, in one line each, of fonts that cannot be used.

    Raises:
        InputError, DataError, UsageError: a source cannot be used. This comes before any process is started.
        HwrError: a process died.
    """
    parts = [indices[start : start + BATCH_LINES] for start in range(0, len(indices), BATCH_LINES)]
    # Made here in any case: what is wrong with the sources shows before processes start, and once.
    generator = LineGenerator(options.synth, options.alphabet, report)
    workers = min(workers, len(parts))
    if workers <= 1:
        yield from (make_batch(generator, options, part) for part in parts)
        return
    del generator
    yield from _by_processes(options, parts, workers)


def _by_processes(options: BatchOptions, parts: list[range], workers: int) -> Iterator[Batch]:
    """Batches in order; a few are made ahead, so that memory does not grow where writing is slower."""
    # A fresh process, not a fork: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(options,))
    try:
        waiting: deque[Future[Batch]] = deque()
        remaining = iter(parts)
        for part in remaining:
            waiting.append(pool.submit(_work, part))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise HwrError("a process that makes lines died (out of memory?); try fewer --workers") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_state: tuple[LineGenerator, BatchOptions] | None = None
"""Of a worker process: made once, when it starts."""


def _start_worker(options: BatchOptions) -> None:
    global _state
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    cv2.setNumThreads(1)
    _state = LineGenerator(options.synth, options.alphabet), options


def _work(indices: range) -> Batch:
    assert _state is not None
    return make_batch(*_state, indices)


def encode(grey: NDArray[np.uint8]) -> bytes:
    """A PNG file of a grey image (H, W); nothing is lost."""
    _, data = cv2.imencode(".png", grey, list(PNG_OPTIONS))
    return bytes(data)


def _store(line: SynthLine, options: BatchOptions) -> StoredLine:
    height, width = line.grey.shape
    return StoredLine(
        image=encode(line.grey),
        path=f"{line.id}.png",
        text=line.text,
        id=line.id,
        width=width,
        height=height,
        writer=line.source,
        source="hwr synth",
        licence=options.licence,
    )


def _too_long(line: SynthLine, options: BatchOptions) -> str:
    """Why CTC cannot align the text with the image, or nothing."""
    needed = steps_needed(line.text)
    rows, columns = line.grey.shape
    if math.ceil(columns * options.height / rows / options.stride) >= SURE_STEPS * needed:
        return ""
    width = normalise_line(line.grey, options.height).shape[1]
    steps = time_steps(width, options.stride)
    return "" if steps >= needed else f"needs {needed} time steps, has {steps}: {line.text!r}"
