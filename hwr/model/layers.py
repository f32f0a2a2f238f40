"""Layers over the plane: convolution, norm, pooling.

Each layer takes and returns maps of shape (B, C, H, W) with a `Frame` that holds the true width of each line. The
contract of true lengths: the input of a layer that looks sideways is zero to the right of the line's true width. So
each layer masks its output last, after norm and activation.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.model import letters


@dataclass(frozen=True)
class Frame:
    """True widths of the lines of a batch, in columns of the current maps.

    `widths` is int64 (B,), or None when every line fills the maps: then nothing needs a mask.
    """

    widths: Tensor | None

    def strided(self, stride: int) -> "Frame":
        """Return the frame after a layer with this stride along x: ceil(width / stride)."""
        if self.widths is None or stride == 1:
            return self
        return Frame((self.widths + stride - 1) // stride)

    def mask(self, x: Tensor) -> Tensor | None:
        """Return 1 on true columns and 0 to their right, shape (B, 1, 1, W); None when nothing needs a mask."""
        if self.widths is None:
            return None
        columns = torch.arange(x.shape[-1], device=x.device)
        return (columns < self.widths[:, None])[:, None, None, :].to(x.dtype)


def masked(x: Tensor, frame: Frame) -> Tensor:
    """Return `x` with zeros to the right of each line's true width."""
    mask = frame.mask(x)
    return x if mask is None else x * mask


