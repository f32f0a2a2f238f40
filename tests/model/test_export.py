"""The ONNX file says what the network says, over widths and batches."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from hwr.errors import ModelError
from hwr.line import NORMALISATION, time_steps
from hwr.model.checkpoint import load_model as load_network
from hwr.model.checkpoint import save_model
from hwr.model.export import LARGE_WEIGHT, export_onnx, parity
from hwr.model.info import METADATA_KEY, WEIGHTS_KEY, ModelInfo, info_from_json, weights_hash
from hwr.model.network import build
from hwr.model.vgsl import parse
from hwr.recognize.models import load_model

SPECS = {
    "residual": "[1,24,0,1 C5,5,8,2,2 R3,3,8 Mp2,2 R3,3,12 Mp0,1 Do0.2 Lbx10 Lbx6 O1c9]",
    "instance": "[1,24,0,1 Ci3,3,8 Mp2,2 Ri3,3,8 Mp2,3 S1(1x0)1,3 Gbx7 O1c9]",
    "overlapping": "[1,24,0,1 Cnt3,3,6,2,2 Mp3,3,2,2 Mp0,1 Lrx5 Nfx5 O1c9]",
    "column": "[1,24,0,1 C3,3,6,2,2 Mp2,2 Lfys6 Lbx5 O1c9]",
}


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
        normalisation=NORMALISATION.name,
        normalisation_version=NORMALISATION.version,
        stride=parse(spec).stride,
        name="random",
    )
    save_model(path, network.state_dict(), info, half=half)
    return path


def lines_of(widths: list[int]) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (24, width), dtype=np.uint8) for width in widths]


@pytest.mark.parametrize("name", SPECS)
def test_equals_torch_alone_and_in_batches(tmp_path: Path, name: str) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS[name])
    export_onnx(path, path.with_suffix(".onnx"))
    runtime = load_model(path, threads=1)
    network = load_network(path)[0]
    stride = network.stride
    widths = [*range(1, 2 * stride + 2), 8 * (2 * stride + 1), 57, 130]
    lines = lines_of(widths)
    together = runtime.log_probs(lines)
    for line, found in zip(lines, together, strict=True):
        ink = torch.from_numpy(line)[None, None].float() / 255
        with torch.no_grad():
            expected = network(ink, torch.tensor([line.shape[1]]))[0].numpy()
        assert found.shape == (time_steps(line.shape[1], stride), 9)
        assert np.abs(found - expected[: len(found)]).max() < 1e-4
        assert np.abs(found - runtime.log_probs([line])[0]).max() < 1e-4


def test_states_the_facts_and_the_hash_of_its_weights(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    target = tmp_path / "elsewhere" / "random.onnx"
    export_onnx(path, target)
    properties = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert properties[WEIGHTS_KEY] == weights_hash(path)
    assert info_from_json(properties[METADATA_KEY], target).alphabet == "abcdefgh"


def test_a_file_made_from_other_weights_is_refused(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    export_onnx(path, path.with_suffix(".onnx"))
    torch.manual_seed(6)
    info = load_model(path).info
    save_model(path, build(SPECS["residual"]).state_dict(), info)
    with pytest.raises(ModelError, match="stale"):
        load_model(path)


def test_a_missing_file_is_made_once(tmp_path: Path) -> None:
    path = random_model(tmp_path / "random.safetensors", SPECS["residual"])
    load_model(path)
    made = path.with_suffix(".onnx").stat().st_mtime_ns
    load_model(path)
    assert path.with_suffix(".onnx").stat().st_mtime_ns == made


def test_a_failed_export_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError):
        export_onnx(path, tmp_path / "no.onnx")
    assert list(tmp_path.iterdir()) == [path]


LARGE = "[1,24,0,1 C3,3,16,2,2 R3,3,16 Mp0,1 Lbx20 O1c9]"
"""With kernels and matrices of more than a thousand numbers."""


def large_weights(path: Path) -> set[int]:
    """The types of the large weights of an ONNX file."""
    return {item.data_type for item in onnx.load(path).graph.initializer if np.prod(item.dims) >= LARGE_WEIGHT}


def test_weights_of_a_release_stay_in_fp16(tmp_path: Path) -> None:
    """Half the bytes, and the runtime computes what torch computes."""
    path = random_model(tmp_path / "half.safetensors", LARGE, half=True)
    export_onnx(path, path.with_suffix(".onnx"))
    assert large_weights(path.with_suffix(".onnx")) == {onnx.TensorProto.FLOAT16}
    assert parity(path, path.with_suffix(".onnx")) <= 1e-4


def test_weights_that_are_no_fp16_numbers_stay_as_they_are(tmp_path: Path) -> None:
    path = random_model(tmp_path / "full.safetensors", LARGE)
    export_onnx(path, path.with_suffix(".onnx"))
    assert large_weights(path.with_suffix(".onnx")) == {onnx.TensorProto.FLOAT}
