"""Recurrent layers over the plane: convolutions that see their own output again, with a gate or without.

In the equations, u is the input, x(t) the state, W * a convolution, and f an activation. Every state is masked, so that
the contract of true lengths (`hwr.model.layers`) holds in each iteration.
"""

import torch
from torch import Tensor, nn

from hwr.model import letters
from hwr.model.layers import Frame, Layer, activate, make_norm, masked, response_norm


class RecurrentConvolution(Layer):
    """Recurrent convolutional layer (Liang & Hu 2015, "Recurrent convolutional neural network for object recognition").

        x(0) = f(W_f * u)        x(t) = f(W_f * u + W_r * x(t-1))

    W_f * u is computed once and W_r is the same in each iteration; each has its own norm.
    """

    def __init__(self, maps: letters.Maps, layer: letters.RecurrentConvolution) -> None:
        super().__init__()
        self.layer = layer
        norms = [make_norm(layer.norm, layer.channels) for _ in range(layer.iterations + 1)]
        self.norms = nn.ModuleList([norm for norm in norms if norm is not None])
        self.input = _kernel(maps.channels, layer.channels, layer.kernel, bias=not self.norms)
        self.recurrent = _kernel(layer.channels, layer.channels, layer.kernel) if layer.iterations else None
        self.response = response_norm(layer.norm, layer.channels)

    def forward(self, u: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        constant = self.input(u)
        x = self._state(constant, frame, 0)
        if self.recurrent is not None:
            for t in range(1, self.layer.iterations + 1):
                x = self._state(constant + self.recurrent(x), frame, t)
        return x, frame

    def _state(self, z: Tensor, frame: Frame, t: int) -> Tensor:
        # The activation works in place; without a norm, z may be the constant.
        z = self.norms[t](z, frame) if self.norms else z.clone()
        return masked(self.response(activate(z, self.layer.activation)), frame)


class GatedRecurrentConvolution(Layer):
    """Gated recurrent convolutional layer (Wang & Hu 2017, "Gated recurrent convolution neural network for OCR").

        x(0) = f(N(W_f * u))
        G(t) = sigmoid(N(V_f * u) + N(V_r * x(t-1)))           V: kernels of 1 x 1
        x(t) = f(N(W_f * u) + N(N(W_r * x(t-1)) G(t)))

    Each N is a norm of its own, five in each iteration. W_r and V_r are shared by all iterations or, as in the authors'
    program, not.
    """

    def __init__(self, maps: letters.Maps, layer: letters.GatedRecurrentConvolution) -> None:
        super().__init__()
        self.layer = layer
        channels, copies = layer.channels, layer.iterations if layer.own else 1
        bias = make_norm(layer.norm, channels) is None
        self.input = _kernel(maps.channels, channels, layer.kernel, bias)
        self.gate_input = _kernel(maps.channels, channels, (1, 1), bias)
        self.recurrent = nn.ModuleList(_kernel(channels, channels, layer.kernel) for _ in range(copies))
        self.gate_recurrent = nn.ModuleList(_kernel(channels, channels, (1, 1)) for _ in range(copies))
        self.first = make_norm(layer.norm, channels)
        self.iterations = nn.ModuleList(_IterationNorms(layer.norm, channels) for _ in range(layer.iterations))

    def forward(self, u: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        constant, gate_constant = self.input(u), self.gate_input(u)
        x = masked(self._activate(_normed(self.first, constant, frame)), frame)
        for t, norms in enumerate(self.iterations):
            assert isinstance(norms, _IterationNorms)
            copy = t if self.layer.own else 0
            gate_term = _normed(norms.gate_recurrent, self.gate_recurrent[copy](x), frame)
            gate = torch.sigmoid(_normed(norms.gate_input, gate_constant, frame) + gate_term)
            term = _normed(norms.gated, _normed(norms.recurrent, self.recurrent[copy](x), frame) * gate, frame)
            x = masked(self._activate(_normed(norms.input, constant, frame) + term), frame)
        return x, frame

    def _activate(self, z: Tensor) -> Tensor:
        return activate(z.clone() if self.first is None else z, self.layer.activation)


class _IterationNorms(nn.Module):
    """The five norms of an iteration."""

    def __init__(self, norm: letters.Norm, channels: int) -> None:
        super().__init__()
        self.input = make_norm(norm, channels)
        self.gate_input = make_norm(norm, channels)
        self.recurrent = make_norm(norm, channels)
        self.gate_recurrent = make_norm(norm, channels)
        self.gated = make_norm(norm, channels)


def _normed(norm: nn.Module | None, x: Tensor, frame: Frame) -> Tensor:
    if norm is None:
        return x
    y: Tensor = norm(x, frame)
    return y


def _kernel(channels_in: int, channels: int, size: tuple[int, int], bias: bool = False) -> nn.Conv2d:
    convolution = nn.Conv2d(channels_in, channels, size, padding=(size[0] // 2, size[1] // 2), bias=bias)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
