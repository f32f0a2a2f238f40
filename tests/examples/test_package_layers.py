"""The layers of the package against the pages of NumPy: outputs and gradients."""

import bidirectional
import elman
import grcl
import gru
import jordan
import lstm
import mingru
import numpy as np
import pytest
import rcl
import renet
import torch
from torch import Tensor, nn

from hwr.model import letters
from hwr.model.layers import Frame, Layer
from hwr.model.recurrent import Recurrent
from hwr.model.recurrent_convolution import GatedRecurrentConvolution, RecurrentConvolution

CELLS: dict[letters.Cell, object] = {"rnn": elman, "lstm": lstm, "gru": gru}
IN, HIDDEN, HEIGHT, WIDTH = 3, 4, 5, 7
WIDTHS = np.array([7, 3])
NAMES = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0", "d": "bias_hh_l0"}


@pytest.fixture
def rng() -> np.random.Generator:
    torch.manual_seed(0)
    return np.random.default_rng(0)


def recurrent(
    cell: letters.Cell, direction: letters.Direction, axis: str, channels: int = IN, height: int = 1
) -> Recurrent:
    layer = letters.Recurrent(cell, direction, "x" if axis == "x" else "y", False, HIDDEN)
    return Recurrent(letters.Maps(channels, height), layer).double()


def run(layer: Layer, x: np.ndarray, widths: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Return the input as a tensor that collects its gradient, and the output."""
    tensor = torch.tensor(x, requires_grad=True)
    y, _ = layer(tensor, Frame(None if widths is None else torch.from_numpy(widths)))
    return tensor, y


def chain(cell: nn.Module, suffix: str = "") -> dict[str, np.ndarray]:
    """Return the weights of one direction of a torch layer, for an example."""
    return {name: getattr(cell, f"{own}{suffix}").detach().numpy() for name, own in NAMES.items()}


def both(cell: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of both directions; the two biases of Elman and LSTM are added up."""
    weights = {}
    for suffix, mark in (("", ""), ("_reverse", "'")):
        for name, value in chain(cell, suffix).items():
            weights[name + mark] = value
        if not isinstance(cell, nn.GRU):
            weights[f"b{mark}"] = weights[f"b{mark}"] + weights.pop(f"d{mark}")
    return weights


def assert_gradient(found: np.ndarray, weight: Tensor) -> None:
    assert weight.grad is not None
    np.testing.assert_allclose(found, weight.grad.numpy(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_line_in_both_directions(name: letters.Cell, rng: np.random.Generator) -> None:
    layer, cell = recurrent(name, "both", "x"), CELLS[name]
    x = rng.normal(size=(2, IN, 1, WIDTH))
    x[1, :, :, WIDTHS[1] :] = 0
    tensor, y = run(layer, x, WIDTHS)
    weights = both(layer.cell)
    expected, cache = bidirectional.forward(weights, x[:, :, 0].transpose(2, 0, 1), WIDTHS, cell)
    np.testing.assert_allclose(y[:, :, 0].detach().numpy(), expected.transpose(1, 2, 0), atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy.transpose(1, 2, 0)[:, :, None]))
    gradients = bidirectional.backward(weights, cache, dy, cell)
    assert_gradient(gradients["x"].transpose(1, 2, 0)[:, :, None], tensor)
    for mark, suffix in (("", ""), ("'", "_reverse")):
        for own in "WU":
            assert_gradient(gradients[own + mark], getattr(layer.cell, NAMES[own] + suffix))


def test_jordan(rng: np.random.Generator) -> None:
    layer = recurrent("jordan", "forward", "x")
    names = {"W": "weight_ih", "U": "weight_yh", "b": "bias_h", "V": "weight_hy", "c": "bias_y"}
    for own in names.values():
        nn.init.normal_(getattr(layer.cell, own), std=0.5)
    weights = {name: getattr(layer.cell, own).detach().numpy() for name, own in names.items()}
    x = rng.normal(size=(2, IN, 1, WIDTH))
    tensor, y = run(layer, x)
    expected, cache = jordan.forward(weights, x[:, :, 0].transpose(2, 0, 1))
    np.testing.assert_allclose(y[:, :, 0].detach().numpy(), expected.transpose(1, 2, 0), atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy.transpose(1, 2, 0)[:, :, None]))
    gradients = jordan.backward(weights, cache, dy)
    assert_gradient(gradients["x"].transpose(1, 2, 0)[:, :, None], tensor)
    for name, own in names.items():
        assert_gradient(gradients[name], getattr(layer.cell, own))


def test_mingru_in_both_directions(rng: np.random.Generator) -> None:
    layer = recurrent("mingru", "both", "x")
    names = {"W": "weight_ih", "b": "bias", "W'": "weight_ih_reverse", "b'": "bias_reverse"}
    tensors = {name: getattr(layer.cell, own) for name, own in names.items()}
    for value in tensors.values():
        nn.init.normal_(value)
    weights = {name: value.detach().numpy() for name, value in tensors.items()}
    x = rng.normal(size=(2, IN, 1, WIDTH))
    x[1, :, :, WIDTHS[1] :] = 0
    tensor, y = run(layer, x, WIDTHS)
    expected, cache = bidirectional.forward(weights, x[:, :, 0].transpose(2, 0, 1), WIDTHS, mingru)
    np.testing.assert_allclose(y[:, :, 0].detach().numpy(), expected.transpose(1, 2, 0), atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy.transpose(1, 2, 0)[:, :, None]))
    gradients = bidirectional.backward(weights, cache, dy, mingru)
    assert_gradient(gradients["x"].transpose(1, 2, 0)[:, :, None], tensor)
    for name, value in tensors.items():
        assert_gradient(gradients[name], value)


