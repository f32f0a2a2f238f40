"""Finding models, and an ONNX file that always belongs to its weights."""

import importlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_model import ALPHABET, INFO, painted_line, write_tiny_model, write_tiny_onnx

from hwr.errors import InputError, MissingDependency, ModelError, UsageError
from hwr.recognize import models
from hwr.recognize.models import count_parameters, find_model, installed_models, load_model


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped models with `tiny` in it."""
    folder = tmp_path / "shipped"
    write_tiny_model(folder)
    monkeypatch.setattr(models, "models_folder", lambda: folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def fake_export(monkeypatch: pytest.MonkeyPatch, torch: bool) -> list[Path]:
    """Put a fake in the place of `hwr.model.export` and say whether torch is there; returns the list of calls."""
    calls: list[Path] = []

    def export_onnx(safetensors: Path, onnx: Path) -> None:
        calls.append(onnx)
        write_tiny_onnx(safetensors, onnx)

    find_spec, import_module = importlib.util.find_spec, importlib.import_module
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (object() if torch else None) if name == "torch" else find_spec(name)
    )
    monkeypatch.setattr(
        importlib,
        "import_module",
        lambda name: SimpleNamespace(export_onnx=export_onnx) if name == "hwr.model.export" else import_module(name),
    )
    return calls


def test_by_name_and_by_path(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = find_model("tiny")
    assert (by_name.safetensors, by_name.onnx) == (shipped / "tiny.safetensors", shipped / "tiny.onnx")
    assert find_model(shipped / "tiny.onnx") == find_model(str(shipped / "tiny.safetensors")) == by_name
    monkeypatch.chdir(shipped.parent)
    (shipped.parent / "tiny").mkdir()
    assert find_model("tiny") == by_name, "a folder of the same name does not hide a shipped model"


def test_unknown_names_and_bad_paths(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model named 'huge'; installed: tiny"):
        find_model("huge")
    with pytest.raises(InputError, match="no such model file"):
        find_model(tmp_path / "gone.safetensors")
    with pytest.raises(ModelError, match=r"a folder; name a file in it, such as .*tiny\.safetensors"):
        find_model(shipped)
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(ModelError, match="not a model file"):
        find_model(tmp_path / "model.pt")


def test_loaded_model_states_its_weights_and_facts(shipped: Path) -> None:
    runtime = load_model("tiny")
    assert (runtime.info.name, runtime.info.alphabet) == ("tiny", ALPHABET)
    assert len(runtime.log_probs([painted_line("ab")])[0]) == 6
    (shipped / "tiny.safetensors").unlink()
    assert load_model("tiny").info.alphabet == ALPHABET, "an ONNX file alone can be read"


def test_stale_onnx_is_refused(shipped: Path) -> None:
    weights = shipped / "tiny.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"stale.*hwr export"):
        load_model("tiny")


def test_onnx_of_another_alphabet_is_refused_but_a_new_card_is_not(shipped: Path) -> None:
    onnx = (shipped / "tiny.onnx").read_bytes()
    write_tiny_model(shipped, info=replace(INFO, alphabet=ALPHABET[::-1]))
    (shipped / "tiny.onnx").write_bytes(onnx)
    with pytest.raises(ModelError, match="stale"):
        load_model("tiny")
    write_tiny_model(shipped, info=replace(INFO, licence="CC BY 4.0"))
    (shipped / "tiny.onnx").write_bytes(onnx)
    assert load_model("tiny").info.licence == "CC BY 4.0"


def test_missing_onnx_is_made_once_where_torch_is(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shipped / "tiny.onnx").unlink()
    calls = fake_export(monkeypatch, torch=True)
    load_model("tiny")
    load_model("tiny")
    assert calls == [shipped / "tiny.onnx"]


def test_missing_onnx_goes_to_the_cache_where_the_folder_is_read_only(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shipped / "tiny.onnx").unlink()
    calls = fake_export(monkeypatch, torch=True)
    monkeypatch.setattr(models, "_writable", lambda folder: False)
    load_model("tiny")
    load_model("tiny")
    assert len(calls) == 1 and calls[0].parent == tmp_path / "cache" / "hwr"
    assert os.listdir(shipped) == ["tiny.safetensors"]


def test_missing_onnx_without_torch_names_the_command(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shipped / "tiny.onnx").unlink()
    fake_export(monkeypatch, torch=False)
    with pytest.raises(MissingDependency, match=r"hwr export .*tiny\.safetensors"):
        load_model("tiny")


def test_broken_weights_are_refused_in_one_line(shipped: Path) -> None:
    weights = shipped / "tiny.safetensors"
    whole = weights.read_bytes()
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    foreign = len(header).to_bytes(8, "little") + header
    for content in (b"", b"short", whole[:40], whole[:-5], foreign, b"\xff" * 300):
        weights.write_bytes(content)
        with pytest.raises(ModelError) as caught:
            load_model("tiny")
        assert "\n" not in str(caught.value) and "tiny.safetensors" in str(caught.value)


def test_unknown_normalisation_is_refused_before_anything_is_made(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(shipped, info=replace(INFO, normalisation_version=99), onnx_file=False)
    (shipped / "tiny.onnx").unlink()
    calls = fake_export(monkeypatch, torch=True)
    with pytest.raises(ModelError, match="normalisation"):
        load_model("tiny")
    assert calls == []


def test_installed_models_and_their_parameters(shipped: Path) -> None:
    write_tiny_model(shipped, "another")
    assert [model.files.name for model in installed_models()] == ["another", "tiny"]
    tiny = installed_models()[1]
    assert tiny.parameters == count_parameters(shipped / "tiny.safetensors") == len(ALPHABET) + 1
    assert tiny.bytes == (shipped / "tiny.safetensors").stat().st_size


def test_shipped_folder_is_beside_the_package_or_in_it() -> None:
    assert models.models_folder().name == "checkpoints"
