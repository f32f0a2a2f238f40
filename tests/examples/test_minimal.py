"""`examples/minimal.py` runs, and computes what the product computes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from hwr.model.checkpoint import load_model
from hwr.model.network import build
from hwr.recognize.models import find_model
from hwr.recognize.models import load_model as load_runtime
from hwr.store.normalised import NormalisedLines
from hwr.text import Alphabet
from hwr.train.loss import ctc_loss

ROOT = Path(__file__).parents[2]
LINES = ROOT / "data" / "samples" / "lines"


@pytest.fixture(scope="module")
def minimal() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("minimal", ROOT / "examples" / "minimal.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["minimal"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_it_is_one_page() -> None:
    assert len((ROOT / "examples" / "minimal.py").read_text(encoding="utf-8").splitlines()) <= 150


def test_its_lines_are_those_that_the_product_trains_on(minimal: ModuleType) -> None:
    examples = minimal.read_examples(LINES, "val")
    lines = list(NormalisedLines(LINES, minimal.HEIGHT, "val"))
    assert [example.text for example in examples] == [line.text for line in lines]
    assert all(np.array_equal(example.ink, line.ink) for example, line in zip(examples, lines, strict=True))


def test_its_loss_is_that_of_the_product(minimal: ModuleType) -> None:
    example = minimal.read_examples(LINES, "val")[0]
    alphabet = Alphabet.of([example.text])
    network = build(minimal.SPEC.format(classes=alphabet.classes)).eval()
    ink, widths = minimal.pad([example])
    labels = torch.tensor(alphabet.encode(example.text))
    expected = ctc_loss(network(ink, widths), labels, torch.tensor([len(labels)]), len(labels))
    torch.testing.assert_close(minimal.ctc_loss(network, [example], alphabet), expected)


def test_its_log_probs_are_those_of_the_product(minimal: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped weights, run the way the example runs a network, against the runtime that reads pages."""
    network, info = load_model(find_model("small").safetensors)
    monkeypatch.setattr(minimal, "HEIGHT", info.height)
    examples = minimal.read_examples(LINES, "val")[:3]
    ink, widths = minimal.pad(examples)
    with torch.no_grad():
        log_probs = network(ink, widths).numpy()
    runtime = load_runtime("small", precision="fp32")
    for row, expected in zip(log_probs, runtime.log_probs([line.ink for line in examples]), strict=True):
        assert np.abs(row[: len(expected)] - expected).max() < 1e-3