def test_two_layers_over_the_plane_are_renet(rng: np.random.Generator) -> None:
    vertical = recurrent("lstm", "both", "y", IN, HEIGHT)
    horizontal = recurrent("lstm", "both", "x", 2 * HIDDEN, HEIGHT)
    x = rng.normal(size=(2, IN, HEIGHT, WIDTH))
    tensor, v = run(vertical, x)
    y, _ = horizontal(v, Frame(None))
    weights = both(vertical.cell), both(horizontal.cell)
    expected, cache = renet.forward(weights, x)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy))
    (of_vertical, of_horizontal), dx = renet.backward(weights, cache, dy)
    assert_gradient(dx, tensor)
    assert_gradient(of_vertical["W'"], vertical.cell.weight_ih_l0_reverse)
    assert_gradient(of_horizontal["U"], horizontal.cell.weight_hh_l0)


@pytest.mark.parametrize("steps", [1, 3])
def test_rcl_as_published(steps: int, rng: np.random.Generator) -> None:
    maps = 16
    spec = letters.RecurrentConvolution((3, 3), maps, steps, "response")
    layer = RecurrentConvolution(letters.Maps(IN, HEIGHT), spec).double()
    assert layer.recurrent is not None and layer.input.bias is not None
    tensors = {"Wf": layer.input.weight, "Wr": layer.recurrent.weight, "b": layer.input.bias}
    weights = {name: value.detach().numpy() for name, value in tensors.items()}
    u = 10 * rng.normal(size=(2, IN, HEIGHT, WIDTH))
    tensor, y = run(layer, u)
    expected, cache = rcl.forward(weights, u, steps, size=maps // 8 + 1)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy))
    gradients = rcl.backward(weights, cache, dy, size=maps // 8 + 1)
    for name, value in (tensors | {"x": tensor}).items():
        assert_gradient(gradients[name], value)


def test_grcl_without_norms(rng: np.random.Generator) -> None:
    spec = letters.GatedRecurrentConvolution((3, 3), HIDDEN, 2, "none")
    layer = GatedRecurrentConvolution(letters.Maps(IN, HEIGHT), spec).double()
    tensors = {
        "Wf": layer.input.weight,
        "Wr": layer.recurrent[0].weight,
        "b": layer.input.bias,
        "Vf": layer.gate_input.weight,
        "Vr": layer.gate_recurrent[0].weight,
        "d": layer.gate_input.bias,
    }
    weights = {name: value.detach().numpy() for name, value in tensors.items()}
    u = rng.normal(size=(2, IN, HEIGHT, WIDTH))
    tensor, y = run(layer, u)
    expected, cache = grcl.forward(weights, u, 2)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-9)
    dy = rng.normal(size=expected.shape)
    y.backward(torch.from_numpy(dy))
    gradients = grcl.backward(weights, cache, dy)
    for name, value in (tensors | {"x": tensor}).items():
        assert_gradient(gradients[name], value)
