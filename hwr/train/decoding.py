"""The decoder of a model that was trained from another one: its settings are inherited, and tuned on held-out lines.

A model whose file has settings of the beam search is read with language models by default. Without settings of its own,
a fine-tuned model would be read greedily, and lose more than it has gained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from hwr.decode.beam import BONUSES, WEIGHTS
from hwr.errors import HwrError
from hwr.metrics import ErrorCounts, character_errors, word_errors
from hwr.model.info import ModelInfo
from hwr.recognize.decoder import BEAM, GREEDY, DecoderOptions, find_beam_settings, make_decoder
from hwr.settings import to_dict
from hwr.text import Alphabet, normalise_text
from hwr.train.validate import ReadLine

MIN_TUNING_LINES, MAX_TUNING_LINES = 30, 200
"""Number of validation lines to tune settings on: fewer decide nothing, more take minutes."""

MIN_GAIN = 0.005
"""The inherited settings stay unless others lower the CER by more than this share of it."""

DOCUMENT_LINES = 64
"""Lines whose language is detected together."""


@dataclass(frozen=True)
class Reading:
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
        make_decoder(DecoderOptions(), base.decoder, alphabet, base.name)
    except HwrError as error:
        return {}, f"the decoder settings of {base.name} cannot be kept, the new model is read greedily: {error}"
    return dict(base.decoder), ""


def measure(lines: Sequence[ReadLine], settings: dict[str, Any], alphabet: Alphabet) -> Reading:
    """Decode lines as a model with these decoder settings is read by default."""
    decoder = make_decoder(DecoderOptions(), settings, alphabet, "the model")
    characters = words = ErrorCounts(0, 0)
    for start in range(0, len(lines), DOCUMENT_LINES):
        document = lines[start : start + DOCUMENT_LINES]
        decoded = decoder.decode([log_probs for _, log_probs in document])
        for (truth, _), line in zip(document, decoded, strict=True):
            text = normalise_text(alphabet.decode([span.label for span in line.spans]))
            characters, words = characters + character_errors(truth, text), words + word_errors(truth, text)
    return Reading(decoder.name, characters.rate, words.rate, len(lines))


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
