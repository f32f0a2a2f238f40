"""The cells of the examples against torch, and their gradients; without a torch twin, against numeric gradients."""

import bidirectional
import elman
import gru
import jordan
import lstm
import mingru
import neuron
import numpy as np
import peephole
import pytest
import ranking
import torch
from common import read_out, reader
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from helpers.gradient_check import assert_gradients, derivative

STEPS, BATCH, INPUTS, HIDDEN = 7, 3, 4, 5
TWINS = {"elman": (elman, nn.RNN), "lstm": (lstm, nn.LSTM), "gru": (gru, nn.GRU)}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def fill(module: nn.RNNBase, weights: dict[str, np.ndarray], suffix: str = "") -> None:
    """Give a torch layer the weights of an example."""
    hidden_bias = weights.get("d", np.zeros_like(weights["b"]))
    values = (weights["W"], weights["U"], weights["b"], hidden_bias)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    for name, value in zip(names, values, strict=True):
        getattr(module, name + suffix).data = torch.from_numpy(value)


def assert_same_gradients(module: nn.RNNBase, gradients: dict[str, np.ndarray], suffix: str = "") -> None:
    """Compare the gradients of a torch layer with those of an example."""
    names = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0", "d": "bias_hh_l0"}
    for name, value in gradients.items():
        if name in names:
            np.testing.assert_allclose(value, getattr(module, names[name] + suffix).grad.numpy(), atol=1e-9)


@pytest.mark.parametrize("name", TWINS)
def test_cell_equals_torch(name: str, rng: np.random.Generator) -> None:
    cell, twin = TWINS[name]
    weights = cell.weights(rng, INPUTS, HIDDEN)
    weights["b"] += rng.normal(size=weights["b"].shape)
    module = twin(INPUTS, HIDDEN).double()
    fill(module, weights)
    x = rng.normal(size=(STEPS, BATCH, INPUTS))
    tensor = torch.from_numpy(x).requires_grad_()
    expected, _ = module(tensor)
    h, cache = cell.forward(weights, x)
    np.testing.assert_allclose(h, expected.detach().numpy(), atol=1e-9)

    dh = rng.normal(size=h.shape)
    expected.backward(torch.from_numpy(dh))
    gradients = cell.backward(weights, cache, dh)
    assert_same_gradients(module, gradients)
    np.testing.assert_allclose(gradients["x"], tensor.grad.numpy(), atol=1e-9)


@pytest.mark.parametrize("name", TWINS)
def test_both_directions_equal_torch_with_padding(name: str, rng: np.random.Generator) -> None:
    cell, twin = TWINS[name]
    weights = bidirectional.weights(rng, INPUTS, HIDDEN, cell)
    module = twin(INPUTS, HIDDEN, bidirectional=True).double()
    fill(module, weights)
    fill(module, bidirectional.backward_chain(weights), "_reverse")
    lengths = np.array([7, 2, 5])
    x = rng.normal(size=(STEPS, BATCH, INPUTS))
    tensor = torch.from_numpy(x).requires_grad_()
    packed = pack_padded_sequence(tensor, torch.from_numpy(lengths), enforce_sorted=False)
    expected, _ = pad_packed_sequence(module(packed)[0])
    y, cache = bidirectional.forward(weights, x, lengths, cell)
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-9)

    dy = rng.normal(size=y.shape)
    expected.backward(torch.from_numpy(dy))
    gradients = bidirectional.backward(weights, cache, dy, cell)
    assert_same_gradients(module, {name: gradients[name] for name in cell.NAMES})
    assert_same_gradients(module, {name: gradients[f"{name}'"] for name in cell.NAMES}, "_reverse")
    np.testing.assert_allclose(gradients["x"], tensor.grad.numpy(), atol=1e-9)


@pytest.mark.parametrize("cell", [jordan, peephole, mingru])
def test_numeric_gradients(cell: object, rng: np.random.Generator) -> None:
    sizes = (3, 4, 2) if cell is jordan else (3, 4)
    weights = cell.weights(rng, *sizes)
    x = rng.normal(size=(5, 2, 3))
    y, cache = cell.forward(weights, x)
    dy = rng.normal(size=y.shape)

    def value() -> float:
        return float((cell.forward(weights, x)[0] * dy).sum())

    assert_gradients(value, weights | {"x": x}, cell.backward(weights, cache, dy))


