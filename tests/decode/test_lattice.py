"""Probability and alignment of a text, against every path there is, torch and torchaudio."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torchaudio.functional import forced_align

from hwr.decode.lattice import align, text_log_probability

Array = NDArray[np.float64]


def random_log_probs(steps: int, classes: int, seed: int = 0, sharpness: float = 2.0) -> Array:
    scores = np.random.default_rng(seed).normal(0, sharpness, (steps, classes))
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def collapsed(path: Sequence[int]) -> tuple[int, ...]:
    """What a path reads: runs become one, blanks go."""
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


@pytest.mark.parametrize(("steps", "count"), [(40, 10), (200, 60), (125, 60)])
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
    with pytest.raises(ValueError, match="labels lie between 1 and 2"):
        text_log_probability(random_log_probs(4, 3), labels)
