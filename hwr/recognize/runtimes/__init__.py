"""Runtimes of the network: ONNX Runtime and torch, behind one protocol."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.model.info import ModelInfo


class Runtime(Protocol):
    """A loaded network."""

    @property
    def info(self) -> ModelInfo:
        """Facts of the model file."""
        ...

    def log_probs(self, lines: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Run the network on normalised lines.

        Args:
            lines: ink, 0 paper to 255, each of shape (info.height, W_i) with W_i >= 1.

        Returns:
            Natural logarithms of probabilities in the order of the lines, each of shape
            (ceil(W_i / info.stride), info.classes). Lines that are read together never affect each other's result.
        """
        ...