def test_without_peepholes_it_is_an_lstm(rng: np.random.Generator) -> None:
    weights = peephole.weights(rng, INPUTS, HIDDEN)
    weights["p"][:] = 0
    x = rng.normal(size=(STEPS, BATCH, INPUTS))
    np.testing.assert_allclose(peephole.forward(weights, x)[0], lstm.forward(weights, x)[0], atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5, 64, 100])
def test_mingru_by_rounds_equals_mingru_by_steps(steps: int, rng: np.random.Generator) -> None:
    weights = mingru.weights(rng, INPUTS, HIDDEN)
    x = rng.normal(size=(steps, BATCH, INPUTS))
    states, rounds = mingru.merged(weights, x)
    np.testing.assert_allclose(states, mingru.forward(weights, x)[0], atol=1e-12)
    assert rounds == int(np.ceil(np.log2(steps)))


def test_jordan_hears_its_output_only(rng: np.random.Generator) -> None:
    """With V = 0 an Elman network still remembers, a Jordan network forgets."""
    x = rng.normal(size=(2, 1, 3))
    other = x.copy()
    other[0] += 1
    weights = jordan.weights(rng, 3, 4, 2)
    weights["V"][:] = 0
    states = [jordan.forward(weights, value)[1][1][1] for value in (x, other)]
    np.testing.assert_array_equal(*states)
    weights = elman.weights(rng, 3, 4)
    states = [elman.forward(weights, value)[0][1] for value in (x, other)]
    assert np.abs(states[0] - states[1]).max() > 0.01


def test_read_out_gradients(rng: np.random.Generator) -> None:
    weights = reader(rng, 4, 3)
    h = rng.normal(size=(5, 2, 4))
    targets = rng.integers(-1, 3, (5, 2))
    _, _, gradients, dh = read_out(weights, h, targets)
    assert_gradients(lambda: read_out(weights, h, targets)[0], weights | {"h": h}, gradients | {"h": dh})


def test_neuron_gradient_is_the_sum_over_its_copies() -> None:
    x, u = [1.0, -0.5, 0.25], np.array([0.9])
    h = neuron.forward([0.8] * 3, [0.9] * 3, [0.1] * 3, x)
    expected = derivative(lambda: neuron.forward([0.8] * 3, [u[0]] * 3, [0.1] * 3, x)[-1], u, (0,))
    assert sum(neuron.backward([0.9] * 3, x, h)[1]) == pytest.approx(expected, rel=1e-6)


def test_ranking_loss(rng: np.random.Generator) -> None:
    """The loss written out pair by pair, and its gradients."""
    weights = ranking.weights(rng, 4, 5, 3)
    regions, x = rng.normal(size=(3, 2, 4)), rng.normal(size=(4, 3, 5))
    value, gradients, picked = ranking.loss(weights, regions, x)
    v, (s, _) = regions @ weights["M"].T, ranking.read(weights, x)
    score = np.array([[sum(max(v[k] @ s[t, pair]) for t in range(4)) for pair in range(3)] for k in range(3)])
    expected = sum(
        max(0, score[k, other] - score[k, k] + 1) + max(0, score[other, k] - score[k, k] + 1)
        for k in range(3)
        for other in range(3)
        if other != k
    )
    assert value == pytest.approx(expected)
    assert [picked[t, 0] for t in range(4)] == [np.argmax(v[0] @ s[t, 0]) for t in range(4)]
    assert_gradients(lambda: ranking.loss(weights, regions, x)[0], weights, gradients)


def test_ranking_reads_words_in_both_directions(rng: np.random.Generator) -> None:
    """The chains f and g are ReLU networks of torch without biases."""
    weights = ranking.weights(rng, 4, 5, 3)
    x = rng.normal(size=(6, 2, 5))
    module = nn.RNN(5, 3, nonlinearity="relu", bias=False, bidirectional=True).double()
    for suffix, recurrent in (("", "F"), ("_reverse", "G")):
        getattr(module, f"weight_ih_l0{suffix}").data = torch.from_numpy(weights["E"])
        getattr(module, f"weight_hh_l0{suffix}").data = torch.from_numpy(weights[recurrent])
    both = module(torch.from_numpy(x))[0].detach().numpy()
    np.testing.assert_allclose(
        ranking.read(weights, x)[0], (both[..., :3] + both[..., 3:]) @ weights["D"].T, atol=1e-12
    )
