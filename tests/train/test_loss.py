"""CTC loss against the forward algorithm in Python and against all paths; spans that are hidden."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwr.train import loss
from hwr.train.loss import span_mask

CPU = torch.device("cpu")


def ctc_loss(log_probs: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """The loss of a whole batch in one process."""
    return loss.ctc_loss(log_probs, targets, target_lengths, int(target_lengths.sum()))


def random_log_probs(lines: int, steps: int, classes: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.log_softmax(2 * torch.randn(lines, steps, classes, generator=generator), dim=2)


def by_every_path(log_probs: NDArray[np.float64], labels: list[int]) -> float:
    """-log of the summed probability of all paths that collapse to `labels`."""
    steps, classes = log_probs.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        collapsed = [label for label, _ in itertools.groupby(path) if label != 0]
        if collapsed == labels:
            total += math.exp(sum(log_probs[step, label] for step, label in enumerate(path)))
    return -math.log(total)


def by_forward(log_probs: NDArray[np.float64], labels: list[int]) -> float:
    """Graves et al. 2006, equations 6 to 8, in probabilities."""
    probs = np.exp(log_probs)
    extended = [0]
    for label in labels:
        extended += [label, 0]
    alpha = [0.0] * len(extended)
    alpha[0], alpha[1] = probs[0, 0], probs[0, labels[0]]
    for step in range(1, len(probs)):
        previous = alpha
        alpha = []
        for place, label in enumerate(extended):
            total = previous[place] + (previous[place - 1] if place >= 1 else 0.0)
            if place >= 2 and label != 0 and label != extended[place - 2]:
                total += previous[place - 2]
            alpha.append(total * probs[step, label])
    return -math.log(alpha[-1] + alpha[-2])


def loss_of(log_probs: torch.Tensor, labels: list[list[int]]) -> float:
    targets = torch.tensor([label for line in labels for label in line])
    return float(ctc_loss(log_probs, targets, torch.tensor([len(line) for line in labels])))


@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], [2, 2, 1], [1, 2, 1], [2, 2, 2]])
def test_equals_every_path(labels: list[int]) -> None:
    log_probs = random_log_probs(1, 6, 3, seed=sum(labels))
    numbers = log_probs[0].double().numpy()
    expected = by_every_path(numbers, labels)
    assert by_forward(numbers, labels) == pytest.approx(expected, rel=1e-6)
    assert loss_of(log_probs, [labels]) == pytest.approx(expected / len(labels), rel=1e-5)


def test_batch_is_the_sum_over_lines_by_character() -> None:
    labels = [[3, 3, 5, 1], [2], [4, 4, 4, 4, 4, 1, 1], [1, 2, 3, 4, 5, 6, 6, 6]]
    log_probs = random_log_probs(4, 25, 7, seed=9)
    singles = [by_forward(log_probs[row].double().numpy(), line) for row, line in enumerate(labels)]
    assert loss_of(log_probs, labels) == pytest.approx(sum(singles) / 20, rel=1e-5)


def test_doubled_letters_need_a_blank_between() -> None:
    log_probs = random_log_probs(1, 3, 3, seed=1)
    assert math.isfinite(loss_of(log_probs, [[1, 1]]))
    assert math.isinf(loss_of(log_probs[:, :2], [[1, 1]]))


def test_half_precision_is_widened_first() -> None:
    log_probs = random_log_probs(2, 12, 5, seed=2).bfloat16()
    assert loss_of(log_probs, [[1, 2], [3]]) == loss_of(log_probs.float(), [[1, 2], [3]])
    targets, lengths = torch.tensor([1, 2, 3]), torch.tensor([2, 1])
    assert ctc_loss(log_probs, targets, lengths).dtype == torch.float32


def test_gradient_equals_finite_differences() -> None:
    log_probs = random_log_probs(1, 5, 3, seed=4)
    scores = log_probs.clone().requires_grad_()
    ctc_loss(torch.log_softmax(scores, 2), torch.tensor([2, 2]), torch.tensor([2])).backward()
    assert scores.grad is not None
    for step, label in [(0, 0), (1, 2), (4, 1)]:
        moved = []
        for change in (1e-4, -1e-4):
            numbers = log_probs[0].double().clone()
            numbers[step, label] += change
            moved.append(by_forward(torch.log_softmax(numbers, 1).numpy(), [2, 2]) / 2)
        assert float(scores.grad[0, step, label]) == pytest.approx((moved[0] - moved[1]) / 2e-4, abs=1e-4)


def runs_of_zeros(row: list[float]) -> list[int]:
    return [len(list(group)) for value, group in itertools.groupby(row) if value == 0]


def test_each_line_has_one_span_of_limited_length() -> None:
    torch.manual_seed(3)
    mask = span_mask(3000, 60, 7, 60, CPU)
    assert mask is not None and mask.shape == (3000, 60) and set(mask.unique().tolist()) == {0.0, 1.0}
    runs = [runs_of_zeros(row) for row in mask.tolist()]
    assert max(map(len, runs)) == 1 and {sum(run) for run in runs} == set(range(8))
    # Lengths 0 to 7 are equally likely: 3.5 steps on average.
    assert float((mask == 0).sum(1).float().mean()) == pytest.approx(3.5, abs=0.15)
    assert (mask == 0).any(0)[:-1].all(), "some step is never hidden"  # torchaudio spares the last one


def test_spans_grow_with_the_line_and_differ_between_lines() -> None:
    torch.manual_seed(4)
    mask = span_mask(2000, 300, 7, 60, CPU)
    assert mask is not None
    hidden = float((mask == 0).float().mean())
    assert hidden == pytest.approx(5 * 3.5 / 300, rel=0.1)  # five spans, which seldom overlap
    assert max(len(runs_of_zeros(row)) for row in mask.tolist()) == 5
    assert len({tuple(row) for row in mask.tolist()}) > 1900


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_lines_shorter_than_a_span(steps: int) -> None:
    torch.manual_seed(5)
    mask = span_mask(200, steps, 7, 60, CPU)
    assert mask is not None and mask.shape == (200, steps)
    assert 0 < float(mask.mean()) < 1


def test_no_spans() -> None:
    assert span_mask(4, 50, 0, 60, CPU) is None
