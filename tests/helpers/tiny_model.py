"""A model without training: a hand-made network whose answer follows from its input.

Each time step looks at its `STRIDE` columns and takes the darkest pixel v. The class whose level (0, 40, 80, ...) is
nearest to v gets the highest score: paper is the blank, `level(c)` is the character c. So a line can be painted that
spells a text, and every other line has a text that a few lines of NumPy can compute.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.files import METADATA_KEY
from hwr.model.graph import SPEC_KEY
from hwr.model.info import ModelInfo

HEIGHT = 16
STRIDE = 4
ALPHABET = " abcé"
STEP = 40
SHARPNESS = 0.1

INFO = ModelInfo(
    spec="[1,16,0,1 Mp16,4]",
    alphabet=ALPHABET,
    height=HEIGHT,
    normalisation=NORMALISATION,
    normalisation_version=NORMALISATION_VERSION,
    stride=STRIDE,
    name="tiny",
    licence="CC0",
    trained_on={"nothing": {"lines": 0, "licence": "CC0"}},
    validation={"drawn": {"cer": 0.25, "lines": 4}},
)


def painted_line(text: str, steps: int = 2) -> NDArray[np.uint8]:
    """A normalised line that the network reads as `text`: `steps` time steps of ink, then one of paper, a character."""
    blocks = [np.zeros((HEIGHT, 1), np.uint8)]
    for character in text:
        level = STEP * (ALPHABET.index(character) + 1)
        blocks.append(np.full((HEIGHT, steps * STRIDE), level, np.uint8))
        blocks.append(np.zeros((HEIGHT, STRIDE), np.uint8))
    return np.concatenate(blocks, axis=1)[:, 1:] if text else np.zeros((HEIGHT, STRIDE), np.uint8)


def expected_log_probs(line: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's output, in NumPy."""
    steps = -(-line.shape[1] // STRIDE)
    padded = np.zeros((HEIGHT, steps * STRIDE), np.float32)
    padded[:, : line.shape[1]] = line
    darkest = padded.max(axis=0).reshape(steps, STRIDE).max(axis=1)
    scores = -SHARPNESS * np.abs(darkest[:, None] - STEP * np.arange(len(ALPHABET) + 1, dtype=np.float32))
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)


def write_tiny_model(folder: Path, name: str = "tiny", info: ModelInfo = INFO, graph: bool = True) -> Path:
    """Write NAME.safetensors and NAME.onnx; return the path of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.safetensors"
    info = replace(info, name=name)
    tensors = {
        "levels": STEP * np.arange(len(ALPHABET) + 1, dtype=np.float32),
        "norm.running_mean": np.zeros(3, np.float32),
    }
    save_file(tensors, weights, metadata={METADATA_KEY: info.to_json()})
    if graph:
        weights.with_suffix(".onnx").write_bytes(tiny_graph(info.spec))
    return weights


def tiny_graph(spec: str = INFO.spec) -> bytes:
    """Return the network as `hwr export` writes it: the levels are declared without their numbers."""
    model = helper.make_model(_graph(), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {SPEC_KEY: spec})
    onnx.checker.check_model(model)
    (levels,) = (tensor for tensor in model.graph.initializer if tensor.name == "levels")
    levels.ClearField("raw_data")
    return model.SerializeToString()


def _graph() -> onnx.GraphProto:
    def constant(name: str, value: object, kind: type = np.int64) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(value, dtype=kind), name)

    nodes = [
        helper.make_node("Cast", ["ink"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["grey"], ["columns"], axes=[1], keepdims=0),
        # pad the columns to a multiple of the stride
        helper.make_node("Shape", ["columns"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["width"]),
        helper.make_node("Neg", ["width"], ["minus_width"]),
        helper.make_node("Mod", ["minus_width", "stride"], ["missing"]),
        helper.make_node("Unsqueeze", ["missing", "zero"], ["missing_1d"]),
        helper.make_node("Concat", ["pads_before", "missing_1d"], ["pads"], axis=0),
        helper.make_node("Pad", ["columns", "pads"], ["padded"]),
        helper.make_node("Reshape", ["padded", "step_shape"], ["grouped"]),
        helper.make_node("ReduceMax", ["grouped"], ["darkest"], axes=[2], keepdims=1),
        helper.make_node("Sub", ["darkest", "levels"], ["distance"]),
        helper.make_node("Abs", ["distance"], ["away"]),
        helper.make_node("Mul", ["away", "sharpness"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["log_probs"], axis=2),
        # steps = (widths + stride - 1) // stride
        helper.make_node("Add", ["widths", "stride_less_one"], ["rounded"]),
        helper.make_node("Div", ["rounded", "stride"], ["steps"]),
    ]
    constants = [
        constant("one", 1),
        constant("zero", [0]),
        constant("stride", STRIDE),
        constant("stride_less_one", STRIDE - 1),
        constant("pads_before", [0, 0, 0]),
        constant("step_shape", [0, -1, STRIDE]),
        constant("levels", STEP * np.arange(len(ALPHABET) + 1), np.float32),
        constant("sharpness", -SHARPNESS, np.float32),
    ]
    return helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("ink", TensorProto.UINT8, ["B", HEIGHT, "W"]),
            helper.make_tensor_value_info("widths", TensorProto.INT64, ["B"]),
        ],
        [
            helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["B", "T", len(ALPHABET) + 1]),
            helper.make_tensor_value_info("steps", TensorProto.INT64, ["B"]),
        ],
        initializer=constants,
    )
