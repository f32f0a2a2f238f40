"""The network in torch, on a CUDA GPU if there is one, for aligning whole data sets.

Only `hwr.recognize.alignment` imports this module, and only when it is requested.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchaudio.functional import forced_align

from hwr.decode.lattice import LabelSpan
from hwr.files.images import GreyImage
from hwr.line import time_steps
from hwr.model.checkpoint import load_model
from hwr.model.info import ModelInfo
from hwr.model.network import Network
from hwr.recognize.batches import plan_batches
from hwr.recognize.models import find_model
from hwr.recognize.runtimes.onnx import check_normalisation
from hwr.text import BLANK

MAX_LINES = 64
MAX_PIXELS = 4_000_000
"""Pixels in a batch, including padding: some gigabytes in the first layers."""


@dataclass(frozen=True)
class TorchRuntime:
    """A network loaded in torch; see `hwr.recognize.runtimes.Runtime`."""

    info: ModelInfo
    network: Network
    device: torch.device

    def log_probs(self, lines: Sequence[GreyImage]) -> list[NDArray[np.float32]]:
        """Run the network on normalised lines; see `hwr.recognize.runtimes.Runtime.log_probs`."""
        results: list[NDArray[np.float32]] = [np.empty((0, self.info.classes), np.float32)] * len(lines)
        for index, tensor in self._run_all(lines):
            results[index] = tensor.cpu().numpy()
        return results

    def align(
        self, lines: Sequence[GreyImage], labels: Sequence[Sequence[int]]
    ) -> tuple[list[NDArray[np.float32]], list[tuple[LabelSpan, ...]]]:
        """Return the log-probabilities of normalised lines, and the time steps of the labels of each.

        Args:
            lines: as in `log_probs`.
            labels: at least one for each line, and no more than its time steps can hold.
        """
        log_probs: list[NDArray[np.float32]] = [np.empty((0, self.info.classes), np.float32)] * len(lines)
        spans: list[tuple[LabelSpan, ...]] = [()] * len(lines)
        for index, tensor in self._run_all(lines):
            spans[index] = align_tensor(tensor, labels[index])
            log_probs[index] = tensor.cpu().numpy()
        return log_probs, spans

    def _run_all(self, lines: Sequence[GreyImage]) -> Iterator[tuple[int, Tensor]]:
        """Yield the number of each line with its log-probabilities (T, classes), float32, on the device."""
        widths = [line.shape[1] for line in lines]
        for batch in plan_batches(widths, self.info.height, max_lines=MAX_LINES, max_pixels=MAX_PIXELS):
            for index, result in zip(batch, self._run([lines[index] for index in batch]), strict=True):
                yield index, result[: time_steps(widths[index], self.info.stride)]

    @torch.inference_mode()
    def _run(self, lines: Sequence[GreyImage]) -> Tensor:
        """Run one batch, padded with paper to the widest line: (B, T, classes)."""
        widths = torch.tensor([line.shape[1] for line in lines], dtype=torch.int64)
        ink = torch.zeros((len(lines), 1, self.info.height, int(widths.max())), dtype=torch.uint8)
        for row, line in zip(ink, lines, strict=True):
            row[0, :, : line.shape[1]] = torch.from_numpy(line)
        result: Tensor = self.network(ink.to(self.device).float() / 255, widths.to(self.device))
        return result


def align_tensor(log_probs: Tensor, labels: Sequence[int]) -> tuple[LabelSpan, ...]:
    """Return the time steps of each label on the most probable path, as `hwr.decode.lattice.align` finds them.

    Args:
        log_probs: natural logarithms, shape (T, classes), float32, on any device.
        labels: at least one; not more than T time steps can hold.
    """
    targets = torch.tensor([labels], dtype=torch.int32, device=log_probs.device)
    # torchaudio aligns one line per call
    paths, _ = forced_align(log_probs[None].contiguous(), targets, blank=BLANK)
    spans: list[LabelSpan] = []
    step = 0
    for label, run in groupby(paths[0].tolist()):
        stop = step + sum(1 for _ in run)
        if label != BLANK:
            spans.append(LabelSpan(label, step, stop))
        step = stop
    return tuple(spans)


def has_gpu() -> bool:
    """Return whether torch finds a CUDA GPU."""
    return torch.cuda.is_available()


def load_torch(name_or_path: str | Path) -> TorchRuntime:
    """Load a model in torch, on the first CUDA GPU or else on the CPU.

    Args:
        name_or_path: as in `hwr.recognize.models.find_model`.

    Raises:
        InputError, ModelError, UsageError: see `find_model` and `hwr.model.checkpoint.load_model`; the model was made
            for another line normalisation.
    """
    path = find_model(name_or_path).safetensors
    network, info = load_model(path)
    check_normalisation(info, path)
    device = torch.device("cuda" if has_gpu() else "cpu")
    return TorchRuntime(info, network.to(device), device)
