"""The int8 file computes nearly what the network computes, and belongs to its weights."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from hwr.errors import ModelError, UsageError
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.checkpoint import save_model
from hwr.model.files import weights_hash
from hwr.model.graph import WEIGHTS_KEY
from hwr.model.info import ModelInfo
from hwr.model.network import build
from hwr.model.quantise import export_int8
from hwr.recognize.models import find_model, load_model, model_names

SPEC = "[1,24,0,1 C3,3,16,2,2 R3,3,16 Mp2,2 R3,3,24 Mp0,1 Lbx24 O1c9]"
INFO = ModelInfo(
    spec=SPEC,
    alphabet="abcdefgh",
    height=24,
    normalisation=NORMALISATION,
    normalisation_version=NORMALISATION_VERSION,
    stride=4,
)


def lines(count: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (24, int(width)), dtype=np.uint8) for width in random.integers(40, 200, count)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("int8") / "model.safetensors"
    save_model(path, build(SPEC).state_dict(), INFO)
    export_int8(path, path.with_name("model.int8.onnx"), lines(20, seed=1))
    return path


def test_it_computes_nearly_the_same(model: Path) -> None:
    exact, rounded = load_model(model, 1, "fp32"), load_model(model, 1, "int8")
    for one, other in zip(exact.log_probs(lines(8, 2)), rounded.log_probs(lines(8, 2)), strict=True):
        difference = np.abs(np.exp(one) - np.exp(other)).max()
        assert 0 < difference < 0.05


def test_lines_do_not_affect_each_other(model: Path) -> None:
    ink = lines(9, 4)
    one, two = load_model(model, 1, "int8"), load_model(model, 2, "int8")
    alone = [one.log_probs([line])[0] for line in ink]
    for runtime in (one, two):
        assert all(map(np.array_equal, runtime.log_probs(ink), alone))


def test_its_numbers_are_of_eight_bits_of_which_seven_are_used(model: Path) -> None:
    """Sums of two products then fit into 16 bits on CPUs without dot-product instructions."""
    found = onnx.load(model.with_name("model.int8.onnx"))
    kernels = [
        onnx.numpy_helper.to_array(item)
        for item in found.graph.initializer
        if item.data_type == onnx.TensorProto.INT8 and len(item.dims) > 1
    ]
    assert len(kernels) >= 5 and max(np.abs(kernel.astype(int)).max() for kernel in kernels) <= 64
    assert {"DynamicQuantizeLSTM", "QuantizeLinear"} <= {node.op_type for node in found.graph.node}


@pytest.mark.parametrize("path", [model.int8 for model in map(find_model, model_names()) if model.int8])
def test_the_files_that_ship_are_optimised(path: Path) -> None:
    """ONNX Runtime opens them as they are, so all convolutions but projections must be in eight bits already."""
    nodes = onnx.load(path).graph.node
    assert "QLinearConv" in {node.op_type for node in nodes}
    exact = [item for node in nodes if node.op_type in ("Conv", "FusedConv") for item in node.attribute]
    assert all(set(item.ints) == {1} for item in exact if item.name == "kernel_shape")


def test_it_belongs_to_its_weights(model: Path, tmp_path: Path) -> None:
    properties = {item.key: item.value for item in onnx.load(model.with_name("model.int8.onnx")).metadata_props}
    assert properties[WEIGHTS_KEY] == weights_hash(model)
    other = tmp_path / "model.safetensors"
    torch.manual_seed(1)
    save_model(other, build(SPEC).state_dict(), INFO)
    int8 = other.with_name("model.int8.onnx")
    int8.write_bytes(model.with_name("model.int8.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"model\.int8\.onnx: not made from model\.safetensors as it is now; .*--int8"):
        load_model(other, 1, "int8")
    for content in (b"", b"noise", int8.read_bytes()[:2000]):
        int8.write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.int8\.onnx: "):
            load_model(other, 1, "int8")
    int8.unlink()
    with pytest.raises(UsageError, match="the model has no int8 file; make it: hwr export"):
        load_model(other, 1, "int8")


def test_it_is_the_default_where_it_exists(model: Path, tmp_path: Path) -> None:
    (line,) = lines(1, 3)
    expected = {precision: load_model(model, 1, precision).log_probs([line])[0] for precision in ("fp32", "int8")}
    assert np.array_equal(load_model(model, 1).log_probs([line])[0], expected["int8"])
    alone = tmp_path / "model.safetensors"
    alone.write_bytes(model.read_bytes())
    assert np.array_equal(load_model(alone, 1).log_probs([line])[0], expected["fp32"])
