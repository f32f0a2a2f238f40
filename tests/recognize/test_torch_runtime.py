"""The network in torch against ONNX Runtime, and torchaudio's alignment against NumPy's."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from helpers.tiny_model import INFO, write_tiny_model
from hwr.decode.lattice import align
from hwr.errors import InputError, MissingDependency, ModelError
from hwr.files.images import load_image
from hwr.line import normalise_line
from hwr.recognize.alignment import Aligner, OnnxEngine, load_engine
from hwr.recognize.models import load_model
from hwr.recognize.runtimes.torch import TorchRuntime, align_tensor, load_torch

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
PATHS = [SAMPLES / f"line-{number}.png" for number in (1, 2, 3)]
TEXTS = [path.with_suffix(".txt").read_text().strip() for path in PATHS]


@pytest.fixture(scope="module")
def runtime() -> TorchRuntime:
    return load_torch("small")


@pytest.fixture(scope="module")
def lines(runtime: TorchRuntime) -> list[NDArray[np.uint8]]:
    return [normalise_line(load_image(path), runtime.info.height) for path in PATHS]


def test_log_probs_are_those_of_onnx_runtime(runtime: TorchRuntime, lines: list[NDArray[np.uint8]]) -> None:
    expected = load_model("small", threads=1).log_probs(lines)
    for found, other in zip(runtime.log_probs(lines), expected, strict=True):
        assert found.dtype == np.float32 and found.shape == other.shape
        assert np.abs(found - other).max() < 1e-3
    assert runtime.log_probs([]) == []


@pytest.mark.parametrize("seed", range(6))
def test_spans_are_those_of_numpy(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps, count = int(random.integers(40, 300)), int(random.integers(1, 38))
    scores = random.normal(0, 2, (steps, 50)).astype(np.float32)
    log_probs = torch.log_softmax(torch.from_numpy(scores), dim=1)
    labels = random.integers(1, 4 if seed % 2 else 50, count).tolist()  # of few classes: many neighbours are equal
    assert align_tensor(log_probs, labels) == align(log_probs.numpy(), labels)


def test_a_text_that_fills_all_time_steps() -> None:
    log_probs = torch.log_softmax(torch.randn(5, 4, generator=torch.Generator().manual_seed(3)), dim=1)
    for labels in ([1, 2, 3, 1, 2], [1, 1, 1], [2]):
        assert align_tensor(log_probs, labels) == align(log_probs.numpy(), labels)


def test_lines_are_aligned_as_in_numpy(runtime: TorchRuntime, lines: list[NDArray[np.uint8]]) -> None:
    alphabet = runtime.info.make_alphabet()
    labels = [alphabet.encode(text) for text in TEXTS]
    log_probs, spans = runtime.align(lines, labels)
    expected = runtime.log_probs(lines)
    for number in range(3):
        assert np.array_equal(log_probs[number], expected[number])
        assert spans[number] == align(expected[number], labels[number])


def test_an_aligner_in_torch_gives_the_boxes_of_one_in_onnx_runtime() -> None:
    one, other = Aligner(backend="torch", threads=1), Aligner(backend="onnx", threads=1)
    for path, text in zip(PATHS, TEXTS, strict=True):
        found, expected = one.align_line(path, text), other.align_line(path, text)
        assert [word.box for word in found.words] == [word.box for word in expected.words]
        assert found.score == pytest.approx(expected.score, abs=1e-3)


def test_models_without_usable_weights_are_refused(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "other", info=replace(INFO, normalisation_version=99))
    with pytest.raises(ModelError):
        load_torch(weights)
    paired = write_tiny_model(tmp_path / "paired")
    paired.unlink()
    with pytest.raises(InputError, match=r"paired/tiny\.safetensors: no such model file"):
        load_torch(paired.with_suffix(".onnx"))


def test_auto_takes_torch_only_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("hwr.recognize.runtimes.torch")
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    assert isinstance(load_engine("small", 1, "auto"), OnnxEngine)
    monkeypatch.setattr(module, "has_gpu", lambda: True)
    monkeypatch.setattr(module, "load_torch", lambda model: f"torch with {model}")
    assert load_engine("small", 1, "auto") == "torch with small"  # type: ignore[comparison-overlap]


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hwr.recognize.runtimes.torch", None)
    assert isinstance(load_engine("small", 1, "auto"), OnnxEngine)
    with pytest.raises(MissingDependency, match="leave out --backend torch"):
        load_engine("small", 1, "torch")


@pytest.mark.gpu
def test_on_a_card(runtime: TorchRuntime, lines: list[NDArray[np.uint8]]) -> None:
    assert runtime.device.type == "cuda"
    on_cpu = TorchRuntime(runtime.info, load_torch("small").network.cpu(), torch.device("cpu"))
    alphabet = runtime.info.make_alphabet()
    labels = [alphabet.encode(text) for text in TEXTS]
    log_probs, spans = runtime.align(lines, labels)
    expected, expected_spans = on_cpu.align(lines, labels)
    assert spans == expected_spans
    for found, other in zip(log_probs, expected, strict=True):
        assert np.abs(found - other).max() < 0.01
