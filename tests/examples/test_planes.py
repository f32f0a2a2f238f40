"""The layers over the plane against torch; without a torch twin, against numeric gradients."""

import bidirectional
import grcl
import lstm
import mdlstm
import numpy as np
import planes
import pyramid
import pytest
import rcl
import renet
import torch
from torch import nn
from torch.nn import functional

from helpers.gradient_check import assert_gradients


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tensors(weights: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return copies of the weights that collect gradients."""
    return {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}


def assert_same_gradients(gradients: dict[str, np.ndarray], expected: dict[str, torch.Tensor]) -> None:
    """Compare with the gradients that torch collected."""
    for name, tensor in expected.items():
        assert tensor.grad is not None
        np.testing.assert_allclose(gradients[name], tensor.grad.numpy(), atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (1, 1), (3, 2)])
def test_convolution_equals_torch(size: int, stride: int, rng: np.random.Generator) -> None:
    weights = {"w": rng.normal(size=(4, 3, size, size)), "x": rng.normal(size=(2, 3, 6, 8))}
    twins = tensors(weights)
    expected = functional.conv2d(twins["x"], twins["w"], stride=stride, padding=size // 2)
    z = planes.convolve(weights["x"], weights["w"], stride)
    np.testing.assert_allclose(z, expected.detach().numpy(), atol=1e-12)
    dz = rng.normal(size=z.shape)
    expected.backward(torch.from_numpy(dz))
    dw, dx = planes.convolve_back(weights["x"], weights["w"], dz, stride)
    assert_same_gradients({"w": dw, "x": dx}, twins)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_rcl_equals_torch(steps: int, rng: np.random.Generator) -> None:
    weights = rcl.weights(rng, 2, 8)
    weights["b"] += rng.normal(size=8)
    u = 10 * rng.normal(size=(2, 2, 5, 6))  # large, so that the normalisation matters
    twins = tensors(weights | {"x": u})
    norm = nn.LocalResponseNorm(3, alpha=1e-3, beta=0.75, k=1.0)
    constant = functional.conv2d(twins["x"], twins["Wf"], twins["b"], padding=1)
    expected = norm(functional.relu(constant))
    for _ in range(steps):
        expected = norm(functional.relu(constant + functional.conv2d(expected, twins["Wr"], padding=1)))
    y, cache = rcl.forward(weights, u, steps)
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-9)
    dy = rng.normal(size=y.shape)
    (expected * torch.from_numpy(dy) + 0 * twins["Wr"].sum()).sum().backward()
    assert_same_gradients(rcl.backward(weights, cache, dy), twins)


def test_rcl_without_steps_is_a_convolution(rng: np.random.Generator) -> None:
    weights = rcl.weights(rng, 2, 8)
    u = rng.normal(size=(1, 2, 5, 6))
    expected = rcl.normalise(planes.relu(planes.convolve(u, weights["Wf"])), 3)
    np.testing.assert_array_equal(rcl.forward(weights, u, 0)[0], expected)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_rcl_sees_3_plus_2_t(steps: int) -> None:
    assert planes.reach(rcl.field(steps)) == (3 + 2 * steps, 3 + 2 * steps)


def test_grcl_gradients(rng: np.random.Generator) -> None:
    weights = grcl.weights(rng, 2, 3)
    u = rng.normal(size=(1, 2, 4, 5))
    y, cache = grcl.forward(weights, u, 2)
    dy = rng.normal(size=y.shape)
    gradients = grcl.backward(weights, cache, dy)
    assert_gradients(lambda: float((grcl.forward(weights, u, 2)[0] * dy).sum()), weights | {"x": u}, gradients)


@pytest.mark.parametrize(("bias", "steps"), [(-1e3, 0), (1e3, 3)])
def test_grcl_with_fixed_gates(bias: float, steps: int, rng: np.random.Generator) -> None:
    """Closed gates leave a convolution; open ones leave an RCL (here without normalisation)."""
    weights = grcl.weights(rng, 2, 4)
    weights["d"][:] = bias
    u = rng.normal(size=(1, 2, 5, 6))
    constant = planes.convolve(u, weights["Wf"])
    expected = planes.relu(constant)
    for _ in range(steps):
        expected = planes.relu(constant + planes.convolve(expected, weights["Wr"]))
    np.testing.assert_allclose(grcl.forward(weights, u, 3)[0], expected, atol=1e-12)


def test_grcl_sees_further_on_ink(rng: np.random.Generator) -> None:
    network = grcl.weights(rng, 1, 8)
    network["Vr"][:], network["Vf"][:], network["d"][:] = 0, 80, -40
    line = 0.01 * (1 + rng.random((1, 1, 21, 21)))
    line[:, :, :, 4:7] = 1
    assert grcl.sight(network, line, 10, 5)[0] == 9
    assert grcl.sight(network, line, 10, 15) == (3, 3)


def test_mdlstm_gradients(rng: np.random.Generator) -> None:
    weights = mdlstm.weights(rng, 2, 3)
    x = rng.normal(size=(2, 2, 3, 4))
    y, cache = mdlstm.scan(weights, x)
    dy = rng.normal(size=y.shape)
    gradients = mdlstm.scan_back(weights, cache, dy)
    assert_gradients(lambda: float((mdlstm.scan(weights, x)[0] * dy).sum()), weights | {"x": x}, gradients)


def test_mdlstm_of_four_scans(rng: np.random.Generator) -> None:
    four = [mdlstm.weights(rng, 2, 3) for _ in mdlstm.CORNERS]
    x = rng.normal(size=(1, 2, 3, 4))
    y, caches = mdlstm.forward(four, x)
    dy = rng.normal(size=y.shape)
    gradients, dx = mdlstm.backward(four, caches, dy)
    for number, weights in enumerate(four):
        both = {"b": weights["b"], "x": x}
        value = {"b": gradients[number]["b"], "x": dx}
        assert_gradients(lambda: float((mdlstm.forward(four, x)[0] * dy).sum()), both, value)


def test_mdlstm_on_one_row_is_an_lstm(rng: np.random.Generator) -> None:
    weights = mdlstm.weights(rng, 2, 3)
    rows = np.r_[0:3, 6:15]  # without the forget gate of the row above
    plain = {"W": weights["W"][rows], "U": weights["U2"][rows], "b": weights["b"][rows]}
    x = rng.normal(size=(2, 2, 1, 6))
    y, _ = mdlstm.scan(weights, x)
    h, _ = lstm.forward(plain, x[:, :, 0].transpose(2, 0, 1))
    np.testing.assert_allclose(y[:, :, 0], h.transpose(1, 2, 0), atol=1e-12)


def test_renet_equals_lstm_layers_of_torch(rng: np.random.Generator) -> None:
    both = renet.weights(rng, 2, 3)
    x = rng.normal(size=(2, 2, 4, 5))
    layers = []
    for weights, inputs in zip(both, (2, 6), strict=True):
        layer = nn.LSTM(inputs, 3, bidirectional=True).double()
        for suffix, chain in (("", weights), ("_reverse", bidirectional.backward_chain(weights))):
            for name, value in (("weight_ih_l0", "W"), ("weight_hh_l0", "U"), ("bias_ih_l0", "b")):
                getattr(layer, name + suffix).data = torch.from_numpy(chain[value])
            nn.init.zeros_(getattr(layer, "bias_hh_l0" + suffix))
        layers.append(layer)
    tensor = torch.tensor(x, requires_grad=True)
    columns = [layers[0](tensor[:, :, :, j].permute(2, 0, 1))[0] for j in range(5)]  # each (H, B, 6)
    v = torch.stack(columns, dim=3)  # (H, B, 6, W)
    expected = torch.stack([layers[1](row.permute(2, 0, 1))[0].permute(1, 2, 0) for row in v], dim=2)
    y, cache = renet.forward(both, x)
    np.testing.assert_allclose(y, expected.detach().numpy(), atol=1e-9)
    dy = rng.normal(size=y.shape)
    expected.backward(torch.from_numpy(dy))
    (vertical, horizontal), dx = renet.backward(both, cache, dy)
    np.testing.assert_allclose(dx, tensor.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(vertical["U"], layers[0].weight_hh_l0.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(horizontal["W'"], layers[1].weight_ih_l0_reverse.grad.numpy(), atol=1e-9)


def test_every_place_of_renet_and_mdlstm_sees_the_plane(rng: np.random.Generator) -> None:
    x = rng.normal(size=(1, 2, 5, 7))
    error = np.zeros((1, 3, 5, 7))
    error[:, :, 1, 2] = 1
    one = mdlstm.weights(rng, 2, 3)
    assert planes.reach(mdlstm.scan_back(one, mdlstm.scan(one, x)[1], error)["x"]) == (2, 3)
    four = [mdlstm.weights(rng, 2, 3) for _ in mdlstm.CORNERS]
    assert planes.reach(mdlstm.backward(four, mdlstm.forward(four, x)[1], error)[1]) == (5, 7)
    both = renet.weights(rng, 2, 3)
    assert planes.reach(renet.backward(both, renet.forward(both, x)[1], np.tile(error, (1, 2, 1, 1)))[1]) == (5, 7)


def test_pyramid_gradients(rng: np.random.Generator) -> None:
    weights = pyramid.weights(rng, 2)
    picture = rng.normal(size=(2, 1, 4, 4))
    restored, cache = pyramid.forward(weights, picture, 3)
    errors = [rng.normal(size=one.shape) for one in restored]
    gradients = pyramid.backward(weights, cache, errors)

    def value() -> float:
        results, _ = pyramid.forward(weights, picture, 3)
        return float(sum((result * error).sum() for result, error in zip(results, errors, strict=True)))

    assert_gradients(value, weights, gradients)
