"""Build a network from its specification."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.errors import UsageError
from hwr.model import letters, vgsl
from hwr.model.layers import Convolution, Dropout, Fold, Frame, Hidden, Layer, MaxPool, Residual, masked
from hwr.model.recurrent import Recurrent
from hwr.model.recurrent_convolution import GatedRecurrentConvolution, RecurrentConvolution

MODULES: dict[type[letters.Layer], Callable[[letters.Maps, Any], Layer]] = {
    letters.Convolution: Convolution,
    letters.Residual: Residual,
    letters.RecurrentConvolution: RecurrentConvolution,
    letters.GatedRecurrentConvolution: GatedRecurrentConvolution,
    letters.MaxPool: MaxPool,
    letters.Fold: Fold,
    letters.Recurrent: Recurrent,
    letters.Dropout: Dropout,
}
"""The module of each layer; it is called with the maps before the layer and the layer itself."""

PRESETS = {
    # For old computers and many pages: a third of the multiplications of `small`, 1.0 M parameters with 134 classes.
    "tiny": (
        "[1,40,0,1 C5,5,24,2,2 R3,3,24 Mp2,2 R3,3,48 R3,3,48 Mp2,1 R3,3,96 R3,3,96 Mp0,1"
        " Do0.1 Lbx128 Do0.1 Lbx128 Do0.1 O1c{classes}]"
    ),
    # For CPUs: dense convolutions with few channels, 2.4 M parameters with 134 classes.
    "small": (
        "[1,48,0,1 C5,5,32,2,2 R3,3,32 Mp2,2 R3,3,64 R3,3,64 Mp2,1 R3,3,128 R3,3,128 R3,3,128 Mp0,1"
        " Do0.2 Lbx192 Do0.2 Lbx192 Do0.2 O1c{classes}]"
    ),
    # For GPUs: wider, a taller line and a third recurrent layer, 7.0 M parameters with 134 classes.
    "base": (
        "[1,64,0,1 C5,5,48,2,2 R3,3,48 Mp2,2 R3,3,96 R3,3,96 Mp2,1 R3,3,192 R3,3,192 R3,3,192 Mp2,1 R3,3,192 Mp0,1"
        " Do0.25 Lbx256 Do0.25 Lbx256 Do0.25 Lbx256 Do0.25 O1c{classes}]"
    ),
}
"""Specifications that have names."""


class Network(nn.Module):
    """Ink -> log-probabilities of the classes at each time step.

    `first_reading` is the number of the first layer that reads along the line: a recurrent one along x, on one row.

    With `auxiliary`, a second, tiny head (one 1 x 3 convolution) reads the columns just before the first recurrent
    layer along x. It helps the convolutions to learn and is dropped after training (Retsinas et al. 2022, "Best
    practices for a handwritten text recognition system").
    """

    def __init__(self, specification: vgsl.Specification, auxiliary: bool = False) -> None:
        super().__init__()
        self.specification = specification
        self.stride = specification.stride
        self.height = specification.height
        self.classes = specification.classes
        *before, last = specification.maps()
        layers = list(zip(specification.layers, before, strict=True))
        self.layers = nn.ModuleList(MODULES[type(layer)](maps, layer) for layer, maps in layers)
        self.output = nn.Linear(last.channels, self.classes)
        self.first_reading = next((i for i, layer in enumerate(layers) if _reads_line(*layer)), len(layers))
        self.auxiliary: nn.Conv1d | None = None
        if auxiliary and self.first_reading < len(layers):
            self.auxiliary = nn.Conv1d(before[self.first_reading].channels, self.classes, 3, padding=1)

    def forward(self, ink: Tensor, widths: Tensor | None = None) -> Tensor:
        """Return log-probabilities (B, T, classes) in float32; T = ceil(W / stride).

        Args:
            ink: (B, 1, H, W), 0 paper to 1 ink, zero to the right of each line's true width.
            widths: true widths (B,), int64; None when every line is W columns wide.
        """
        return self.forward_with_auxiliary(ink, widths)[0]

    def forward_with_auxiliary(
        self, ink: Tensor, widths: Tensor | None = None, time_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Run `forward`, and also return the log-probabilities of the auxiliary head, (B, T, classes).

        They are None without the head, and outside training.

        Args:
            time_mask: (B, T), 0 on time steps whose columns are hidden from the recurrent layers.
        """
        x, frame, auxiliary = self._columns(ink, widths, time_mask)
        for module in self.layers[self.first_reading :]:
            x, frame = module(x, frame)
        scores = self.output(x.squeeze(2).transpose(1, 2))
        return functional.log_softmax(scores.float(), dim=2), auxiliary

    def hidden_weights(self) -> list[Hidden]:
        """Return kernels and recurrent matrices, without the heads."""
        return [hidden for layer in self.layers if isinstance(layer, Layer) for hidden in layer.hidden_weights()]

    def _columns(
        self, ink: Tensor, widths: Tensor | None, time_mask: Tensor | None
    ) -> tuple[Tensor, Frame, Tensor | None]:
        """Return what the first recurrent layer reads, and the auxiliary head's view of it."""
        x = functional.pad(ink, (0, -ink.shape[3] % self.stride))
        if widths is None and x.shape[3] != ink.shape[3]:
            widths = torch.full((ink.shape[0],), ink.shape[3], dtype=torch.int64, device=ink.device)
        if x.device.type == "cpu" or self.training:
            x = x.contiguous(memory_format=torch.channels_last)
        frame = Frame(widths)
        x = masked(x, frame)
        for module in self.layers[: self.first_reading]:
            x, frame = module(x, frame)
        auxiliary = None
        if self.auxiliary is not None and self.training:
            auxiliary = functional.log_softmax(self.auxiliary(x.squeeze(2)).transpose(1, 2).float(), dim=2)
        if time_mask is not None:
            x = x * time_mask[:, None, None, :].to(x.dtype)
        return x, frame, auxiliary


def _reads_line(layer: letters.Layer, maps: letters.Maps) -> bool:
    """Return whether a layer is recurrent along x on maps of one row."""
    return isinstance(layer, letters.Recurrent) and layer.axis == "x" and maps.height == 1


def build(spec: str, auxiliary: bool = False) -> Network:
    """Parse a VGSL specification and build its network with fresh weights.

    Raises:
        ModelError: the specification cannot be built.
    """
    return Network(vgsl.parse(spec), auxiliary)


def preset_spec(name: str, classes: int) -> str:
    """Return the VGSL specification of a preset with an output for `classes` classes, the blank included.

    Raises:
        UsageError: the preset is unknown.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name].format(classes=classes)


def count_parameters(network: nn.Module) -> int:
    """Return the number of learned weights."""
    return sum(parameter.numel() for parameter in network.parameters())
