"""The best path through CTC's log-probabilities, with a confidence for each character and for the line.

The best path takes the likeliest class at each time step; runs of one class are one character, and the blank is
dropped (Graves et al. 2006, "best path decoding"). It is the fastest decoder and needs nothing but the network.

Confidences:
    character  the network's probability of that character at its clearest time step. CTC concentrates a character on
               one or two steps, so the clearest step says what the network saw; the others of the run are fringes.
    line       the geometric mean of the characters' confidences: it does not fall with the length of the line.
               A line without characters has the geometric mean of its blanks' probabilities, one without time steps 1.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.text import BLANK, Alphabet


@dataclass(frozen=True)
class CharacterSpan:
    """One character and the run of time steps that it owns, from `start` to before `stop`.

    `character` is one code point, or a letter with combining marks where Unicode has no single code point for it.
    """

    character: str
    confidence: float
    start: int
    stop: int


@dataclass(frozen=True)
class Reading:
    """What was read on one line. `text` is the joined `characters` and follows the text rules of `hwr.text`."""

    text: str
    confidence: float
    characters: tuple[CharacterSpan, ...]


def decode_greedy(log_probs: NDArray[np.float32], alphabet: Alphabet) -> Reading:
    """Read the best path.

    Args:
        log_probs: natural logarithms of probabilities, shape (T, classes), T >= 0; class 0 is the CTC blank.
        alphabet: characters of the classes 1, 2, ...

    Raises:
        ValueError: the shape does not belong to the alphabet.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != alphabet.classes:
        raise ValueError(f"log_probs of shape (T, {alphabet.classes}) expected, {log_probs.shape} found")
    if len(log_probs) == 0:
        return Reading("", 1.0, ())
    best = log_probs.argmax(axis=1)
    clearest = np.minimum(np.take_along_axis(log_probs, best[:, None], axis=1)[:, 0].astype(np.float64), 0.0)
    starts = np.concatenate(([0], np.flatnonzero(best[1:] != best[:-1]) + 1))
    stops = np.append(starts[1:], len(best))
    labels = best[starts]
    probabilities = np.exp(np.maximum.reduceat(clearest, starts))
    spans = [
        CharacterSpan(
            alphabet.characters[labels[run] - 1], float(probabilities[run]), int(starts[run]), int(stops[run])
        )
        for run in np.flatnonzero(labels != BLANK)
    ]
    spans = apply_text_rules(spans)
    if not spans:
        return Reading("", float(np.exp(clearest.mean())), ())
    return Reading("".join(span.character for span in spans), line_confidence(spans), tuple(spans))


def line_confidence(characters: Sequence[CharacterSpan]) -> float:
    """Geometric mean of the characters' confidences; 1 if there are none, 0 if one of them is 0."""
    values = np.array([span.confidence for span in characters], dtype=np.float64)
    if values.size == 0:
        return 1.0
    return float(np.exp(np.log(values).mean())) if values.min() > 0 else 0.0


def apply_text_rules(spans: Sequence[CharacterSpan]) -> list[CharacterSpan]:
    """The text rules of `hwr.text` on spans: NFC, runs of whitespace become one blank, none at the ends.

    A merged span reaches from the first to the last of its parts and keeps the lowest of their confidences; a run of
    blanks keeps the highest, because one blank is enough.
    """
    result: list[CharacterSpan] = []
    for span in spans:
        if span.character.isspace():
            span = CharacterSpan(" ", span.confidence, span.start, span.stop)
        previous = result[-1] if result else None
        if previous is not None and previous.character == span.character == " ":
            confidence = max(previous.confidence, span.confidence)
            result[-1] = CharacterSpan(" ", confidence, previous.start, span.stop)
        elif previous is not None and _composes(previous.character, span.character):
            composed = unicodedata.normalize("NFC", previous.character + span.character)
            confidence = min(previous.confidence, span.confidence)
            result[-1] = CharacterSpan(composed, confidence, previous.start, span.stop)
        else:
            result.append(span)
    while result and result[-1].character == " ":
        result.pop()
    return result[1:] if result and result[0].character == " " else result


def _composes(before: str, character: str) -> bool:
    """Whether `character` is a mark on `before`, or melts with it in NFC (as the parts of Korean syllables do)."""
    if before == " ":
        return False
    if unicodedata.combining(character[0]):
        return True
    if before.isascii() and character.isascii():
        return False
    return unicodedata.normalize("NFC", before + character) != before + character
