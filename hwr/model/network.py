"""A network from its specification."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.model import vgsl
from hwr.model.layers import Convolution, Dropout, Fold, Frame, MaxPool, Residual, masked
from hwr.model.recurrent import Recurrent


class Network(nn.Module):
    """Ink -> log-probabilities of the classes at each time step.

    With `shortcut`, a second, tiny head (one 1 x 3 convolution) reads the columns just before the first recurrent
    layer along x. It helps the convolutions to learn and is thrown away after training (Retsinas et al. 2022, "Best
    practices for a handwritten text recognition system").
    """

    def __init__(self, specification: vgsl.Specification, shortcut: bool = False) -> None:
        super().__init__()
        self.specification = specification
        self.stride = specification.stride
        self.height = specification.input.height
        self.classes = specification.output.classes
        layers: list[nn.Module] = []
        channels, height = specification.input.channels, specification.input.height
        self.shortcut_at: int | None = None
        shortcut_channels = 0
        for index, layer in enumerate(specification.layers):
            if self.shortcut_at is None and isinstance(layer, vgsl.Recurrent) and layer.axis == "x":
                self.shortcut_at, shortcut_channels = index, channels
            module, channels, height = _build(layer, channels, height)
            layers.append(module)
        self.layers = nn.ModuleList(layers)
        self.output = nn.Linear(channels, self.classes)
        self.shortcut: nn.Conv1d | None = None
        if shortcut and self.shortcut_at is not None:
            self.shortcut = nn.Conv1d(shortcut_channels, self.classes, 3, padding=1)

    def forward(self, ink: Tensor, widths: Tensor | None = None) -> Tensor:
        """Log-probabilities (B, T, classes) in float32; T = ceil(W / stride).

        Args:
            ink: (B, 1, H, W), 0 paper to 1 ink, zero right of each line's true width.
            widths: true widths (B,), int64; None when every line is W columns wide.
        """
        return self.run(ink, widths)[0]

    def run(
        self, ink: Tensor, widths: Tensor | None = None, span_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """As `forward`, with the shortcut head's log-probabilities (B, T, classes) if there is one and in training.

        Args:
            span_mask: (B, T), 0 on time steps whose columns are hidden from the recurrent layers.
        """
        x, frame, shortcut = self._columns(ink, widths, span_mask)
        for module in self.layers[self.shortcut_at if self.shortcut_at is not None else len(self.layers) :]:
            x, frame = module(x, frame)
        scores = self.output(x.squeeze(2).transpose(1, 2))
        return functional.log_softmax(scores.float(), dim=2), shortcut

    def _columns(
        self, ink: Tensor, widths: Tensor | None, span_mask: Tensor | None
    ) -> tuple[Tensor, Frame, Tensor | None]:
        """What the first recurrent layer reads, and the shortcut head's view of it."""
        x = functional.pad(ink, (0, -ink.shape[3] % self.stride))
        if widths is None and x.shape[3] != ink.shape[3]:
            widths = torch.full((ink.shape[0],), ink.shape[3], dtype=torch.int64, device=ink.device)
        if x.device.type == "cpu" or self.training:
            x = x.contiguous(memory_format=torch.channels_last)
        frame = Frame(widths)
        x = masked(x, frame)
        for module in self.layers[: self.shortcut_at]:
            x, frame = module(x, frame)
        shortcut = None
        if self.shortcut is not None and self.training:
            shortcut = functional.log_softmax(self.shortcut(x.squeeze(2)).transpose(1, 2).float(), dim=2)
        if span_mask is not None:
            x = x * span_mask[:, None, None, :].to(x.dtype)
        return x, frame, shortcut


def _build(layer: vgsl.Layer, channels: int, height: int) -> tuple[nn.Module, int, int]:
    """The module of one layer, and the channels and rows it leaves."""
    match layer:
        case vgsl.Convolution(residual=True):
            return Residual(channels, layer), layer.channels, height
        case vgsl.Convolution():
            return Convolution(channels, layer), layer.channels, -(-height // layer.stride[0])
        case vgsl.MaxPool():
            window = layer.window[0] or height
            return MaxPool(layer), channels, (height - window) // (layer.stride[0] or height) + 1
        case vgsl.Fold():
            return Fold(), channels * height, 1
        case vgsl.Recurrent():
            module = Recurrent(channels, layer)
            return module, module.channels, 1 if layer.summarise else height
        case vgsl.Dropout():
            return Dropout(layer), channels, height


def build(spec: str, shortcut: bool = False) -> Network:
    """Parse a VGSL specification and build its network with fresh weights.

    Raises:
        ModelError: the specification cannot be read.
    """
    return Network(vgsl.parse(spec), shortcut)


def count_parameters(network: nn.Module) -> int:
    """Number of weights that are learned."""
    return sum(parameter.numel() for parameter in network.parameters())
