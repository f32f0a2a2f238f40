"""Round the kernels of convolutions so that the errors of a channel's weights cancel on real lines.

Each weight in turn is rounded to its channel's grid, and the weights that follow take up the error, as far as their
inputs go together with its input (Frantar and others, GPTQ, ICLR 2023, arXiv:2210.17323).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from hwr.files.images import GreyImage

LEVELS = 64
"""Steps from 0 to a channel's largest weight: those of ONNX Runtime with a reduced range of weights."""
DAMPING = 0.01
"""Share of the mean variance of inputs that is added to each: directions that no line shows stay as they are."""
WINDOWS = 200
"""Maximum number of windows of a line, evenly spread, from which an input's products are summed."""


def round_kernels(graph: Path, lines: Iterable[GreyImage]) -> None:
    """Round the kernels of a graph in place.

    Each channel's largest weight keeps its value, so that quantisation finds the same grid again.

    Args:
        graph: an ONNX file whose kernels are constants, with norms merged into them.
        lines: normalised lines (height, W).
    """
    model = onnx.load(graph)
    constants = {item.name: item for item in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "Conv"]
    for node, products in zip(nodes, _input_products(model, nodes, lines), strict=True):
        kernel = constants[node.input[1]]
        weights = numpy_helper.to_array(kernel)
        rounded = round_weights(weights.reshape(len(weights), -1), products).reshape(weights.shape)
        kernel.CopyFrom(numpy_helper.from_array(rounded.astype(np.float32), kernel.name))
    onnx.save(model, graph)


def round_weights(weights: NDArray[np.floating], products: NDArray[np.floating]) -> NDArray[np.float64]:
    """Round weights (channels, inputs) to `LEVELS` steps each side of 0, given sums of products (inputs, inputs)."""
    left = weights.astype(np.float64)
    largest = np.abs(left).argmax(1)
    kept = np.take_along_axis(left, largest[:, None], 1)[:, 0]
    step = np.maximum(np.abs(kept), np.finfo(np.float32).tiny) / LEVELS
    damped = products + np.eye(len(products)) * max(DAMPING * float(np.trace(products)) / len(products), 1e-12)
    shares = np.linalg.cholesky(np.linalg.inv(damped)).T
    for index in range(left.shape[1]):
        found = np.clip(np.round(left[:, index] / step), -LEVELS, LEVELS) * step
        found = np.where(largest == index, kept, found)
        error = (left[:, index] - found) / shares[index, index]
        left[:, index + 1 :] -= error[:, None] * shares[index, index + 1 :]
        left[:, index] = found
    return left


def _input_products(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], lines: Iterable[GreyImage]
) -> list[NDArray[np.float64]]:
    """Return for each convolution the sums of products of its inputs: (inputs, inputs), a window being one vector."""
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    names = sorted({node.input[0] for node in nodes})
    probed.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(probed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    sums = [np.zeros((1, 1))] * len(nodes)
    for line in lines:
        feeds = {"ink": line[None], "widths": np.array([line.shape[1]], np.int64)}
        inputs = dict(zip(names, session.run(names, feeds), strict=True))
        for index, node in enumerate(nodes):
            windows = _windows(inputs[node.input[0]], node)
            sums[index] = sums[index] + windows @ windows.T
    return sums


def _windows(values: NDArray[np.float32], node: onnx.NodeProto) -> NDArray[np.float32]:
    """Return what a convolution multiplies with its weights: (inputs, windows)."""
    found = {item.name: tuple(item.ints) for item in node.attribute}
    top, left, bottom, right = found.get("pads", (0, 0, 0, 0))
    padded = torch.nn.functional.pad(torch.from_numpy(values), (left, right, top, bottom))
    columns = torch.nn.functional.unfold(padded, found["kernel_shape"], stride=found.get("strides", (1, 1)))[0]
    return columns[:, :: -(-columns.shape[1] // WINDOWS)].numpy()
