"""`hwr models` as a user calls it."""

import json
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.tiny_model import ALPHABET, write_tiny_model
from hwr.decode import compiled
from hwr.decode.build_search import library_name
from hwr.model.files import weights_hash
from hwr.recognize import models

COMMAND = ("models",)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_model(tmp_path, "base")
    (tmp_path / "base.int8.onnx").write_bytes(b"")
    write_tiny_model(tmp_path, "bare", graph=False)
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path)
    return tmp_path


def test_as_text(run: Run, shipped: Path) -> None:
    code, out, _ = run()
    assert code == 0
    assert "base (default)" in out and "bare\n" in out
    assert "licence   CC0" in out and f"{len(ALPHABET)} characters" in out
    assert "CER       drawn 0.2500, read greedily\n" in out and "6 parameters" in out
    assert out.count("no ONNX graph yet") == 1
    assert out.count("network   int8 (default) or fp32\n") == 1 and out.count("network   fp32\n") == 1


def test_without_the_compiled_search_the_reason_is_printed(
    run: Run, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", "no-such-compiler")
    done = run()
    assert "beam search: NumPy, which is slower: no C compiler found (no-such-compiler)\n" in done.out
    assert "install a C compiler and hwr again" in done.err
    (tmp_path / library_name()).write_bytes(b"not a library")
    assert f"beam search: NumPy, which is slower: {tmp_path / library_name()}: " in run().out
    assert [model["search"] for model in json.loads(run("--json").out)] == ["NumPy", "NumPy"]


def test_as_json(run: Run, shipped: Path) -> None:
    done = run("--json")
    assert done.code == 0
    bare, base = json.loads(done.out)
    assert base == {
        "name": "base",
        "default": True,
        "bytes": (shipped / "base.safetensors").stat().st_size,
        "parameters": 6,
        "licence": "CC0",
        "alphabet_size": len(ALPHABET),
        "cer": {"drawn": 0.25},
        "weights": weights_hash(shipped / "base.safetensors"),
        "onnx": True,
        "precisions": ["int8", "fp32"],
        "file": str(shipped / "base.safetensors"),
        "search": "compiled" if compiled.load_library() else "NumPy",
    }
    assert (bare["name"], bare["default"], bare["onnx"]) == ("bare", False, False)


def test_none(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path / "nowhere")
    code, out, err = run()
    assert (code, out) == (0, "") and err.startswith("hwr: no models in ")
    code, out, _ = run("--json")
    assert code == 0 and json.loads(out) == []


def test_a_broken_model_is_one_line(run: Run, shipped: Path) -> None:
    (shipped / "bare.safetensors").write_bytes(b"broken")
    assert "bare.safetensors" in run().error
