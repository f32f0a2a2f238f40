"""The ONNX runtime on a hand-made network: order, batches, padding, and files that are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from best_paths import decode_greedy
from tiny_model import ALPHABET, HEIGHT, INFO, STRIDE, expected_log_probs, painted_line, write_tiny_model

from hwr.errors import InputError, ModelError
from hwr.recognize.runtimes.onnx import available_cores, load_onnx
from hwr.text import Alphabet


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model")).with_suffix(".onnx")


def test_reads_what_is_painted_in_the_order_of_the_lines(tiny: Path) -> None:
    texts = ["abc", "", "a", "é b c a é", "aa bb", "c" * 40, "b"]
    runtime = load_onnx(tiny, threads=1)
    results = runtime.log_probs([painted_line(text) for text in texts])
    assert [decode_greedy(result, Alphabet(ALPHABET)).text for result in results] == texts


def test_any_width_alone_and_beside_a_long_line(tiny: Path) -> None:
    runtime = load_onnx(tiny, threads=1)
    random = np.random.default_rng(4)
    lines = [random.integers(0, 256, (HEIGHT, width), dtype=np.uint8) for width in range(1, 2 * STRIDE + 2)]
    lines += [random.integers(0, 256, (HEIGHT, 8 * STRIDE), dtype=np.uint8) for _ in range(30)]
    together = runtime.log_probs(lines)
    for line, result in zip(lines, together, strict=True):
        assert result.shape == (-(-line.shape[1] // STRIDE), len(ALPHABET) + 1)
        assert np.allclose(result, expected_log_probs(line), atol=1e-4)
        assert np.allclose(result, runtime.log_probs([line])[0], atol=1e-5)


def test_no_lines_and_lines_of_a_wrong_shape(tiny: Path) -> None:
    runtime = load_onnx(tiny)
    assert runtime.log_probs([]) == []
    with pytest.raises(ValueError, match="shape"):
        runtime.log_probs([np.zeros((HEIGHT + 1, 5), np.uint8)])
    with pytest.raises(ValueError, match="shape"):
        runtime.log_probs([np.zeros((HEIGHT, 0), np.uint8)])
    assert available_cores() >= 1


def test_files_that_are_no_models_are_refused_in_one_line(tiny: Path, tmp_path: Path) -> None:
    def refused(path: Path, kind: type[Exception], *words: str) -> None:
        with pytest.raises(kind) as caught:
            load_onnx(path)
        message = str(caught.value)
        assert "\n" not in message and str(path) in message
        assert all(word in message for word in words)

    refused(tmp_path / "none.onnx", InputError, "No such file")
    refused(tmp_path, ModelError, "folder")
    for name, content in {
        "empty.onnx": b"",
        "noise.onnx": bytes(range(256)) * 8,
        "text.onnx": b"hello",
        "half.onnx": tiny.read_bytes()[: tiny.stat().st_size // 2],
    }.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, ModelError)


def test_a_foreign_network_is_refused(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(str(tiny))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "foreign.onnx"))
    with pytest.raises(ModelError, match="not one that `hwr export` wrote"):
        load_onnx(tmp_path / "foreign.onnx")


def test_other_normalisation_version_and_alphabet_are_refused(tmp_path: Path) -> None:
    def onnx_of(**changes: object) -> Path:
        return write_tiny_model(tmp_path, info=replace(INFO, **changes)).with_suffix(".onnx")

    with pytest.raises(ModelError, match="needs line normalisation stretch 7"):
        load_onnx(onnx_of(normalisation="stretch", normalisation_version=7))
    with pytest.raises(ModelError, match="model format 99"):
        load_onnx(onnx_of(format_version=99))
    with pytest.raises(ModelError, match="6 network outputs"):
        load_onnx(onnx_of(alphabet="ab"))
    with pytest.raises(ModelError, match="time steps"):
        load_onnx(onnx_of(stride=3)).log_probs([painted_line("abc")])
