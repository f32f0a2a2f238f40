"""Model file -> int8 ONNX file, which reads faster.

Convolutions are static: their inputs are scaled by ranges that are measured on training lines (QDQ, one scale for each
output channel). LSTMs are dynamic: their inputs are scaled at each call. Weights have seven bits: with eight, sums of
products can saturate on CPUs without dot-product instructions. So one file is correct on every CPU.

Three things make up for the missing bit. Kernels are rounded so that errors cancel (`hwr.model.rounding`). What a ReLU
removes takes no part of the range of a convolution's output. And convolutions of one pixel, which project shortcuts and
take little time, stay in floating point.

The file contains the graph as ONNX Runtime optimises it, so that it opens in half the time.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from hwr.files.atomic import atomic_write
from hwr.files.images import GreyImage
from hwr.model.export import export_onnx, fold
from hwr.model.files import read_info, weights_hash
from hwr.model.graph import SPEC_KEY, WEIGHTS_KEY
from hwr.model.rounding import round_kernels

DOMAINS = ("", "com.microsoft")
"""Sets of operators that an int8 file uses: ONNX's and ONNX Runtime's own."""


def export_int8(safetensors: Path, target: Path, lines: Iterable[GreyImage]) -> None:
    """Write the int8 file of a model, with the hash of the weights that it was made from.

    Args:
        safetensors: the model file.
        target: the ONNX file.
        lines: normalised lines (height, W) that are typical of the training data; about a hundred are enough.

    Raises:
        InputError, ModelError: the model file cannot be used.
        OutputError: `target` cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder, _without_advice():
        names = ("whole", "folded", "static", "full", "fused")
        whole, folded, static, full, fused = (Path(folder, f"{name}.onnx") for name in names)
        export_onnx(safetensors, whole)
        fold(whole, folded)
        inks = list(lines)
        round_kernels(folded, inks)
        quantize_static(
            folded,
            static,
            _Lines(inks),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu"],
            nodes_to_exclude=_exact(folded),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )
        quantize_dynamic(
            static,
            full,
            op_types_to_quantize=["LSTM"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            reduce_range=True,
        )
        fold(full, fused, fuse=True)
        model = onnx.load(fused)
    facts = {SPEC_KEY: read_info(safetensors).spec, WEIGHTS_KEY: weights_hash(safetensors)}
    onnx.helper.set_model_props(model, facts)
    used = [item for item in model.opset_import if item.domain in DOMAINS]
    del model.opset_import[:]
    model.opset_import.extend(used)
    with atomic_write(target) as temporary:
        onnx.save(model, temporary)


def _exact(graph: Path) -> list[str]:
    """Return the names of nodes that stay in floating point: projections, and ReLUs not after another kernel."""
    nodes = onnx.load(graph).graph.node
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    sizes = {
        node.name: max(item.ints) for node in convolutions for item in node.attribute if item.name == "kernel_shape"
    }
    projections = {name for name, size in sizes.items() if size == 1}
    rounded = {node.output[0] for node in convolutions if node.name not in projections}
    return [*projections, *(node.name for node in nodes if node.op_type == "Relu" and node.input[0] not in rounded)]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence ONNX Runtime's advice to fold a model first, which it gives for folded ones too."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


class _Lines(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    """Feeds lines, one at a time."""

    def __init__(self, lines: Iterable[GreyImage]) -> None:
        self._lines: Iterator[GreyImage] = iter(lines)

    def get_next(self) -> dict[str, np.ndarray] | None:
        line = next(self._lines, None)
        if line is None:
            return None
        return {"ink": line[None], "widths": np.array([line.shape[1]], np.int64)}
