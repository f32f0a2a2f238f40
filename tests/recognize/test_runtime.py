"""The ONNX runtime on a hand-made network: order, batches, padding, refused graphs."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.best_paths import decode_greedy
from helpers.tiny_model import (
    ALPHABET,
    HEIGHT,
    INFO,
    STRIDE,
    expected_log_probs,
    painted_line,
    tiny_graph,
    write_tiny_model,
)
from hwr.errors import ModelError
from hwr.recognize.runtime import OnnxRuntime, available_cores, load_onnx, plan_batches
from hwr.text import Alphabet


def load(weights: Path, threads: int | None = None) -> OnnxRuntime:
    return load_onnx(weights, weights.with_suffix(".onnx"), threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def test_reads_what_is_painted_in_the_order_of_the_lines(tiny: Path) -> None:
    texts = ["abc", "", "a", "é b c a é", "aa bb", "c" * 40, "b"]
    runtime = load(tiny, threads=1)
    results = runtime.log_probs([painted_line(text) for text in texts])
    assert [decode_greedy(result, Alphabet(ALPHABET)).text for result in results] == texts


def test_any_width_alone_and_next_to_a_long_line(tiny: Path) -> None:
    runtime = load(tiny, threads=1)
    random = np.random.default_rng(4)
    lines = [random.integers(0, 256, (HEIGHT, width), dtype=np.uint8) for width in range(1, 2 * STRIDE + 2)]
    lines += [random.integers(0, 256, (HEIGHT, 8 * STRIDE), dtype=np.uint8) for _ in range(30)]
    together = runtime.log_probs(lines)
    for line, result in zip(lines, together, strict=True):
        assert result.shape == (-(-line.shape[1] // STRIDE), len(ALPHABET) + 1)
        assert np.allclose(result, expected_log_probs(line), atol=1e-4)
        assert np.allclose(result, runtime.log_probs([line])[0], atol=1e-5)


def test_no_lines_and_lines_of_a_wrong_shape(tiny: Path) -> None:
    runtime = load(tiny)
    assert runtime.log_probs([]) == []
    with pytest.raises(ValueError, match="shape"):
        runtime.log_probs([np.zeros((HEIGHT + 1, 5), np.uint8)])
    with pytest.raises(ValueError, match="shape"):
        runtime.log_probs([np.zeros((HEIGHT, 0), np.uint8)])
    assert available_cores() >= 1


def test_a_graph_without_its_specification_is_refused(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(tiny_graph())
    del model.metadata_props[:]
    with pytest.raises(ModelError, match="not one that `hwr export` wrote"):
        load_onnx(tiny, model.SerializeToString())


def test_a_graph_of_another_network_is_refused(tiny: Path) -> None:
    with pytest.raises(ModelError, match=r"made for another network, \[1,16,0,1 Mp16,2\]; .*hwr export"):
        load_onnx(tiny, tiny_graph("[1,16,0,1 Mp16,2]"))


@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:, 1:], np.s_[..., 1:]], ids=["lines", "time steps", "classes"])
def test_an_output_of_another_shape_is_refused(tiny: Path, part: tuple[slice, ...]) -> None:
    class Session:
        def run(self, *arguments: object) -> tuple[np.ndarray, np.ndarray]:
            log_probs, steps = runtime.session.run(*arguments)
            return log_probs[part], steps

    runtime = load(tiny)
    with pytest.raises(ModelError, match="does not have the stated shape"):
        replace(runtime, session=Session()).log_probs([painted_line("abc")])


def test_facts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    def model_with(**changes: object) -> Path:
        return write_tiny_model(tmp_path, info=replace(INFO, **changes))

    with pytest.raises(ModelError, match="needs line normalisation stretch 7"):
        load(model_with(normalisation="stretch", normalisation_version=7))
    with pytest.raises(ModelError, match="model format 99"):
        load(model_with(format_version=99))
    with pytest.raises(ModelError, match="6 classes, but the model file has an alphabet of 2"):
        load(model_with(alphabet="ab"))
    with pytest.raises(ModelError, match="time steps"):
        load(model_with(stride=3)).log_probs([painted_line("abc")])


def test_the_weights_stay_in_memory_while_the_session_lives(tiny: Path) -> None:
    runtime = load(tiny)
    gc.collect()
    rubbish = [np.full(6, -1e9, np.float32) for _ in range(10_000)]  # would overwrite memory that was freed
    line = painted_line("abc")
    assert np.allclose(runtime.log_probs([line])[0], expected_log_probs(line), atol=1e-4) and rubbish


# --- batches ----------------------------------------------------------------------------------------------------


def test_every_line_once_and_all_limits_held() -> None:
    random = np.random.default_rng(3)
    for count in (1, 2, 7, 100):
        widths = random.integers(1, 3000, count).tolist()
        batches = plan_batches(widths, 64, max_lines=8, max_pixels=500_000, max_waste=0.2)
        assert sorted(index for batch in batches for index in batch) == list(range(count))
        for batch in batches:
            padded = len(batch) * max(widths[index] for index in batch)
            assert len(batch) <= 8
            assert len(batch) == 1 or padded * 64 <= 500_000
            assert 1 - sum(widths[index] for index in batch) / padded <= 0.2


def test_lines_of_one_width_fill_their_batches() -> None:
    assert [len(b) for b in plan_batches([100] * 20, 10, max_lines=8, max_pixels=10**9)] == [8, 8, 4]
    assert [len(b) for b in plan_batches([100] * 20, 10, max_lines=99, max_pixels=5000)] == [5, 5, 5, 5]


def test_a_line_over_the_budget_is_alone_and_no_lines_give_no_batches() -> None:
    assert plan_batches([10, 5000, 10], 10, max_lines=8, max_pixels=1000) == [[0, 2], [1]]
    assert plan_batches([], 10, max_lines=8, max_pixels=1000) == []
