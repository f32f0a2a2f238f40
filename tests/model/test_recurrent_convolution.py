"""Recurrent convolutions against their equations and against the layers that they become at their limits."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.model import letters
from hwr.model.layers import Convolution, Frame, Layer
from hwr.model.recurrent_convolution import GatedRecurrentConvolution, RecurrentConvolution

MAPS = letters.Maps(2, 7)
CHANNELS = 16
NORMS: tuple[letters.Norm, ...] = ("batch", "instance", "none", "response")


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def rcl(iterations: int, norm: letters.Norm = "none", activation: letters.Activation = "relu") -> RecurrentConvolution:
    layer = letters.RecurrentConvolution((3, 3), CHANNELS, iterations, norm, activation)
    return RecurrentConvolution(MAPS, layer).double().eval()


def grcl(iterations: int, norm: letters.Norm = "none", own: bool = False) -> GatedRecurrentConvolution:
    layer = letters.GatedRecurrentConvolution((3, 3), CHANNELS, iterations, norm, "relu", own)
    return GatedRecurrentConvolution(MAPS, layer).double().eval()


def image() -> Tensor:
    return torch.randn(2, 2, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def run(layer: Layer, u: Tensor) -> Tensor:
    y, _ = layer(u, Frame(None))
    assert isinstance(y, Tensor)
    return y


def count(layer: nn.Module, norms: bool = True) -> int:
    return sum(p.numel() for p in layer.parameters() if norms or p.ndim > 1)


@pytest.mark.parametrize("norm", NORMS)
def test_without_iterations_it_is_a_convolution(norm: letters.Norm) -> None:
    layer = rcl(0, norm)
    plain = Convolution(MAPS, letters.Convolution((3, 3), CHANNELS, (1, 1), norm)).double().eval()
    plain.body.convolution.load_state_dict(layer.input.state_dict())
    torch.testing.assert_close(run(layer, image()), run(plain, image()))


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_the_equations_of_liang_and_hu(iterations: int) -> None:
    """z(t) = W_f * u + W_r * x(t-1) + b, x(t) = g(relu(z(t))) with g written out."""
    layer = rcl(iterations, "response")
    assert layer.input.bias is not None
    nn.init.normal_(layer.input.bias)
    u = 10 * image()

    def g(f: Tensor) -> Tensor:
        size = CHANNELS // 8 + 1
        squares = functional.pad(f**2, (0, 0, 0, 0, size // 2, (size - 1) // 2))
        around = torch.stack([squares[:, k : k + CHANNELS] for k in range(size)]).sum(0)
        return f / (1 + 1e-3 / size * around) ** 0.75

    constant = functional.conv2d(u, layer.input.weight, layer.input.bias, padding=1)
    x = g(constant.relu())
    for _ in range(iterations):
        assert layer.recurrent is not None
        x = g((constant + functional.conv2d(x, layer.recurrent.weight, padding=1)).relu())
    torch.testing.assert_close(run(layer, u), x)


def test_each_iteration_has_its_own_norm() -> None:
    layer = rcl(2, "batch")
    for t, norm in enumerate(layer.norms):
        assert isinstance(norm, nn.BatchNorm2d)
        norm.weight.data.fill_(1.0 + t)
        norm.bias.data.fill_(0.1 * t)
        norm.running_var = torch.full_like(norm.running_var, 1 - norm.eps)  # type: ignore[arg-type]
    assert layer.recurrent is not None
    constant = layer.input(image())
    x = constant.relu()
    x = (2 * (constant + layer.recurrent(x)) + 0.1).relu()
    x = (3 * (constant + layer.recurrent(x)) + 0.2).relu()
    torch.testing.assert_close(run(layer, image()), x)


@pytest.mark.parametrize("norm", ["none", "response"])
def test_iterations_add_no_weights(norm: letters.Norm) -> None:
    assert count(rcl(1, norm)) == count(rcl(3, norm)) == 9 * 2 * CHANNELS + 9 * CHANNELS**2 + CHANNELS
    assert count(grcl(1)) == count(grcl(5)) == 10 * 2 * CHANNELS + 10 * CHANNELS**2 + 2 * CHANNELS


def test_with_batch_norm_iterations_add_norms_only() -> None:
    assert count(rcl(1, "batch"), norms=False) == count(rcl(3, "batch"), norms=False)
    assert count(grcl(1, "batch"), norms=False) == count(grcl(5, "batch"), norms=False)
    # 2 n (1 + 5 T) of the norms (Wang & Hu 2017)
    assert count(grcl(5, "batch")) == 10 * 2 * CHANNELS + 10 * CHANNELS**2 + 2 * CHANNELS * 26


@pytest.mark.parametrize("iterations", [0, 1, 2, 3])
def test_the_field_of_view_is_3_plus_2_t(iterations: int) -> None:
    layers: list[Layer] = [rcl(iterations, activation="linear")]
    layers += [grcl(iterations)] if iterations else []
    for layer in layers:
        u = torch.ones(1, 2, 15, 15, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(run(layer, u)[0, :, 7, 7].sum(), u)
        seen = gradient[0].abs().sum(0) > 0
        rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
        assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == 3 + 2 * iterations


@pytest.mark.parametrize("own", [False, True])
def test_the_equations_of_wang_and_hu(own: bool) -> None:
    layer = grcl(2, own=own)
    assert layer.input.bias is not None and layer.gate_input.bias is not None
    nn.init.normal_(layer.input.bias)
    nn.init.normal_(layer.gate_input.bias)
    constant, gate_constant = layer.input(image()), layer.gate_input(image())
    x = constant.relu()
    for t in range(2):
        copy = t if own else 0
        gate = torch.sigmoid(gate_constant + layer.gate_recurrent[copy](x))
        x = (constant + gate * layer.recurrent[copy](x)).relu()
    torch.testing.assert_close(run(layer, image()), x)


def test_the_input_is_left_as_it_is() -> None:
    for layer in (rcl(2), grcl(2), rcl(0)):
        u = image()
        run(layer, u)
        assert torch.equal(u, image())
