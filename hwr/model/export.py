"""Network -> ONNX: the graph alone, which hwr reads with the weights of the model file, or one self-contained file.

The graph takes grey ink as bytes and true widths, pads the batch to a multiple of the stride and masks everything to
the right of each line, so that the graph itself keeps the contract of true lengths:

    ink      uint8 (B, height, W)          0 paper to 255 ink
    widths   int64 (B,)                    true widths, 1 to W
    log_probs   float32 (B, T, classes)    T = ceil(W / stride)
    steps       int64 (B,)                 ceil(width / stride)
"""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.errors import ModelError
from hwr.files.atomic import atomic_write, write_file
from hwr.model.checkpoint import load_model
from hwr.model.files import METADATA_KEY, read_tensors, weights_hash
from hwr.model.graph import INPUTS, OUTPUTS, SPEC_KEY, WEIGHTS_KEY, open_graph
from hwr.model.network import Network, build

if TYPE_CHECKING:
    import onnx

OPSET = 17

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
        # Written with the shape, so that the traced graph computes it for every batch.
        values = values[..., : (ink.shape[2] + stride - 1) // stride * stride]
        return self.network(values, widths), (widths + stride - 1) // stride


def graph(spec: str) -> bytes:
    """Return the ONNX graph of a specification. It declares its weights, under their names in the model file.

    Raises:
        ModelError: the specification cannot be built.
    """
    import onnx

    network = build(spec).eval()
    weights = set(network.state_dict())
    with tempfile.TemporaryDirectory() as folder:
        traced = Path(folder, "traced.onnx")
        _trace(Reader(network.requires_grad_(False)), traced)
        model = onnx.load(traced)
        declared = _weights_become_inputs(model, weights)
        onnx.save(model, traced)
        model = _simplified(traced, Path(folder, "simple.onnx"))
    for tensor in declared:
        (value,) = (value for value in model.graph.input if value.name == tensor.name)
        model.graph.input.remove(value)
    model.graph.initializer.extend(declared)
    onnx.helper.set_model_props(model, {SPEC_KEY: spec})
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def export_graph(safetensors: Path, target: Path) -> None:
    """Write the graph of a model file, without weights.

    Raises:
        InputError, ModelError: the model file cannot be used.
        OutputError: `target` cannot be written.
    """
    _, info = load_model(safetensors)
    write_file(target, graph(info.spec))


def export_onnx(safetensors: Path, target: Path) -> None:
    """Write one ONNX file with the weights and the facts of a model file, for other programs.

    Raises:
        InputError, ModelError: the model file cannot be used.
        OutputError: `target` cannot be written.
    """
    import onnx

    _, info = load_model(safetensors)
    model, tensors = onnx.load_model_from_string(graph(info.spec)), read_tensors(safetensors)
    for tensor in model.graph.initializer:
        if tensor.name in tensors:
            tensor.CopyFrom(onnx.numpy_helper.from_array(tensors[tensor.name], tensor.name))
    onnx.helper.set_model_props(
        model, {SPEC_KEY: info.spec, METADATA_KEY: info.to_json(), WEIGHTS_KEY: weights_hash(safetensors)}
    )
    onnx.checker.check_model(model)
    with atomic_write(target) as temporary:
        onnx.save(model, temporary)


def _weights_become_inputs(model: "onnx.ModelProto", weights: set[str]) -> "list[onnx.TensorProto]":
    """Turn the weights of a traced graph into inputs, so that nothing is computed from them; return them empty."""
    import onnx

    prefix, empty = "network.", []
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name.removeprefix(prefix) in weights]:
        model.graph.initializer.remove(tensor)
        name = tensor.name.removeprefix(prefix)
        for node in model.graph.node:
            node.input[:] = [name if source == tensor.name else source for source in node.input]
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
        empty.append(onnx.TensorProto(name=name, data_type=tensor.data_type, dims=tensor.dims))
    return empty


def fold(source: Path, target: Path, *, fuse: bool = False) -> None:
    """Let ONNX Runtime compute what is constant, merge norms into kernels, and order the matrices of LSTMs as it does.

    Args:
        source: a graph whose weights are constants; those of inputs stay as they are.
        target: the simpler graph.
        fuse: also join operators into ones that only ONNX Runtime has.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if fuse else levels.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _simplified(path: Path, target: Path) -> "onnx.ModelProto":
    """Return a graph with its constants folded, with standard operators only: it then opens faster."""
    import onnx

    fold(path, target)
    model = onnx.load(target)
    standard = [item for item in model.opset_import if not item.domain]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    return model


def _trace(reader: Reader, path: Path) -> None:
    """Record the network on an example; batch, width and time are left open."""
    stride, height = reader.network.stride, reader.network.height
    widths = torch.tensor([16 * stride, 9 * stride - 1])
    ink = torch.zeros(2, height, 16 * stride, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The exporter warns of every shape that it records as a constant; parity over widths and batches is tested.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            reader,
            (ink, widths),
            str(path),
            dynamo=False,
            # Each weight stays as it is in the model file: not merged into a kernel, and not reordered for ONNX.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes={
                "ink": {0: "lines", 2: "columns"},
                "widths": {0: "lines"},
                "log_probs": {0: "lines", 1: "time"},
                "steps": {0: "lines"},
            },
        )


def parity(safetensors: Path, onnx_path: Path) -> float:
    """Return the largest difference of a log-probability between torch and an ONNX file, over widths and batches.

    Raises:
        ModelError: it is more than 1e-4.
    """
    tensors = read_tensors(safetensors)
    session = open_graph(onnx_path.read_bytes(), tensors, onnx_path)
    worst = _largest_difference(load_model(safetensors)[0], session)
    if worst > PARITY_BOUND:
        raise ModelError(f"{onnx_path}: differs from torch by {worst:.1e}, more than {PARITY_BOUND:.0e}")
    return worst


@torch.no_grad()
def _largest_difference(network: Network, session: Any) -> float:
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for widths in [[width] for width in PARITY_WIDTHS] + [list(PARITY_WIDTHS), list(PARITY_WIDTHS[::-2])]:
        ink = torch.zeros(len(widths), network.height, max(widths), dtype=torch.uint8)
        for row, width in zip(ink, widths, strict=True):
            row[:, :width] = torch.randint(0, 256, (network.height, width), generator=generator, dtype=torch.uint8)
        lengths = torch.tensor(widths)
        expected, steps = Reader(network)(ink, lengths)
        found = torch.from_numpy(session.run(["log_probs"], {"ink": ink.numpy(), "widths": lengths.numpy()})[0])
        for one, other, count in zip(expected, found, steps, strict=True):
            worst = max(worst, float((one[:count] - other[:count]).abs().max()))
    return worst
