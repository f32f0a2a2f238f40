"""The network in ONNX Runtime: no torch, a start of a few tenths of a second."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.delta import DELTA_SUFFIX, restore
from hwr.errors import InputError, ModelError
from hwr.line import NORMALISATION, time_steps
from hwr.model.info import METADATA_KEY, WEIGHTS_KEY, ModelInfo, info_from_json, tensor_bytes
from hwr.recognize.batches import plan_batches
from hwr.recognize.runtimes import Runtime as Runtime

INPUTS = ("ink", "widths")
OUTPUTS = ("log_probs", "steps")
MAX_LINES = 4
"""Lines a batch. More do not read faster on a processor (`benchmarks/reading_speed.py`)."""
MAX_PIXELS = 1_000_000
"""Pixels a batch with its padding: bounds the memory of the first layers to some hundred megabytes."""


@dataclass(frozen=True)
class OnnxRuntime:
    """A network loaded in ONNX Runtime; see `hwr.recognize.runtimes.Runtime`."""

    info: ModelInfo
    weights: str
    """Hash of the weights that the file was made from (`hwr.model.info.weights_hash`)."""
    session: Any
    threads: int = 1
    """Batches that run side by side, each on one thread."""

    def log_probs(self, lines: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Run the network on normalised lines; see `hwr.recognize.runtimes.Runtime.log_probs`."""
        for line in lines:
            if line.ndim != 2 or line.shape[0] != self.info.height or line.shape[1] < 1:
                raise ValueError(f"a line of shape ({self.info.height}, W >= 1) expected, {line.shape} found")
        results: list[NDArray[np.float32]] = [np.empty((0, self.info.classes), np.float32)] * len(lines)
        widths = [line.shape[1] for line in lines]
        share = max(1, min(MAX_LINES, -(-len(lines) // self.threads)))
        batches = plan_batches(widths, self.info.height, max_lines=share, max_pixels=MAX_PIXELS)
        batches.reverse()  # the widest first, so that no thread begins with a long batch when the others are done
        with ThreadPoolExecutor(self.threads) as pool:
            done = pool.map(self._run, ([lines[index] for index in batch] for batch in batches))
            for batch, batch_results in zip(batches, done, strict=True):
                for index, result in zip(batch, batch_results, strict=True):
                    results[index] = result
        return results

    def _run(self, lines: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """One batch, padded with paper to the widest line."""
        widths = np.array([line.shape[1] for line in lines], dtype=np.int64)
        ink = np.zeros((len(lines), self.info.height, int(widths.max())), np.uint8)
        for row, line in zip(ink, lines, strict=True):
            row[:, : line.shape[1]] = line
        log_probs, steps = self.session.run(list(OUTPUTS), dict(zip(INPUTS, (ink, widths), strict=True)))
        if list(steps) != [time_steps(int(width), self.info.stride) for width in widths]:
            raise ModelError(f"{self.info.name or 'model'}: the network's time steps do not fit its stated stride")
        return [np.ascontiguousarray(rows[:count]) for rows, count in zip(log_probs, steps, strict=True)]


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_onnx(path: Path, threads: int | None = None) -> OnnxRuntime:
    """Load a network that `hwr export` or `hwr train` wrote.

    Args:
        path: the `.onnx` file, or the `.onnx.delta` file that stands for it beside its `.safetensors` file.
        threads: batches that are computed side by side; as many as there are available cores if not given.

    Raises:
        InputError: the file is missing or cannot be read.
        ModelError: not an ONNX file, truncated, from elsewhere, or made for another line normalisation.
    """
    if path.is_dir():
        raise ModelError(f"{path}: a folder; an .onnx file is expected")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise ModelError(f"{path}: the file is empty")
        content = str(path) if path.suffix != DELTA_SUFFIX else _restored(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    session = _open_session(content, path)
    metadata = session.get_modelmeta().custom_metadata_map
    names = (tuple(i.name for i in session.get_inputs()), tuple(o.name for o in session.get_outputs()))
    if METADATA_KEY not in metadata or WEIGHTS_KEY not in metadata or names != (INPUTS, OUTPUTS):
        raise ModelError(f"{path}: an ONNX file, but not one that `hwr export` wrote")
    info = info_from_json(metadata[METADATA_KEY], path)
    check_normalisation(info, path)
    classes = session.get_outputs()[0].shape[-1]
    if isinstance(classes, int) and classes != info.classes:
        raise ModelError(
            f"{path}: {classes} network outputs, but an alphabet of {info.classes - 1} characters and blank"
        )
    return OnnxRuntime(info, metadata[WEIGHTS_KEY], session, threads or available_cores())


def _restored(path: Path) -> bytes:
    """The ONNX file of which `path` is the delta."""
    return restore(path.read_bytes(), tensor_bytes(path.with_suffix("").with_suffix(".safetensors")), path)


def check_normalisation(info: ModelInfo, where: object) -> None:
    """Refuse a model that was trained on lines normalised in another way.

    Raises:
        ModelError: name or version differ from `hwr.line.NORMALISATION`.
    """
    stated = (info.normalisation, info.normalisation_version)
    if stated != (NORMALISATION.name, NORMALISATION.version):
        raise ModelError(
            f"{where}: needs line normalisation {stated[0]} {stated[1]}; "
            f"this hwr has {NORMALISATION.name} {NORMALISATION.version}: use a hwr of the model's age or train it again"
        )


def _open_session(content: str | bytes, where: Path) -> Any:
    """An inference session in which each call computes on the thread that calls.

    Parallel calls use the cores better than parallel operators: an LSTM has little to share out at each step, and
    threads that wait for each other lose much where other work holds a core (`benchmarks/reading_speed.py`).

    Args:
        content: path of the ONNX file, or what is in it.

    Raises:
        ModelError: ONNX Runtime cannot read the file, for whatever reason.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings about the graph are of no use to a reader
    options.enable_mem_pattern = False  # plans are kept for each input shape, and every batch has another width
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes that ONNX Runtime raises have no public common base
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"{where}: not an ONNX model, or truncated ({reason})") from None
