"""Graphs are opened with the weights that are passed in; no file that a graph names is ever read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from helpers.tiny_model import ALPHABET, STEP, expected_log_probs, painted_line, tiny_graph
from hwr.errors import InputError, ModelError
from hwr.model.files import read_tensors
from hwr.model.graph import open_graph, read_graph
from hwr.recognize.models import find_model, model_names

LEVELS = STEP * np.arange(len(ALPHABET) + 1, dtype=np.float32)
TENSORS = {"levels": LEVELS}


def log_probs(session: object) -> np.ndarray:
    line = painted_line("ab")
    feeds = {"ink": line[None], "widths": np.array([line.shape[1]])}
    return session.run(["log_probs"], feeds)[0][0]  # type: ignore[attr-defined]


def test_the_weights_are_those_that_are_passed_in() -> None:
    first, second = (
        open_graph(tiny_graph(), TENSORS, "x"),
        open_graph(tiny_graph(), {"levels": LEVELS[::-1].copy()}, "x"),
    )
    assert np.allclose(log_probs(first), expected_log_probs(painted_line("ab")), atol=1e-4)
    assert not np.allclose(log_probs(second), log_probs(first))


def external(name: str, location: str, shape: tuple[int, ...] = (6,)) -> TensorProto:
    """A tensor of float32 in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def named_location(model: onnx.ModelProto, location: str) -> None:
    (levels,) = (tensor for tensor in model.graph.initializer if tensor.name == "levels")
    levels.CopyFrom(external("levels", location))


def second_weight(model: onnx.ModelProto, location: str) -> None:
    model.graph.initializer.append(external("more", location))


def constant_node(model: onnx.ModelProto, location: str) -> None:
    model.graph.node.insert(0, helper.make_node("Constant", [], ["stolen"], value=external("stolen", location)))


def subgraph(model: onnx.ModelProto, location: str) -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["out"])],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [6])],
        [external("inner", location)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("If", ["yes"], ["stolen"], then_branch=branch, else_branch=branch))


def function(model: onnx.ModelProto, location: str) -> None:
    node = helper.make_node("Constant", [], ["y"], value=external("inner", location))
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Steal", [], ["y"], [node], opset))
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.graph.node.append(helper.make_node("Steal", [], ["stolen"], domain="local"))


def name_of_a_weight_in_a_subgraph(model: onnx.ModelProto, location: str) -> None:
    subgraph(model, location)
    for attribute in model.graph.node[-1].attribute:
        attribute.g.initializer[0].name = "levels"
        attribute.g.node[0].input[0] = "levels"


def weight_of_a_subgraph(model: onnx.ModelProto) -> None:
    subgraph(model, "x")
    for attribute in model.graph.node[-1].attribute:
        inner = attribute.g.initializer[0]
        inner.CopyFrom(TensorProto(name="inner", data_type=TensorProto.FLOAT, dims=[6]))


def test_only_the_main_graph_has_weights() -> None:
    model = onnx.load_model_from_string(tiny_graph())
    weight_of_a_subgraph(model)
    with pytest.raises(ModelError, match=r"bad\.onnx: not an ONNX model"):
        open_graph(model.SerializeToString(), TENSORS, "bad.onnx")


@pytest.mark.parametrize("name", model_names())
def test_other_programs_open_the_graphs_that_ship(name: str) -> None:
    path = find_model(name).safetensors.with_suffix(".onnx")
    model = onnx.load(path)
    tensors = read_tensors(path.with_suffix(".safetensors"))
    stored = {key: value for key, value in tensors.items() if value.dtype == np.float32}
    declared = {item.name: tuple(item.dims) for item in model.graph.initializer if item.name in stored}
    assert declared == {key: value.shape for key, value in stored.items()}
    assert b"location" not in path.read_bytes()


