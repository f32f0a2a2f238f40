"""The CTC of the examples against torch and against the list of all paths."""

import ctc
import numpy as np
import pytest
import torch
from common import softmax
from torch.nn import functional


@pytest.mark.parametrize("text", [(1, 2), (1, 1), (2,), (1, 2, 1)])
def test_table_equals_list(text: tuple[int, ...]) -> None:
    p = softmax(np.random.default_rng(0).normal(size=(6, 3)))
    assert np.exp(-ctc.loss(np.log(p), text)[0]) == pytest.approx(ctc.by_listing(p, text), rel=1e-9)


@pytest.mark.parametrize("text", [(1, 2, 2, 4, 3), (3,), (1, 1, 1)])
def test_loss_and_gradient_equal_torch(text: tuple[int, ...]) -> None:
    scores = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 5))).requires_grad_()
    log_probs = functional.log_softmax(scores, dim=1)
    lengths = (torch.tensor([12]), torch.tensor([len(text)]))
    expected = functional.ctc_loss(log_probs[:, None], torch.tensor([text]), *lengths, reduction="sum")
    expected.backward()
    value, gradient = ctc.loss(log_probs.detach().numpy(), text)
    assert value == pytest.approx(expected.item(), rel=1e-9)
    assert scores.grad is not None
    np.testing.assert_allclose(gradient, scores.grad.numpy(), atol=1e-9)


@pytest.mark.parametrize(("steps", "possible"), [(2, False), (3, True)])
def test_equal_neighbours_need_a_step_between(steps: int, possible: bool) -> None:
    p = np.full((steps, 3), 1 / 3)
    total = np.logaddexp(*ctc.table(np.log(p), (1, 1))[-1, -2:])
    assert np.isfinite(total) == possible
    assert (ctc.by_listing(p, (1, 1)) > 0) == possible


def test_answers_are_spikes() -> None:
    p, text = ctc.train()
    path = p.argmax(1)
    assert ctc.collapse(tuple(path)) == text
    assert (path == ctc.BLANK).mean() > 0.5  # while three quarters of the columns are ink
