"""The network that marks the lines of a page: a small U-Net (Ronneberger et al. 2015) over the grey page.

It works at half the page's resolution. As in ARU-Net (Grüning et al. 2019) lines are found by their baselines and
separated by marks at their two ends.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.segment.maps import MULTIPLE

CHANNELS = (16, 24, 48, 64, 96)
"""Channels at a half, a quarter, an eighth, a sixteenth and a thirty-second of the page's size."""
MAPS = 4
"""Outputs at each pixel: logits of a baseline, of a line's end and of printed writing; and the natural logarithm of the
line's height, in units of `HEIGHT_UNIT` pixels (`hwr.segment.maps`)."""


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution with batch norm and ReLU."""
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions added to their input (He et al. 2016)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = convolution(channels, channels, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.relu(inputs + self.second(self.first(inputs)))


class LineFinder(nn.Module):
    """Ink (N, 1, H, W), sides multiples of `MULTIPLE` -> maps (N, MAPS, H / 2, W / 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(1, CHANNELS[0], size=5, stride=2)
        levels = [
            nn.Sequential(convolution(above, below, stride=2), Residual(below)) for above, below in pairwise(CHANNELS)
        ]
        levels[-1].append(Residual(CHANNELS[-1], dilation=2))
        levels[-1].append(Residual(CHANNELS[-1], dilation=4))
        self.down = nn.ModuleList(levels)
        steps = list(pairwise(reversed(CHANNELS)))
        self.narrow = nn.ModuleList([nn.Conv2d(below, above, 1) for below, above in steps])
        self.up = nn.ModuleList([convolution(above, above) for _, above in steps])
        self.output = nn.Conv2d(CHANNELS[0], MAPS, 1)

    def forward(self, ink: Tensor) -> Tensor:
        levels = [self.stem(ink)]
        for level in self.down:
            levels.append(level(levels[-1]))
        deep = levels.pop()
        for narrow, up in zip(self.narrow, self.up, strict=True):
            wide = functional.interpolate(narrow(deep), scale_factor=2.0, mode="nearest")
            deep = up(wide + levels.pop())
        maps: Tensor = self.output(deep)
        return maps


def export(network: LineFinder, path: str) -> None:
    """Write the network for ONNX Runtime: input `ink`, output `maps`, any size."""
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, 2 * MULTIPLE, 3 * MULTIPLE),),
        path,
        input_names=["ink"],
        output_names=["maps"],
        dynamic_axes={"ink": {2: "height", 3: "width"}, "maps": {2: "rows", 3: "columns"}},
        opset_version=17,
        dynamo=False,
    )
