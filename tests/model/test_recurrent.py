"""Recurrent layers against their equations, written out in NumPy for one line at a time."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwr.model import letters
from hwr.model.layers import Frame
from hwr.model.recurrent import Recurrent, reverse_sequences

Array = NDArray[np.float64]
WIDTHS = (9, 1, 4)
IN, HIDDEN = 3, 4


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, w: Array, u: Array, b: Array, b2: Array) -> Array:
    """Hochreiter & Schmidhuber 1997 with the forget gate of Gers 2000; gates in the order i, f, g, o."""
    h, c, out = np.zeros(HIDDEN), np.zeros(HIDDEN), []
    for value in x:
        i, f, g, o = np.split(w @ value + b + u @ h + b2, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def gru(x: Array, w: Array, u: Array, b: Array, b2: Array) -> Array:
    """Cho 2014, with the reset gate on the product; gates in the order r, z, n."""
    h, out = np.zeros(HIDDEN), []
    for value in x:
        (r1, z1, n1), (r2, z2, n2) = np.split(w @ value + b, 3), np.split(u @ h + b2, 3)
        r, z = sigmoid(r1 + r2), sigmoid(z1 + z2)
        h = (1 - z) * np.tanh(n1 + r * n2) + z * h
        out.append(h)
    return np.array(out)


def elman(x: Array, w: Array, u: Array, b: Array, b2: Array) -> Array:
    """Elman 1990: the state feeds itself."""
    h, out = np.zeros(HIDDEN), []
    for value in x:
        h = np.tanh(w @ value + b + u @ h + b2)
        out.append(h)
    return np.array(out)


def jordan(x: Array, w: Array, u: Array, v: Array, b: Array, c: Array) -> Array:
    """Jordan 1986: the hidden layer sees the output, which starts at 0."""
    y, out = np.zeros(HIDDEN), []
    for value in x:
        y = v @ np.tanh(w @ value + u @ y + b) + c
        out.append(y)
    return np.array(out)


def mingru(x: Array, w: Array, b: Array) -> Array:
    """Feng et al. 2024: the gate and the new state see the input only; gates in the order z, n."""
    h, out = np.zeros(HIDDEN), []
    for value in x:
        z, n = np.split(w @ value + b, 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * n
        out.append(h)
    return np.array(out)


CELLS = {"lstm": lstm, "gru": gru, "rnn": elman, "jordan": jordan, "mingru": mingru}
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
JORDAN_NAMES = ("weight_ih", "weight_yh", "weight_hy", "bias_h", "bias_y")
PARAMETERS = {"jordan": JORDAN_NAMES, "mingru": ("weight_ih", "bias")}


def make(cell: letters.Cell, direction: letters.Direction, axis: str = "x", summarise: bool = False) -> Recurrent:
    layer = Recurrent(letters.Maps(IN, 1), letters.Recurrent(cell, direction, axis, summarise, HIDDEN))  # type: ignore[arg-type]
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def twin(layer: Recurrent, x: Array) -> Array:
    """(T, IN) -> (T, channels): each direction is a chain of its own; the backward one reads from the last step."""
    run = CELLS[layer.layer.cell]

    def weights(suffix: str) -> list[Array]:
        names = PARAMETERS.get(layer.layer.cell, NAMES)
        return [getattr(layer.cell, name + suffix).detach().double().numpy() for name in names]

    if layer.layer.direction == "forward":
        return run(x, *weights(""))
    if layer.layer.direction == "reverse":
        return run(x[::-1], *weights(""))[::-1]
    return np.concatenate([run(x, *weights("")), run(x[::-1], *weights("_reverse"))[::-1]], axis=1)


@pytest.mark.parametrize("direction", ["forward", "reverse", "both"])
@pytest.mark.parametrize("cell", CELLS)
class TestAgainstTheEquations:
    def test_along_x_when_all_lines_are_equally_wide(self, cell: letters.Cell, direction: letters.Direction) -> None:
        layer = make(cell, direction)
        x = torch.randn(2, IN, 1, 6)
        y, _ = layer(x, Frame(None))
        for index in range(2):
            np.testing.assert_allclose(
                y[index, :, 0].T.detach(), twin(layer, x[index, :, 0].T.double().numpy()), atol=1e-5
            )

    def test_along_x(self, cell: letters.Cell, direction: letters.Direction) -> None:
        layer = make(cell, direction)
        x = torch.randn(3, IN, 2, 9)
        for index, width in enumerate(WIDTHS):
            x[index, :, :, width:] = 0
        y, _ = layer(x, Frame(torch.tensor(WIDTHS)))
        assert y.shape == (3, layer.channels, 2, 9)
        for index, width in enumerate(WIDTHS):
            for row in range(2):
                expected = twin(layer, x[index, :, row, :width].T.double().numpy())
                np.testing.assert_allclose(y[index, :, row, :width].T.detach(), expected, atol=1e-5)
            assert (y[index, :, :, width:] == 0).all()

    @pytest.mark.parametrize("summarise", [False, True])
    def test_along_y(self, cell: letters.Cell, direction: letters.Direction, summarise: bool) -> None:
        layer = make(cell, direction, "y", summarise)
        x = torch.randn(3, IN, 5, 9)
        y, _ = layer(x, Frame(torch.tensor(WIDTHS)))
        assert y.shape == (3, layer.channels, 1 if summarise else 5, 9)
        for index, width in enumerate(WIDTHS):
            for column in range(width):
                expected = twin(layer, x[index, :, :, column].T.double().numpy())
                if summarise:  # the last output of each chain: at the last row forwards, at the first backwards
                    down, up = expected[-1], expected[0]
                    ends = {"forward": down, "reverse": up, "both": np.r_[down[:HIDDEN], up[HIDDEN:]]}
                    expected = ends[direction][None]
                np.testing.assert_allclose(y[index, :, :, column].T.detach(), expected, atol=1e-5)
            assert (y[index, :, :, width:] == 0).all()


def test_reverse_sequences_by_hand() -> None:
    x = torch.arange(1, 6, dtype=torch.float32).repeat(3, 1)[:, :, None]
    lengths = torch.tensor([5, 1, 3])
    expected = [[5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [3, 2, 1, 4, 5]]
    assert reverse_sequences(x, lengths)[:, :, 0].tolist() == expected
    assert reverse_sequences(x[:1], None)[0, :, 0].tolist() == expected[0]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_fresh_weights(cell: letters.Cell) -> None:
    """Recurrent weights are orthogonal gate by gate; only the forget gate of an LSTM has a bias."""
    fresh = Recurrent(letters.Maps(IN, 1), letters.Recurrent(cell, "both", "x", False, HIDDEN)).cell
    for suffix in ("", "_reverse"):
        for gate in getattr(fresh, f"weight_hh_l0{suffix}").split(HIDDEN):
            torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN))
        bias = getattr(fresh, f"bias_ih_l0{suffix}") + getattr(fresh, f"bias_hh_l0{suffix}")
        expected = torch.zeros_like(bias)
        if cell == "lstm":
            expected[HIDDEN : 2 * HIDDEN] = 1
        assert torch.equal(bias, expected)


@pytest.mark.parametrize("cell", ["rnn", "jordan"])
def test_a_jordan_network_whose_output_is_silent_forgets(cell: letters.Cell) -> None:
    """With V = 0 the context is 0: the inputs before have no influence on a later hidden layer."""
    layer = make(cell, "forward")
    if cell == "jordan":
        layer.cell.weight_hy.data[:-1] = 0  # of all outputs but the last, which is not heard
        layer.cell.bias_y.data.zero_()
        layer.cell.weight_yh.data[:, -1] = 0
    x = torch.randn(1, IN, 1, 3, requires_grad=True)
    y, _ = layer(x, Frame(None))
    y[..., -1].sum().backward()
    assert x.grad is not None
    assert bool((x.grad[..., 0].abs() > 1e-12).any()) is (cell == "rnn")
    assert (x.grad[..., -1] != 0).any()
