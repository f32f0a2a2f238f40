"""The network that marks the lines of a page, in ONNX Runtime. It is trained by `hwr.train.layout`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage

Map = NDArray[np.float32]

NETWORK = Path(__file__).with_name("lines.onnx")
STRIDE = 2
"""Pixels of the page per pixel of a map, in each direction."""
MULTIPLE = 32
"""Height and width of the network's input are multiples of this."""
HEIGHT_UNIT = 40.0
"""Unit of line height in pixels: the network predicts the logarithm of the height divided by it."""


@dataclass(frozen=True)
class Maps:
    """The network's output for a page, at half its size, each of shape (H / 2, W / 2).

    Attributes:
        baseline: probability of a baseline.
        ends: probability of the end of a line.
        printed: probability that the writing here, if any, is printed.
        height: height of the line here, if any, in pixels of the page.
    """

    baseline: Map
    ends: Map
    printed: Map
    height: Map


@cache
def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def mark_lines(grey: GreyImage, threads: int, network: Path = NETWORK) -> Maps:
    """Run the network on a page of shape (H, W), 0 black to 255 white."""
    height, width = grey.shape
    rows, columns = (-(-side // MULTIPLE) * MULTIPLE for side in (height, width))
    ink = np.zeros((1, 1, rows, columns), np.float32)
    ink[0, 0, :height, :width] = 1 - grey.astype(np.float32) / 255
    (maps,) = _session(network, threads).run(["maps"], {"ink": ink})
    baseline, ends, printed, log_height = maps[0, :, : -(-height // STRIDE), : -(-width // STRIDE)]
    return Maps(_probability(baseline), _probability(ends), _probability(printed), HEIGHT_UNIT * np.exp(log_height))


def _probability(logits: Map) -> Map:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
