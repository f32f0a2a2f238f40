"""The ONNX file computes what the network computes, for all widths and batches."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hwr.errors import ModelError
from hwr.line import NORMALISATION, NORMALISATION_VERSION, time_steps
from hwr.model.checkpoint import load_model as load_network
from hwr.model.checkpoint import save_model
from hwr.model.export import export_graph, export_onnx, graph, parity
from hwr.model.files import METADATA_KEY, read_tensors, weights_hash
from hwr.model.graph import SPEC_KEY, WEIGHTS_KEY
from hwr.model.info import ModelInfo, info_from_json
from hwr.model.network import build
from hwr.model.vgsl import parse
from hwr.recognize.models import load_model

SPECS = {
    "residual": "[1,24,0,1 C5,5,8,2,2 R3,3,8 Mp2,2 R3,3,12 Mp0,1 Do0.2 Lbx10 Lbx6 O1c9]",
    "instance": "[1,24,0,1 Ci3,3,8 Mp2,2 Ri3,3,8 Mp2,3 S1(1x0)1,3 Gbx7 O1c9]",
    "overlapping": "[1,24,0,1 Cnt3,3,6,2,2 Mp3,3,2,2 Mp0,1 Lrx5 Nfx5 O1c9]",
    "jordan": "[1,24,0,1 C3,3,6,2,2 Mp2,2 Jfys4 Jbx6 Jrx5 O1c9]",
    "mingru": "[1,24,0,1 C3,3,6,2,2 Mp2,2 Mfys4 Mbx6 O1c9]",
    "rcl": "[1,24,0,1 C3,3,6,2,2 RCx3,3,8,2 Mp2,2 RC3,3,6,1 Mp0,1 Lbx5 O1c9]",
    "grcl": "[1,24,0,1 C3,3,6,2,2 GC3,3,6,2 Mp2,2 GCoi3,3,6,1 Mp0,1 Lbx5 O1c9]",
    "renet": "[1,24,0,1 C3,3,6,2,2 Mp2,2 Lby4 Lbx4 Mp0,1 Lbx5 O1c9]",
    "column": "[1,24,0,1 C3,3,6,2,2 Mp2,2 Lfys6 Lbx5 O1c9]",
}
LARGE = "[1,24,0,1 C3,3,32,2,2 R3,3,32 R3,3,48 Mp0,1 Lbx64 O1c9]"


def random_model(path: Path, spec: str, half: bool = False) -> Path:
    torch.manual_seed(5)
    network = build(spec)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    info = ModelInfo(
        spec=spec,
        alphabet="abcdefgh",
        height=24,
        normalisation=NORMALISATION,
        normalisation_version=NORMALISATION_VERSION,
        stride=parse(spec).stride,
        name="random",
    )
    save_model(path, network.state_dict(), info, half=half)
    return path


@pytest.fixture(scope="module")
def residual_graph() -> bytes:
    """Export one network once."""
    return graph(SPECS["residual"])


def lines_of(widths: list[int]) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (24, width), dtype=np.uint8) for width in widths]


@pytest.mark.parametrize("name", SPECS)
def test_equals_torch_alone_and_in_batches(tmp_path: Path, name: str) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS[name])
    export_graph(path, path.with_suffix(".onnx"))
    runtime = load_model(path, threads=1)
    network = load_network(path)[0]
    stride = network.stride
    widths = [*range(1, 2 * stride + 2), 8 * (2 * stride + 1), 57, 130]
    lines = lines_of(widths)
    together = runtime.log_probs(lines)
    for number, (line, found) in enumerate(zip(lines, together, strict=True)):
        ink = torch.from_numpy(line)[None, None].float() / 255
        with torch.no_grad():
            expected = network(ink, torch.tensor([line.shape[1]]))[0].numpy()
        assert found.shape == (time_steps(line.shape[1], stride), 9)
        assert np.abs(found - expected[: len(found)]).max() < 1e-4
        if number % 3 == 0:
            assert np.abs(found - runtime.log_probs([line])[0]).max() < 1e-4


def test_the_graph_is_small_and_names_its_weights(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", LARGE)
    export_graph(path, tmp_path / "random.onnx")
    model = onnx.load(tmp_path / "random.onnx")
    declared = {item.name: tuple(item.dims) for item in model.graph.initializer if not item.raw_data and item.dims}
    stored = {name: value.shape for name, value in read_tensors(path).items() if value.dtype == np.float32}
    assert declared == stored
    assert (tmp_path / "random.onnx").stat().st_size < path.stat().st_size / 3
    assert {entry.key: entry.value for entry in model.metadata_props} == {SPEC_KEY: LARGE}


def test_the_graph_depends_on_the_specification_only(residual_graph: bytes) -> None:
    assert graph(SPECS["residual"]) == residual_graph


@pytest.mark.parametrize("half", [False, True])
def test_a_file_for_other_programs_needs_nothing_else(tmp_path: Path, residual_graph: bytes, half: bool) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"], half)
    path.with_suffix(".onnx").write_bytes(residual_graph)
    target = tmp_path / "elsewhere" / "random.onnx"
    export_onnx(path, target)
    line = lines_of([57])[0]
    expected = load_model(path, threads=1).log_probs([line])[0]
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    found = session.run(["log_probs"], {"ink": line[None], "widths": np.array([57])})[0][0]
    assert np.abs(found - expected).max() < 1e-5
    assert parity(path, target) <= 1e-4
    properties = session.get_modelmeta().custom_metadata_map
    assert properties[WEIGHTS_KEY] == weights_hash(path)
    assert info_from_json(properties[METADATA_KEY], target).alphabet == "abcdefgh"


def test_new_weights_need_no_new_graph(tmp_path: Path, residual_graph: bytes) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    path.with_suffix(".onnx").write_bytes(residual_graph)
    torch.manual_seed(6)
    info = load_model(path).info
    save_model(path, build(SPECS["residual"]).state_dict(), info)
    assert parity(path, path.with_suffix(".onnx")) <= 1e-4


def test_a_difference_is_noticed(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    export_onnx(path, path.with_suffix(".onnx"))
    save_model(path, build(SPECS["residual"]).state_dict(), load_model(path).info)
    with pytest.raises(ModelError, match="differs from torch by"):
        parity(path, path.with_suffix(".onnx"))


def test_a_missing_graph_is_made_once(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    load_model(path)
    made = path.with_suffix(".onnx").stat().st_mtime_ns
    load_model(path)
    assert path.with_suffix(".onnx").stat().st_mtime_ns == made


def test_a_failed_export_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not a model")
    for write in (export_graph, export_onnx):
        with pytest.raises(ModelError):
            write(path, tmp_path / "no.onnx")
    assert list(tmp_path.iterdir()) == [path]
