"""Model file -> ONNX file, for reading without torch.

The graph takes grey ink as bytes and true widths, pads the batch to a multiple of the stride and masks what stands
right of each line, so that it keeps the contract of true lengths by itself:

    ink      uint8 (B, height, W)          0 paper to 255 ink
    widths   int64 (B,)                    true widths, 1 to W
    log_probs   float32 (B, T, classes)    T = ceil(W / stride)
    steps       int64 (B,)                 ceil(width / stride)
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.errors import ModelError
from hwr.files.atomic import atomic_write
from hwr.model.checkpoint import load_model
from hwr.model.info import METADATA_KEY, WEIGHTS_KEY, ModelInfo, weights_hash
from hwr.model.network import Network

if TYPE_CHECKING:
    import onnx

OPSET = 17

LARGE_WEIGHT = 1024
"""Numbers from which it pays to keep a weight in fp16."""

PARITY_WIDTHS = (1, 2, 5, 17, 64, 131, 400, 1000)
PARITY_BOUND = 1e-4


class Reader(nn.Module):
    """A network with the inputs and outputs of the ONNX file."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ink: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """See the module's docstring."""
        stride = self.network.stride
        values = functional.pad(ink.unsqueeze(1).float() / 255, (0, stride - 1))
        # Written with the shape, so that the traced graph computes it anew for every batch.
        values = values[..., : (ink.shape[2] + stride - 1) // stride * stride]
        return self.network(values, widths), (widths + stride - 1) // stride


def export_onnx(safetensors: Path, onnx_path: Path) -> None:
    """Write the ONNX file of a model file, with the same facts and the hash of the weights it was made from.

    Raises:
        InputError, ModelError: the model file cannot be used.
        OutputError: `onnx_path` cannot be written.
    """
    import onnx

    network, info = load_model(safetensors)
    network.requires_grad_(False)
    with atomic_write(onnx_path) as temporary:
        _trace(Reader(network).eval(), info, temporary)
        model = onnx.load(temporary)
        onnx.helper.set_model_props(model, {METADATA_KEY: info.to_json(), WEIGHTS_KEY: weights_hash(safetensors)})
        store_in_half(model)
        onnx.checker.check_model(model)
        onnx.save(model, temporary)


def store_in_half(model: "onnx.ModelProto") -> None:
    """Keep large weights that are fp16 numbers, as those of released models, in fp16: half the bytes, the same result.

    Each gets a cast to fp32 behind it. ONNX Runtime casts once, when it loads the file.
    """
    import numpy as np
    import onnx

    graph, casts = model.graph, []
    for initializer in graph.initializer:
        values = onnx.numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.size < LARGE_WEIGHT:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = initializer.name
        initializer.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def _trace(reader: Reader, info: ModelInfo, path: Path) -> None:
    """Record the network on an example; batch, width and time are left open."""
    widths = torch.tensor([16 * info.stride, 9 * info.stride - 1])
    ink = torch.zeros(2, info.height, 16 * info.stride, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The exporter warns of every shape that it records as a constant; parity over widths and batches is tested.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            reader,
            (ink, widths),
            str(path),
            dynamo=False,
            # Norms as they are: merged into kernels, no fp16 numbers would be left. The runtime merges them.
            training=torch.onnx.TrainingMode.PRESERVE,
            opset_version=OPSET,
            input_names=["ink", "widths"],
            output_names=["log_probs", "steps"],
            dynamic_axes={
                "ink": {0: "lines", 2: "columns"},
                "widths": {0: "lines"},
                "log_probs": {0: "lines", 1: "time"},
                "steps": {0: "lines"},
            },
        )


def parity(safetensors: Path, onnx_path: Path) -> float:
    """Largest difference of a log-probability between torch and ONNX Runtime, over widths and batches of random ink.

    Raises:
        ModelError: it is more than 1e-4.
    """
    import onnxruntime

    network, info = load_model(safetensors)
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for batch in ([width] for width in PARITY_WIDTHS), [list(PARITY_WIDTHS), list(PARITY_WIDTHS[::-2])]:
        for widths in batch:
            ink = torch.zeros(len(widths), info.height, max(widths), dtype=torch.uint8)
            for row, width in zip(ink, widths, strict=True):
                row[:, :width] = torch.randint(0, 256, (info.height, width), generator=generator, dtype=torch.uint8)
            lengths = torch.tensor(widths)
            with torch.no_grad():
                expected, steps = Reader(network)(ink, lengths)
            found = torch.from_numpy(session.run(["log_probs"], {"ink": ink.numpy(), "widths": lengths.numpy()})[0])
            for one, other, count in zip(expected, found, steps, strict=True):
                worst = max(worst, float((one[:count] - other[:count]).abs().max()))
    if worst > PARITY_BOUND:
        raise ModelError(f"{onnx_path}: differs from torch by {worst:.1e}, more than {PARITY_BOUND:.0e}")
    return worst
