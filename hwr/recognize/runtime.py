"""The network in ONNX Runtime, without torch: it starts in a few tenths of a second."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import ModelError, as_argument
from hwr.line import NORMALISATION, NORMALISATION_VERSION, time_steps
from hwr.model.files import read_info, read_tensors, weights_hash
from hwr.model.graph import INPUTS, OUTPUTS, SPEC_KEY, WEIGHTS_KEY, Tensors, open_graph, read_graph
from hwr.model.info import ModelInfo

MAX_LINES = 4
"""Lines in a batch in fp32. More are not faster on a CPU (`benchmarks/reading_speed.py`)."""
MAX_PIXELS = 1_000_000
"""Pixels in a batch, including padding: limits the memory of the first layers to a few hundred megabytes."""
MAX_WASTE = 0.15
"""Maximum share of padding in a batch: padded columns cost as much time as ink."""


@dataclass(frozen=True)
class OnnxRuntime:
    """A network loaded in ONNX Runtime."""

    info: ModelInfo
    weights: str
    """Hash of the weights (`hwr.model.files.weights_hash`)."""
    session: Any
    threads: int = 1
    """Number of batches to compute at the same time, each on one thread."""
    max_lines: int = MAX_LINES
    """Maximum number of lines in a batch."""
    tensors: Tensors = field(default_factory=dict, repr=False)
    """The weights, whose memory the session uses."""

    def log_probs(self, lines: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Run the network on normalised lines.

        Args:
            lines: ink, 0 paper to 255, each of shape (info.height, W_i) with W_i >= 1.

        Returns:
            Natural logarithms of probabilities in the order of the lines, each of shape
            (ceil(W_i / info.stride), info.classes). Lines that are read together never affect each other's result.
        """
        for line in lines:
            if line.ndim != 2 or line.shape[0] != self.info.height or line.shape[1] < 1:
                raise ValueError(f"a line of shape ({self.info.height}, W >= 1) expected, {line.shape} found")
        results: list[NDArray[np.float32]] = [np.empty((0, self.info.classes), np.float32)] * len(lines)
        widths = [line.shape[1] for line in lines]
        share = max(1, min(self.max_lines, -(-len(lines) // self.threads)))
        batches = plan_batches(widths, self.info.height, max_lines=share, max_pixels=MAX_PIXELS)
        batches.reverse()  # the widest first, so that no thread starts a long batch when the others have finished
        with ThreadPoolExecutor(self.threads) as pool:
            done = pool.map(self._run, ([lines[index] for index in batch] for batch in batches))
            for batch, batch_results in zip(batches, done, strict=True):
                for index, result in zip(batch, batch_results, strict=True):
                    results[index] = result
        return results

    def _run(self, lines: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Run one batch, padded with paper to the widest line."""
        widths = np.array([line.shape[1] for line in lines], dtype=np.int64)
        ink = np.zeros((len(lines), self.info.height, int(widths.max())), np.uint8)
        for row, line in zip(ink, lines, strict=True):
            row[:, : line.shape[1]] = line
        try:
            log_probs, steps = self.session.run(list(OUTPUTS), dict(zip(INPUTS, (ink, widths), strict=True)))
        except Exception as error:  # the classes that ONNX Runtime raises have no public common base
            reason = " ".join(str(error).split())[:160]
            raise ModelError(f"{self.info.name or 'model'}: the network cannot be computed ({reason})") from None
        if list(steps) != [time_steps(int(width), self.info.stride) for width in widths]:
            raise ModelError(f"{self.info.name or 'model'}: the network's time steps do not fit its stated stride")
        if log_probs.shape != (len(lines), max(steps), self.info.classes):
            raise ModelError(f"{self.info.name or 'model'}: the network's output does not have the stated shape")
        return [np.ascontiguousarray(rows[:count]) for rows, count in zip(log_probs, steps, strict=True)]


def plan_batches(
    widths: Sequence[int], height: int, *, max_lines: int, max_pixels: int, max_waste: float = MAX_WASTE
) -> list[list[int]]:
    """Return batches of indices into `widths`: lines of similar width, to be padded to the widest of each batch.

    Each index occurs once. Lines are taken in the order of their widths. A batch ends before it has more than
    `max_lines` lines, more than `max_pixels` pixels with its padding, or a share of padding over `max_waste`. A line
    that is larger than `max_pixels` is a batch of its own.
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    total = 0
    for index in sorted(range(len(widths)), key=lambda i: widths[i]):
        widest = widths[index]  # of the batch with this line: the order is ascending
        padded = (len(batch) + 1) * widest
        waste = 1 - (total + widest) / padded
        full = len(batch) == max_lines or padded * height > max_pixels or waste > max_waste
        if batch and full:
            batches.append(batch)
            batch, total = [], 0
        batch.append(index)
        total += widest
    if batch:
        batches.append(batch)
    return batches


def load_onnx(safetensors: Path, graph: Path | bytes, threads: int | None = None) -> OnnxRuntime:
    """Load a network: its graph with the weights of a model file.

    Args:
        safetensors: the model file.
        graph: its ONNX graph, a file or the content of one.
        threads: batches that are computed at the same time; the number of available cores if not given.

    Raises:
        InputError: a file is missing or cannot be read.
        ModelError: a file is truncated or foreign, the graph is that of another network, or the model was made for
            another line normalisation.
    """
    info = read_info(safetensors)
    check_normalisation(info, safetensors)
    where = graph if isinstance(graph, Path) else safetensors
    tensors = read_tensors(safetensors)
    session = open_graph(read_graph(graph) if isinstance(graph, Path) else graph, tensors, where)
    _check_network(session, info, where)
    return OnnxRuntime(info, weights_hash(safetensors), session, threads or available_cores(), tensors=tensors)


def load_int8(safetensors: Path, path: Path, threads: int | None = None) -> OnnxRuntime:
    """Load the int8 network of a model file.

    Each line is a batch of its own: an LSTM in int8 scales a batch as a whole, so the lines would affect each other's
    result. In int8, larger batches are not faster (`benchmarks/reading_speed.py`).

    Args:
        safetensors: the model file.
        path: its int8 file, with weights of its own.
        threads: as in `load_onnx`.

    Raises:
        InputError: a file is missing or cannot be read.
        ModelError: a file is truncated or foreign, the int8 file was made from other weights, or the model was made for
            another line normalisation.
    """
    info = read_info(safetensors)
    check_normalisation(info, safetensors)
    session, weights = open_graph(read_graph(path), None, path), weights_hash(safetensors)
    if session.get_modelmeta().custom_metadata_map.get(WEIGHTS_KEY) != weights:
        raise ModelError(
            f"{path}: not made from {safetensors.name} as it is now; "
            f"make it again: hwr export {as_argument(safetensors)} --int8 --force --calibrate DATA"
        )
    _check_network(session, info, path)
    return OnnxRuntime(info, weights, session, threads or available_cores(), max_lines=1)


def _check_network(session: Any, info: ModelInfo, where: Path) -> None:
    """Refuse a graph that was made for another network."""
    spec = session.get_modelmeta().custom_metadata_map.get(SPEC_KEY)
    if spec is None:
        raise ModelError(f"{where}: an ONNX file, but not one that `hwr export` wrote")
    if spec != info.spec:
        raise ModelError(f"{where}: made for another network, {spec}; write it again with `hwr export --force`")
    height = session.get_inputs()[0].shape[1]
    if height != info.height:
        raise ModelError(f"{where}: for lines of height {height}, but the model file states {info.height}")
    classes = session.get_outputs()[0].shape[-1]
    if classes != info.classes:
        raise ModelError(f"{where}: {classes} classes, but the model file has an alphabet of {info.classes - 1}")


def check_normalisation(info: ModelInfo, where: object) -> None:
    """Refuse a model that was trained on lines normalised in another way.

    Raises:
        ModelError: name or version differ from those of `hwr.line`.
    """
    stated = (info.normalisation, info.normalisation_version)
    if stated != (NORMALISATION, NORMALISATION_VERSION):
        raise ModelError(
            f"{where}: needs line normalisation {stated[0]} {stated[1]}; "
            f"this hwr has {NORMALISATION} {NORMALISATION_VERSION}: "
            "use the version of hwr that made the model, or train it again"
        )


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