def test_a_file_with_its_weights_inside_is_refused_if_it_names_another() -> None:
    model = onnx.load_model_from_string(tiny_graph())
    for item in model.graph.initializer:
        if item.name in TENSORS:
            item.raw_data = TENSORS[item.name].tobytes()
    assert open_graph(model.SerializeToString(), None, "x").get_inputs()
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(ModelError, match=r"bad\.onnx: refers to another file"):
        open_graph(model.SerializeToString(), None, "bad.onnx")


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "secret", "file:///etc/passwd", "\\\\host\\share"])
class TestHostileGraphs:
    @pytest.mark.parametrize(
        "hide", [named_location, second_weight, constant_node, subgraph, function, name_of_a_weight_in_a_subgraph]
    )
    def test_a_reference_to_a_file_is_refused(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        location: str,
        hide: Callable[[onnx.ModelProto, str], None],
    ) -> None:
        (tmp_path / "secret").write_bytes(LEVELS.tobytes())
        (tmp_path / "folder").mkdir()
        monkeypatch.chdir(tmp_path / "folder")
        (tmp_path / "folder" / "secret").write_bytes(LEVELS.tobytes())
        model = onnx.load_model_from_string(tiny_graph())
        hide(model, location)
        with pytest.raises(ModelError, match=r"bad\.onnx: refers to another file") as caught:
            open_graph(model.SerializeToString(), TENSORS, "bad.onnx")
        assert "\n" not in str(caught.value)


def test_onnx_runtime_alone_follows_a_location(tmp_path: Path) -> None:
    """The tests above do guard something."""
    (tmp_path / "secret").write_bytes(LEVELS.tobytes())
    model = onnx.load_model_from_string(tiny_graph())
    named_location(model, "secret")
    (tmp_path / "graph.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(tmp_path / "graph.onnx"), providers=["CPUExecutionProvider"])
    assert np.allclose(log_probs(session), expected_log_probs(painted_line("ab")), atol=1e-4)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({}, r"made for another network: levels is \(6,\) there, nothing in the model file"),
        (
            {"levels": LEVELS[:5]},
            r"levels is \(6,\) there, \(5,\) in the model file; write it again with `hwr export --force`",
        ),
    ],
)
def test_weights_of_another_network(tensors: dict[str, np.ndarray], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        open_graph(tiny_graph(), tensors, "x.onnx")


def test_every_truncation_and_much_noise_is_one_line() -> None:
    whole = tiny_graph()
    random = np.random.default_rng(1)
    contents = [whole[:size] for size in range(0, len(whole) - 1, 37)]
    contents += [random.integers(0, 256, size, np.uint8).tobytes() for size in (1, 2, 10, 100, 1000) for _ in range(20)]
    contents += [b"\x3a" + b"\xff" * 20, b"\x3b", b"\x08" * 3, b"ORTM" * 10, b"\x00\x00\x00\x00ORTM" + bytes(100)]
    for content in contents:
        with pytest.raises(ModelError) as caught:
            open_graph(content, TENSORS, "x.onnx")
        assert str(caught.value).startswith("x.onnx: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [b"widths", b"log_probs", b"hwr_spec"])
def test_names_that_are_not_utf8(name: bytes) -> None:
    content = tiny_graph().replace(name, name[:-1] + b"\x80")
    assert content != tiny_graph()
    with pytest.raises(ModelError, match=r"^x\.onnx: not an ONNX model, or truncated \([^\n]*\)$"):
        open_graph(content, TENSORS, "x.onnx")


def test_other_inputs() -> None:
    model = onnx.load_model_from_string(tiny_graph())
    model.graph.output.pop()
    with pytest.raises(ModelError, match="not one that `hwr export` wrote"):
        open_graph(model.SerializeToString(), TENSORS, "x.onnx")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    for path, kind, says in (
        (tmp_path / "none.onnx", InputError, "No such file"),
        (tmp_path, ModelError, "a folder"),
        (tmp_path / "empty.onnx", ModelError, "empty"),
    ):
        with pytest.raises(kind, match=says):
            read_graph(path)
