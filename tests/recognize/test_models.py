"""Finding models, and making the graph of one that has none."""

import importlib
import os
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.tiny_model import ALPHABET, INFO, painted_line, tiny_graph, write_tiny_model
from hwr.errors import InputError, MissingDependency, ModelError, OutputError, UsageError
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


def fake_export(monkeypatch: pytest.MonkeyPatch, torch: bool) -> list[str]:
    """Replace `hwr.model.export` by a fake, with torch or without; return the list of its calls."""
    calls: list[str] = []

    def graph(spec: str) -> bytes:
        calls.append(spec)
        return tiny_graph(spec)

    find_spec, import_module = importlib.util.find_spec, importlib.import_module
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (object() if torch else None) if name == "torch" else find_spec(name)
    )
    monkeypatch.setattr(
        importlib,
        "import_module",
        lambda name: SimpleNamespace(graph=graph) if name == "hwr.model.export" else import_module(name),
    )
    return calls


def test_by_name_and_by_path(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = find_model("tiny")
    assert (by_name.safetensors, by_name.graph) == (shipped / "tiny.safetensors", shipped / "tiny.onnx")
    assert find_model(shipped / "tiny.onnx") == find_model(str(shipped / "tiny.safetensors")) == by_name
    monkeypatch.chdir(shipped.parent)
    (shipped.parent / "tiny").mkdir()
    assert find_model("tiny") == by_name, "a folder of the same name does not hide a shipped model"


def test_unknown_names_and_bad_paths(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model named 'huge'; installed: tiny"):
        find_model("huge")
    with pytest.raises(InputError, match="no such model file"):
        find_model(tmp_path / "gone.safetensors")
    with pytest.raises(
        ModelError, match=r"a folder without best\.safetensors or last\.safetensors; give a run folder or a model file"
    ):
        find_model(shipped)
    (shipped / "lone.onnx").write_bytes(tiny_graph())
    with pytest.raises(InputError, match=r"lone\.safetensors: no such model file; lone\.onnx is read together with it"):
        find_model(shipped / "lone.onnx")
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(ModelError, match="not a model file"):
        find_model(tmp_path / "model.pt")


def test_a_run_folder_is_its_best_model_or_else_its_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("last", "best"):
        write_tiny_model(tmp_path / "run", name)
        assert find_model(tmp_path / "run").safetensors == tmp_path / "run" / f"{name}.safetensors"
    monkeypatch.chdir(tmp_path)
    assert load_model("run").info.name == "best", "also without a slash"


def test_new_weights_and_a_new_card_keep_the_graph(shipped: Path) -> None:
    graph = (shipped / "tiny.onnx").read_bytes()
    line = painted_line("ab")
    before = load_model("tiny")
    write_tiny_model(shipped, info=replace(INFO, licence="CC BY 4.0"))
    (shipped / "tiny.onnx").write_bytes(graph)
    after = load_model("tiny")
    assert after.info.licence == "CC BY 4.0" and after.weights == before.weights
    weights = shipped / "tiny.safetensors"
    data = bytearray(weights.read_bytes())
    data[-14] ^= 1  # of the last level, before three running means
    weights.write_bytes(bytes(data))
    changed = load_model("tiny")
    assert changed.weights != before.weights
    assert not np.array_equal(changed.log_probs([line])[0], before.log_probs([line])[0])


def test_missing_graph_is_made_once_where_torch_is(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shipped / "tiny.onnx").unlink()
    calls = fake_export(monkeypatch, torch=True)
    load_model("tiny")
    load_model("tiny")
    assert calls == [INFO.spec] and (shipped / "tiny.onnx").exists()


def test_missing_graph_goes_to_the_cache_where_the_folder_is_read_only(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shipped / "tiny.onnx").unlink()
    write_tiny_model(shipped, "tuned", graph=False)
    calls = fake_export(monkeypatch, torch=True)
    refuse_to_write(monkeypatch, shipped)
    load_model("tiny")
    load_model("tuned")  # the same network
    assert len(calls) == 1 and len(list((tmp_path / "cache" / "hwr").iterdir())) == 1
    assert sorted(os.listdir(shipped)) == ["tiny.safetensors", "tuned.safetensors"]


def test_missing_graph_is_used_even_where_nothing_can_be_written(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shipped / "tiny.onnx").unlink()
    fake_export(monkeypatch, torch=True)
    refuse_to_write(monkeypatch, tmp_path)
    assert len(load_model("tiny").log_probs([painted_line("ab")])[0]) == 6
    assert os.listdir(shipped) == ["tiny.safetensors"]


def refuse_to_write(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let writing fail in a folder; root passes every permission check."""
    write = models.atomic_write

    def refuse(path: Path) -> AbstractContextManager[Path]:
        if path.is_relative_to(folder):
            raise OutputError(f"{path}: cannot be written")
        return write(path)

    monkeypatch.setattr(models, "atomic_write", refuse)


def test_missing_graph_without_torch_names_the_command(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shipped / "tiny.onnx").unlink()
    fake_export(monkeypatch, torch=False)
    with pytest.raises(MissingDependency, match=r"hwr export .*tiny\.safetensors"):
        load_model("tiny")


def test_unknown_normalisation_is_refused_before_anything_is_made(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(shipped, info=replace(INFO, normalisation_version=99), graph=False)
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


def test_shipped_folder_is_next_to_the_package_or_in_it() -> None:
    assert models.models_folder().name == "checkpoints"
