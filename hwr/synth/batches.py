"""Make many lines as image files in several processes, or draw some in one picture, a contact sheet.

The result does not depend on the number of processes.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import cv2
import numpy as np

from hwr.errors import DataError, HwrError
from hwr.files.images import GreyImage
from hwr.line import normalise_line, time_steps
from hwr.store.lines import StoredLine
from hwr.synth.generator import LineGenerator, Report, SynthLine, UnusedTexts, line_id
from hwr.synth.options import SynthOptions
from hwr.text import steps_needed

BATCH_LINES, MAX_WORKERS = 64, 8

PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
"""PNG compression: 0.8 ms per line, and smaller files than the default; lossless WebP is 4 % smaller and takes ten
times as long."""

CELL, LINE_ROWS, COLUMN_WIDTH = 84, 64, 900
"""Of a contact sheet: rows of a line with its caption, rows of the line, columns of the picture per line."""
COLUMNS = 2
BACKGROUND = 150

HEIGHT, STRIDE = 48, 4
"""Line height, and columns per time step, of the models to be trained: CTC must be able to align every line."""


@dataclass(frozen=True)
class BatchOptions:
    """Options of all batches of a run: those of `LineGenerator`, and the seed and licence of the lines."""

    synth: SynthOptions
    alphabet: str | None = None
    seed: int = 0
    licence: str | None = None


@dataclass
class Batch:
    """Lines of consecutive numbers; ids and reasons of those that no source could make or CTC could not align."""

    lines: list[StoredLine] = field(default_factory=list)
    not_made: list[tuple[str, str]] = field(default_factory=list)
    too_long: list[tuple[str, str]] = field(default_factory=list)
    unused: UnusedTexts = field(default_factory=UnusedTexts)


def default_workers() -> int:
    """Return the number of cores that this process may use, at most MAX_WORKERS: one process writes all lines."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_WORKERS, cores)


def make_batch(generator: LineGenerator, options: BatchOptions, indices: range) -> Batch:
    """Make the lines with these numbers."""
    batch = Batch()
    generator.unused = batch.unused
    for index in indices:
        try:
            line = generator.line(options.seed, index)
        except DataError as error:
            batch.not_made.append((line_id(options.seed, index), str(error)))
            continue
        needed = steps_needed(line.text)
        steps = _time_steps(line.grey, needed)
        if steps < needed:
            batch.too_long.append((line.id, f"needs {needed} time steps, has {steps}: {line.text!r}"))
        else:
            batch.lines.append(_stored(line, options.licence))
    return batch


def make_batches(
    options: BatchOptions, indices: range, workers: int = 1, report: Report = lambda message: None
) -> Iterator[Batch]:
    """Yield the lines of `indices` in order, BATCH_LINES numbers per batch, made by `workers` processes.

    Args:
        report: called with one line for each font that cannot be used.

    Raises:
        InputError, DataError, UsageError: a source cannot be used; raised before any process is started.
        HwrError: a process died.
    """
    starts = range(0, len(indices), BATCH_LINES)
    parts = (indices[start : start + BATCH_LINES] for start in starts)
    workers = min(workers, len(starts))
    generator = LineGenerator(options.synth, options.alphabet, report)  # reports faulty sources only once
    if workers <= 1:
        yield from (make_batch(generator, options, part) for part in parts)
    else:
        del generator
        yield from _by_processes(options, parts, workers)


def _by_processes(options: BatchOptions, parts: Iterable[range], workers: int) -> Iterator[Batch]:
    """Yield batches in order; only a few are made ahead, so that memory does not grow if writing is slower."""
    # A fresh process, not a fork: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(options,))
    try:
        waiting: deque[Future[Batch]] = deque()
        for part in parts:
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
"""Generator of a worker process, made once at its start."""


def _start_worker(options: BatchOptions) -> None:
    global _state
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one handles Ctrl-C
    cv2.setNumThreads(1)
    _state = LineGenerator(options.synth, options.alphabet), options


def _work(indices: range) -> Batch:
    assert _state is not None
    return make_batch(*_state, indices)


def encode(grey: GreyImage) -> bytes:
    """Return a grey image (H, W) as a PNG file."""
    _, data = cv2.imencode(".png", grey, list(PNG_OPTIONS))
    return bytes(data)


def _time_steps(grey: GreyImage, needed: int) -> int:
    """Return the time steps of a line: estimated, or exact if the estimate is close to the required number."""
    width = grey.shape[1] * HEIGHT // grey.shape[0]
    if width < 2 * STRIDE * needed:
        width = normalise_line(grey, HEIGHT).shape[1]
    return time_steps(width, STRIDE)


def _stored(line: SynthLine, licence: str | None) -> StoredLine:
    height, width = line.grey.shape
    return StoredLine(
        image=encode(line.grey),
        path=f"{line.id}.png",
        text=line.text,
        id=line.id,
        width=width,
        height=height,
        writer=line.source,
        lang=line.language,
        source="hwr synth",
        licence=licence,
    )


def draw_sheet(lines: Sequence[SynthLine]) -> GreyImage:
    """Return the lines below each other in columns, (H, W), each under its id and source; large ones are reduced."""
    rows = -(-len(lines) // COLUMNS)
    sheet = np.full((rows * CELL + 6, COLUMNS * COLUMN_WIDTH), BACKGROUND, np.uint8)
    for number, line in enumerate(lines):
        left, top = number // rows * COLUMN_WIDTH + 6, number % rows * CELL
        caption = f"{line.id}  {line.source}"
        cv2.putText(sheet, caption, (left, top + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 0, 1, cv2.LINE_AA)
        height, width = line.grey.shape
        scale = min(1.0, LINE_ROWS / height, (COLUMN_WIDTH - 12) / width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        fitted = cv2.resize(line.grey, size, interpolation=cv2.INTER_AREA)
        sheet[top + 18 : top + 18 + size[1], left : left + size[0]] = fitted
    return sheet
