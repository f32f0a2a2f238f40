"""Probability and alignment of a text, against all paths, torch and torchaudio."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torchaudio.functional import forced_align

from helpers.best_paths import random_log_probs
from hwr.decode import lattice
from hwr.decode.lattice import align, alignments, text_log_probabilities, text_log_probability

Array = NDArray[np.float64]


def collapsed(path: Sequence[int]) -> tuple[int, ...]:
    """The labels of a path: repetitions are merged, then blanks dropped."""
    return tuple(label for label, _ in itertools.groupby(path) if label)


def paths_of(log_probs: Array, labels: Sequence[int]) -> dict[tuple[int, ...], float]:
    """Every path that reads `labels`, with its log-probability."""
    steps, classes = log_probs.shape
    return {
        path: float(sum(log_probs[step, label] for step, label in enumerate(path)))
        for path in itertools.product(range(classes), repeat=steps)
        if collapsed(path) == tuple(labels)
    }


TEXTS = [(), (1,), (1, 1), (1, 2), (2, 1, 2), (1, 1, 1), (2, 2, 1)]


@pytest.mark.parametrize("labels", TEXTS)
@pytest.mark.parametrize("steps", [1, 3, 5, 6])
def test_probability_is_the_sum_over_all_paths(labels: tuple[int, ...], steps: int) -> None:
    log_probs = random_log_probs(steps, 3, seed=steps)
    expected = list(paths_of(log_probs, labels).values())
    found = text_log_probability(log_probs, labels)
    assert found == pytest.approx(np.logaddexp.reduce(expected) if expected else -np.inf)


def test_all_texts_together_have_probability_one() -> None:
    log_probs = random_log_probs(5, 3)
    texts = {collapsed(path) for path in itertools.product(range(3), repeat=5)}
    total = np.logaddexp.reduce([text_log_probability(log_probs, text) for text in texts])
    assert total == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("labels", [text for text in TEXTS if text])
def test_alignment_is_the_best_of_all_paths(labels: tuple[int, ...]) -> None:
    log_probs = random_log_probs(6, 3, seed=len(labels))
    paths = paths_of(log_probs, labels)
    best = max(paths, key=lambda path: paths[path])
    path = np.zeros(6, int)
    for span in align(log_probs, labels):
        path[span.start : span.stop] = span.label
    assert tuple(path) == best


@pytest.mark.parametrize(("steps", "count"), [(40, 10), (200, 60), (125, 60), (400, 150)])
def test_equal_to_torch_on_long_lines(steps: int, count: int) -> None:
    log_probs = random_log_probs(steps, 90, seed=steps)
    labels = np.random.default_rng(count).integers(1, 90, count)
    tensor = torch.from_numpy(log_probs)
    loss = functional.ctc_loss(
        tensor[:, None], torch.from_numpy(labels)[None], torch.tensor([steps]), torch.tensor([count]), reduction="sum"
    )
    assert text_log_probability(log_probs, labels.tolist()) == pytest.approx(-float(loss), rel=1e-9)
    expected, _ = forced_align(tensor[None].float(), torch.from_numpy(labels)[None].int(), blank=0)
    path = np.zeros(steps, int)
    for span in align(log_probs.astype(np.float32), labels.tolist()):
        path[span.start : span.stop] = span.label
    assert path.tolist() == expected[0].tolist()


def test_a_doubled_letter_needs_a_blank_between() -> None:
    log_probs = random_log_probs(2, 3)
    assert text_log_probability(log_probs, [1, 1]) == -np.inf
    with pytest.raises(ValueError, match="2 labels need 3 time steps, there are 2"):
        align(log_probs, [1, 1])


def test_the_empty_line() -> None:
    nothing = np.zeros((0, 4))
    assert text_log_probability(nothing, []) == 0.0
    assert text_log_probability(nothing, [1]) == -np.inf
    assert align(nothing, []) == ()


def test_an_impossible_label_is_named() -> None:
    log_probs = random_log_probs(4, 3)
    log_probs[:, 2] = -np.inf
    assert text_log_probability(log_probs, [2]) == -np.inf
    with pytest.raises(ValueError, match="no path"):
        align(log_probs, [2])


@pytest.mark.parametrize("labels", [[0], [3], [-1]])
def test_labels_outside_the_classes_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels must be between 1 and 2"):
        text_log_probability(random_log_probs(4, 3), labels)


class TestSideBySide:
    """Compare many texts at once with each text alone and with torch."""

    @staticmethod
    def mixed(count: int, seed: int = 0, classes: int = 12) -> tuple[list[Array], list[list[int]]]:
        """Lines of 0 to 60 time steps with texts that fit, that repeat labels, that are too long, or empty."""
        random = np.random.default_rng(seed)
        lines = [random_log_probs(int(random.integers(0, 60)), classes, seed + n) for n in range(count)]
        texts = [random.integers(1, random.integers(2, classes), random.integers(0, 12)).tolist() for _ in lines]
        return lines, texts

    def test_equals_the_single_probability(self) -> None:
        lines, texts = self.mixed(300)
        found = text_log_probabilities(lines, texts)
        expected = [text_log_probability(*item) for item in zip(lines, texts, strict=True)]
        assert np.isinf(expected).any() and np.isfinite(expected).sum() > 200
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)

    def test_improbable_texts_are_as_exact(self) -> None:
        # sharper and sharper: from about 1e-50 to far below the smallest float64
        lines = [random_log_probs(60, 20, seed=n, sharpness=sharpness) for n, sharpness in enumerate((1, 5, 15, 60))]
        texts = [np.random.default_rng(n).integers(1, 20, 30).tolist() for n in range(4)]
        found = text_log_probabilities(lines, texts)
        assert found.min() < -745 < -600 < found.max()
        expected = [text_log_probability(*item) for item in zip(lines, texts, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_small_batches_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lines, texts = self.mixed(40)
        whole = text_log_probabilities(lines, texts)
        monkeypatch.setattr(lattice, "BATCH_NUMBERS", 1)
        np.testing.assert_allclose(text_log_probabilities(lines, texts), whole, rtol=1e-12)

    def test_alignments_equal_torchaudio(self) -> None:
        random = np.random.default_rng(5)
        lines = [random_log_probs(int(steps), 15, seed=int(steps)) for steps in random.integers(30, 120, 20)]
        texts = [random.integers(1, 15, len(line) // 3).tolist() for line in lines]
        for line, text, spans in zip(lines, texts, alignments(lines, texts), strict=True):
            expected, _ = forced_align(torch.from_numpy(line)[None].float(), torch.tensor([text]).int(), blank=0)
            path = np.zeros(len(line), int)
            for span in spans:
                path[span.start : span.stop] = span.label
            assert path.tolist() == expected[0].tolist()

    def test_nothing(self) -> None:
        assert text_log_probabilities([], []).shape == (0,)
        assert alignments([], []) == []

    def test_unlike_numbers_are_refused(self) -> None:
        for function in (text_log_probabilities, alignments):
            with pytest.raises(ValueError, match="1 log_probs, but 2 texts"):
                function([random_log_probs(4, 3)], [[1], [2]])
