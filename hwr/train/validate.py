"""Validation during training: CER of a network on sources, read greedily."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwr.decode.lattice import greedy_text
from hwr.line import time_steps
from hwr.metrics import ErrorCounts, character_errors
from hwr.model.network import Network
from hwr.recognize.runtime import plan_batches
from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet
from hwr.train.datasets import LineSource

COLUMNS_PER_BATCH = 24_000
SAMPLES = 2
"""Number of lines of each set to look at."""

ReadLine = tuple[str, NDArray[np.float32]]
"""The true text of a line, and the log-probabilities, (T, classes), that the network reads there."""


@dataclass(frozen=True)
class SetResult:
    """CER of one set.

    Attributes:
        samples: truths and readings of the first `SAMPLES` lines.
        first: the first `keep` lines.
    """

    name: str
    errors: ErrorCounts
    lines: int
    empty_readings: int
    samples: tuple[tuple[str, str], ...]
    first: tuple[ReadLine, ...] = ()


def validate(
    network: Network,
    source: LineSource,
    alphabet: Alphabet,
    limit: int,
    autocast: torch.autocast,
    keep: int = 0,
) -> SetResult:
    """Read the first `limit` lines of a source (0: all) and count the errors, in bounded memory.

    The result has the log-probabilities of the first `keep` lines.
    """
    errors, lines, empty = ErrorCounts(0, 0), 0, 0
    shown: list[tuple[str, str]] = []
    first: list[ReadLine] = []
    for group in range(len(source.chains)):
        wanted = source.read(group)
        if limit:
            wanted = wanted[: limit - lines]
        for line, log_probs in zip(wanted, line_log_probs(network, wanted, autocast), strict=True):
            reading = greedy_text(log_probs, alphabet)
            errors = errors + character_errors(line.text, reading)
            empty += not reading
            if len(shown) < SAMPLES:
                shown.append((line.text, reading))
            if len(first) < keep:
                first.append((line.text, log_probs))
        lines += len(wanted)
        if limit and lines >= limit:
            break
    return SetResult(source.name, errors, lines, empty, tuple(shown), tuple(first))


def line_log_probs(
    network: Network, lines: Sequence[LabelledLine], autocast: torch.autocast
) -> list[NDArray[np.float32]]:
    """Return log-probabilities (T, classes) of lines in order; lines of similar width are computed together."""
    network.eval()
    found: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(lines)
    widths = [line.ink.shape[1] for line in lines]
    for batch in plan_batches(widths, 1, max_lines=len(lines), max_pixels=COLUMNS_PER_BATCH):
        log_probs = _log_probs(network, [lines[index] for index in batch], autocast)
        for row, index in enumerate(batch):
            found[index] = log_probs[row, : time_steps(widths[index], network.stride)].numpy()
    return found


@torch.no_grad()
def _log_probs(network: Network, lines: Sequence[LabelledLine], autocast: torch.autocast) -> Tensor:
    """Return log-probabilities (B, T, classes) on the CPU, padded on the right."""
    device = next(network.parameters()).device
    widths = torch.tensor([line.ink.shape[1] for line in lines])
    ink = np.zeros((len(lines), 1, network.height, int(widths.max())), np.uint8)
    for row, line in zip(ink, lines, strict=True):
        row[0, :, : line.ink.shape[1]] = line.ink
    with autocast:
        log_probs: Tensor = network(torch.from_numpy(ink).to(device).float().div_(255), widths.to(device))
    return log_probs.cpu()
