"""New decoder settings in a model's files: weights untouched, the pair still one, other libraries content."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tiny_model import INFO, painted_line, write_tiny_model

from hwr.delta import DELTA_SUFFIX, make_delta
from hwr.errors import InputError, ModelError
from hwr.model.info import METADATA_KEY, WEIGHTS_KEY, read_info, weights_hash
from hwr.model.metadata import merge, update_decoder
from hwr.recognize.models import load_model
from hwr.recognize.runtimes.onnx import load_onnx

SETTINGS = {"calibration": {"greedy": {"temperature": 1.25}}, "note": "é😀"}


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    # RFC 7386, appendix A, those of objects
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_is_that_of_the_standard(settings: dict, changes: dict, expected: dict) -> None:
    before = json.dumps(settings)
    assert merge(settings, changes) == expected
    assert json.dumps(settings) == before


def test_both_files_change_and_stay_a_pair(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path, info=replace(INFO, decoder={"beam": {"width": 8}}))
    old = load_model(weights)
    tensors, digest = load_file(weights), weights_hash(weights)
    graph = onnx.load(weights.with_suffix(".onnx")).graph.SerializeToString(deterministic=True)

    info = update_decoder(weights, SETTINGS)
    assert info == replace(old.info, decoder={"beam": {"width": 8}} | SETTINGS)
    assert read_info(weights) == info and load_onnx(weights.with_suffix(".onnx")).info == info
    assert weights_hash(weights) == digest
    after = load_file(weights)
    assert after.keys() == tensors.keys()
    assert all(np.array_equal(after[name], tensors[name]) for name in tensors)
    model = onnx.load(weights.with_suffix(".onnx"))
    assert model.graph.SerializeToString(deterministic=True) == graph
    assert {entry.key for entry in model.metadata_props} == {METADATA_KEY, WEIGHTS_KEY}
    new = load_model(weights)
    line = painted_line("abc é")
    assert new.info.decoder["note"] == "é😀"
    assert np.array_equal(new.log_probs([line])[0], old.log_probs([line])[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny.safetensors"]


def test_the_path_of_either_file_will_do(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path)
    update_decoder(weights.with_suffix(".onnx"), SETTINGS)
    assert read_info(weights).decoder == load_onnx(weights.with_suffix(".onnx")).info.decoder == SETTINGS


def test_one_file_alone(tmp_path: Path) -> None:
    only_weights = write_tiny_model(tmp_path / "a", onnx_file=False)
    assert update_decoder(only_weights, SETTINGS) == read_info(only_weights)
    assert not only_weights.with_suffix(".onnx").exists()
    weights = write_tiny_model(tmp_path / "b")
    weights.unlink()
    assert update_decoder(weights.with_suffix(".onnx"), SETTINGS).decoder == SETTINGS
    assert load_model(weights.with_suffix(".onnx")).info.decoder == SETTINGS
    assert not weights.exists()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_delta_becomes_a_whole_file(tmp_path: Path, elsewhere: bool) -> None:
    weights = write_tiny_model(tmp_path)
    network = weights.with_suffix(".onnx")
    network.with_name(network.name + DELTA_SUFFIX).write_bytes(make_delta(network.read_bytes(), weights.read_bytes()))
    network.unlink()
    lines = [painted_line("ab")]
    before = load_model(weights).log_probs(lines)
    target = tmp_path / "other" / "new.safetensors" if elsewhere else weights
    target.parent.mkdir(exist_ok=True)
    update_decoder(weights, SETTINGS, target if elsewhere else None)
    after = load_model(target)
    assert after.info.decoder["note"] == SETTINGS["note"]
    np.testing.assert_array_equal(after.log_probs(lines)[0], before[0])
    if elsewhere:
        np.testing.assert_array_equal(load_model(weights).log_probs(lines)[0], before[0])


def test_elsewhere(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "a")
    before = weights.read_bytes(), weights.with_suffix(".onnx").read_bytes()
    info = update_decoder(weights, SETTINGS, tmp_path / "new" / "tuned.safetensors")
    assert (weights.read_bytes(), weights.with_suffix(".onnx").read_bytes()) == before
    assert load_model(tmp_path / "new" / "tuned.safetensors").info == info


def test_other_metadata_and_alignment_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {"odd": np.arange(3, dtype=np.uint8), "wide": np.arange(5.0)}
    save_file(tensors, path, metadata={METADATA_KEY: INFO.to_json(), "format": "pt"})
    for length in range(9):  # any length of header
        update_decoder(path, {"x": "y" * length})
        with path.open("rb") as file:
            assert int.from_bytes(file.read(8), "little") % 8 == 0
        with safe_open(path, "numpy") as opened:
            assert opened.metadata()["format"] == "pt"
            assert np.array_equal(opened.get_tensor("wide"), tensors["wide"])


def test_what_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        update_decoder(tmp_path / "none.safetensors", SETTINGS)
    with pytest.raises(InputError, match="cannot be read"):
        update_decoder(tmp_path / "none.onnx", SETTINGS)
    weights = write_tiny_model(tmp_path)
    onnx_file = weights.with_suffix(".onnx")
    whole = onnx_file.read_bytes()
    model = onnx.load(onnx_file)
    onnx.helper.set_model_props(model, {METADATA_KEY: INFO.to_json(), WEIGHTS_KEY: "0" * 64})
    stale = model.SerializeToString()
    onnx.helper.set_model_props(model, {})
    for content, says in ((whole[:-40], "truncated"), (stale, "stale"), (model.SerializeToString(), "hwr export")):
        onnx_file.write_bytes(content)
        before = weights.read_bytes()
        with pytest.raises(ModelError, match=says):
            update_decoder(weights, SETTINGS)
        assert (weights.read_bytes(), onnx_file.read_bytes()) == (before, content)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny.safetensors"]


def test_without_torch(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path)
    code = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path;"
        " from hwr.model.metadata import update_decoder; assert 'onnx' not in sys.modules;"
        " print(update_decoder(Path(sys.argv[1]), {'a': 1}).decoder)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(weights)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("{'a': 1}", "")
