"""Validation: the CER of a network on sources, read greedily; and the decoder of a model trained from another one.

That decoder inherits the other model's settings, and is tuned on validation lines. A model whose file has settings of
the beam search is read with language models by default. Without settings of its own, a fine-tuned model would be read
greedily, and lose more than it has gained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwr.decode.beam import BONUSES, WEIGHTS
from hwr.decode.lattice import greedy_text
from hwr.errors import HwrError
from hwr.line import time_steps
from hwr.metrics import ErrorCounts, character_errors, word_errors
from hwr.model.info import ModelInfo
from hwr.model.network import Network
from hwr.recognize.decoder import BEAM, GREEDY, DecoderOptions, find_beam_settings, make_decoder
from hwr.recognize.runtime import plan_batches
from hwr.settings import to_dict
from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet, normalise_text
from hwr.train.datasets import LineSource

COLUMNS_PER_BATCH = 24_000
SAMPLES = 2
"""Number of lines of each set to look at."""

MIN_TUNING_LINES, MAX_TUNING_LINES = 30, 200
"""Number of validation lines to tune settings on: fewer decide nothing, more take minutes."""

MIN_GAIN = 0.005
"""The inherited settings stay unless others lower the CER by more than this share of it."""

DOCUMENT_LINES = 64
"""Lines whose language is detected together."""

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


# --- the decoder -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of lines as a model reads them by default."""

    decoder: str
    cer: float
    wer: float
    lines: int

    def __str__(self) -> str:
        how = "with language models" if self.decoder == BEAM else "greedily"
        return f"CER {self.cer:.4f}, WER {self.wer:.4f} ({how})"


def inherited_decoder(base: ModelInfo | None, alphabet: Alphabet) -> tuple[dict[str, Any], str]:
    """Return the decoder settings of the model `base` for its successor, and a message if they do not fit.

    They fit if their language models know the letters of `alphabet`.
    """
    if base is None or not base.decoder:
        return {}, ""
    try:
        make_decoder(DecoderOptions(), base.decoder, alphabet, "the new model")
    except HwrError as error:
        return {}, f"the decoder settings of {base.name} cannot be kept, so the new model is read greedily: {error}"
    return dict(base.decoder), ""


def measure(lines: Sequence[ReadLine], settings: dict[str, Any], alphabet: Alphabet) -> ErrorRates:
    """Decode lines as a model with these decoder settings is read by default."""
    decoder = make_decoder(DecoderOptions(), settings, alphabet, "the model")
    characters = words = ErrorCounts(0, 0)
    for start in range(0, len(lines), DOCUMENT_LINES):
        document = lines[start : start + DOCUMENT_LINES]
        decoded = decoder.decode([log_probs for _, log_probs in document])
        for (truth, _), line in zip(document, decoded, strict=True):
            text = normalise_text(alphabet.decode([span.label for span in line.spans]))
            characters, words = characters + character_errors(truth, text), words + word_errors(truth, text)
    return ErrorRates(decoder.name, characters.rate, words.rate, len(lines))


def tune_decoder(lines: Sequence[ReadLine], settings: dict[str, Any], alphabet: Alphabet) -> dict[str, Any]:
    """Return decoder settings with the best language-model weight and insertion bonus for the lines.

    Fewer than `MIN_TUNING_LINES` lines change nothing. If the best path has the lowest CER, there is no beam search.
    """
    own = find_beam_settings(settings, "the model")
    if own is None or len(lines) < MIN_TUNING_LINES:
        return settings
    beams = [replace(own, weight=weight, insertion_bonus=bonus) for weight, bonus in product(WEIGHTS, BONUSES)]
    tried = [settings | {BEAM: to_dict(beam)} for beam in beams]
    tried.append({name: value for name, value in settings.items() if name != BEAM})
    rates = [measure(lines, candidate, alphabet).cer for candidate in tried]
    best = int(np.argmin(rates))
    return tried[best] if rates[best] < measure(lines, settings, alphabet).cer * (1 - MIN_GAIN) else settings


def describe_decoder(settings: dict[str, Any]) -> str:
    """Return how a model with these settings is read by default."""
    beam = find_beam_settings(settings, "the model")
    if beam is None:
        return GREEDY
    return f"language models, weight {beam.weight:g}, insertion bonus {beam.insertion_bonus:g}"