@dataclass(frozen=True)
class Hidden:
    """A weight inside the network that acts as `blocks` stacked matrices."""

    weight: Tensor
    blocks: int

    def matrices(self, tensor: Tensor) -> Tensor:
        """Reshape a tensor of the weight's shape to (blocks, rows, columns); each kernel becomes one row."""
        return tensor.reshape(self.blocks, tensor.shape[0] // self.blocks, -1)


class Layer(nn.Module):
    """A layer of a network: (maps, frame) -> (maps, frame)."""

    def hidden_weights(self) -> list[Hidden]:
        """Return the weights that act as matrices: kernels, unless a layer knows better."""
        return [Hidden(module.weight, 1) for module in self.modules() if isinstance(module, nn.Conv2d)]


class MaskedBatchNorm(nn.BatchNorm2d):
    """Batch norm (Ioffe & Szegedy 2015) whose statistics see the true columns only."""

    def forward(self, x: Tensor, frame: Frame | None = None) -> Tensor:
        mask = frame.mask(x) if frame is not None and self.training else None
        if mask is None:
            return super().forward(x)
        # The running statistics must exist: this class is never built without them.
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        values, weight = x.float(), mask.float()
        count = weight.sum() * x.shape[2]
        mean = (values * weight).sum((0, 2, 3)) / count
        centred = (values - mean[:, None, None]) * weight
        variance = centred.square().sum((0, 2, 3)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class MaskedInstanceNorm(nn.Module):
    """Instance norm (Ulyanov et al. 2016): each map of each line by its own true columns."""

    EPSILON = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, frame: Frame) -> Tensor:
        values = x.float()
        mask = frame.mask(values)
        if mask is None:
            mean = values.mean((2, 3), keepdim=True)
            centred = values - mean
            variance = centred.square().mean((2, 3), keepdim=True)
        else:
            count = mask.sum(3, keepdim=True) * x.shape[2]
            mean = (values * mask).sum((2, 3), keepdim=True) / count
            centred = (values - mean) * mask
            variance = centred.square().sum((2, 3), keepdim=True) / count
        scaled = centred * torch.rsqrt(variance + self.EPSILON)
        return (scaled * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def activate(x: Tensor, activation: letters.Activation) -> Tensor:
    """Apply an activation by name."""
    match activation:
        case "relu":
            return functional.relu(x, inplace=True)
        case "tanh":
            return torch.tanh(x)
        case "sigmoid":
            return torch.sigmoid(x)
        case "linear":
            return x


def make_norm(norm: letters.Norm, channels: int) -> nn.Module | None:
    """Return the norm before an activation, if there is one; it takes maps and their frame."""
    match norm:
        case "batch":
            return MaskedBatchNorm(channels)
        case "instance":
            return MaskedInstanceNorm(channels)
        case _:
            return None


def response_norm(norm: letters.Norm, channels: int) -> nn.Module:
    """Return the norm after an activation: with the constants of Liang & Hu 2015, or the identity."""
    if norm != "response":
        return nn.Identity()
    return nn.LocalResponseNorm(channels // 8 + 1, alpha=1e-3, beta=0.75, k=1.0)


class NormedConvolution(nn.Module):
    """Convolution and norm, without activation and mask. Column c of the result is centred on column c * stride."""

    def __init__(
        self, channels_in: int, channels: int, kernel: tuple[int, int], stride: tuple[int, int], norm: letters.Norm
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.norm = make_norm(norm, channels)
        self.convolution = nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=self.norm is None)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor, frame: Frame) -> Tensor:
        """(B, C_in, H, W) -> (B, C, ceil(H / sy), ceil(W / sx)); `frame` belongs to the result."""
        x = self.convolution(x)
        return x if self.norm is None else self.norm(x, frame)


class Convolution(Layer):
    """Convolution, norm, activation."""

    def __init__(self, maps: letters.Maps, layer: letters.Convolution) -> None:
        super().__init__()
        self.layer = layer
        self.body = NormedConvolution(maps.channels, layer.channels, layer.kernel, layer.stride, layer.norm)
        self.response = response_norm(layer.norm, layer.channels)

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        frame = frame.strided(self.layer.stride[1])
        return masked(self.response(activate(self.body(x, frame), self.layer.activation)), frame), frame


class Residual(Layer):
    """Two convolutions whose result is added to the input (He et al. 2016, post-activation)."""

    def __init__(self, maps: letters.Maps, layer: letters.Residual) -> None:
        super().__init__()
        self.layer = layer
        self.first = NormedConvolution(maps.channels, layer.channels, layer.kernel, (1, 1), layer.norm)
        self.second = NormedConvolution(layer.channels, layer.channels, layer.kernel, (1, 1), layer.norm)
        self.projection: NormedConvolution | None = None
        if maps.channels != layer.channels:
            self.projection = NormedConvolution(maps.channels, layer.channels, (1, 1), (1, 1), layer.norm)

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        inner = masked(activate(self.first(x, frame), self.layer.activation), frame)
        projected = x if self.projection is None else self.projection(x, frame)
        return masked(activate(self.second(inner, frame) + projected, self.layer.activation), frame), frame


class MaxPool(Layer):
    """Max pooling; the width of a batch is a multiple of the total stride, so no column is left over."""

    def __init__(self, maps: letters.Maps, layer: letters.MaxPool) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        (rows, columns), stride = self.layer.window, self.layer.stride
        if rows == 0 and columns == stride[1] == 1:
            return x.amax(2, keepdim=True), frame
        rows = rows or x.shape[2]
        # A window wider than its stride extends to the right: beyond the true width it covers zeros, in any batch.
        x = functional.pad(x, (0, max(0, columns - stride[1])))
        x = functional.max_pool2d(x, (rows, columns), (stride[0] or rows, stride[1]))
        frame = frame.strided(stride[1])
        return masked(x, frame), frame


class Fold(Layer):
    """(B, C, H, W) -> (B, C * H, 1, W)."""

    def __init__(self, maps: letters.Maps, layer: letters.Fold) -> None:
        super().__init__()

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        return x.flatten(1, 2).unsqueeze(2), frame


class Dropout(Layer):
    """Dropout of single values (Srivastava et al. 2014), with the probability rounded to 1/256 on the CPU.

    On the CPU torch draws random numbers on one core; one byte of a number is enough for each value.
    """

    def __init__(self, maps: letters.Maps, layer: letters.Dropout) -> None:
        super().__init__()
        self.p = layer.p

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        dropped = round(self.p * 256)
        if not self.training or x.device.type != "cpu" or not 0 < dropped < 256:
            return functional.dropout(x, self.p, self.training), frame
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), 2**63 - 1)
        kept = (words.view(torch.uint8)[: x.numel()] >= dropped).view(x.shape)
        return x * (kept.to(x.dtype) * (256 / (256 - dropped))), frame
