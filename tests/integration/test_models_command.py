"""`hwr models` as a user calls it."""

import json
import sys
from pathlib import Path

import pytest

from helpers.tiny_model import ALPHABET, write_tiny_model
from hwr import cli
from hwr.decode import compiled
from hwr.model.files import weights_hash
from hwr.recognize import models


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_model(tmp_path, "small")
    write_tiny_model(tmp_path, "bare", graph=False)
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hwr", "models", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_as_text(shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch) == 0
    out = capsys.readouterr().out
    assert "small (default)" in out and "bare\n" in out
    assert "licence   CC0" in out and f"{len(ALPHABET)} characters" in out
    assert "drawn 0.2500" in out and "6 parameters" in out
    assert out.count("no ONNX graph yet") == 1
    monkeypatch.setattr(compiled, "load_library", lambda: None)
    assert run(monkeypatch) == 0
    assert "beam search: NumPy, which is slower" in capsys.readouterr().out


def test_as_json(shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--json") == 0
    bare, small = json.loads(capsys.readouterr().out)
    assert small == {
        "name": "small",
        "default": True,
        "bytes": (shipped / "small.safetensors").stat().st_size,
        "parameters": 6,
        "licence": "CC0",
        "alphabet_size": len(ALPHABET),
        "cer": {"drawn": 0.25},
        "weights": weights_hash(shipped / "small.safetensors"),
        "onnx": True,
        "int8": False,
        "file": str(shipped / "small.safetensors"),
        "search": "compiled" if compiled.load_library() else "NumPy",
    }
    assert (bare["name"], bare["default"], bare["onnx"]) == ("bare", False, False)


def test_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path / "nowhere")
    assert run(monkeypatch) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("hwr: no models in ")
    assert run(monkeypatch, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_broken_model_is_one_line(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shipped / "bare.safetensors").write_bytes(b"broken")
    assert run(monkeypatch) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and err[0].startswith("hwr: error: ") and "bare.safetensors" in err[0]
