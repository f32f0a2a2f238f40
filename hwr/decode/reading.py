"""The result of a decoder for one line: its text, the position of each character, and its confidences.

Labels that a decoder chose become characters here, normalised by the rules of `hwr.text`.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.decode.lattice import LabelSpan
from hwr.page.page import Alternative
from hwr.text import Alphabet, Direction, logical_order


@dataclass(frozen=True)
class CharacterSpan:
    """One character and its run of time steps, from `start` to before `stop`.

    `character` is one code point, or a letter with combining marks if Unicode has no single code point for it.
    `confidence` is the network's probability of the character at its clearest time step, uncalibrated: CTC concentrates
    a character on one or two steps, and the other steps of the run are its fringes.
    """

    character: str
    confidence: float
    start: int
    stop: int


@dataclass(frozen=True)
class Reading:
    """The reading of one line; see `hwr.decode.confidence` for the meaning of the confidences.

    Attributes:
        text: the `characters` in logical order, normalised.
        confidence: probability that the whole text is right.
        characters: in the order of the image, with their time steps.
        words: for each word of `text.split()`, the probability that it is right.
        raw_words: the same before calibration.
        language: code of the language in which the line was read; empty if none was found.
        alternatives: other readings of the line, the most probable first, if requested.
        word_alternatives: the same for each word.
    """

    text: str
    confidence: float
    characters: tuple[CharacterSpan, ...]
    words: tuple[float, ...] = ()
    raw_words: tuple[float, ...] = ()
    language: str = ""
    alternatives: tuple[Alternative, ...] = ()
    word_alternatives: tuple[tuple[Alternative, ...], ...] = ()

    def __repr__(self) -> str:
        return f"<Reading {self.text!r}, confidence {self.confidence:.2f}>"


def find_characters(
    log_probs: NDArray[np.floating], spans: Sequence[LabelSpan], alphabet: Alphabet
) -> list[CharacterSpan]:
    """Return the characters of labels, normalised by the rules of `hwr.text`.

    Args:
        log_probs: natural logarithms, shape (T, classes).
        spans: the labels with the time steps of each, at least one.
    """
    if not spans:
        return []
    labels, starts, stops = np.array([(span.label, span.start, span.stop) for span in spans]).T
    owner = np.repeat(np.arange(len(spans)), stops - starts)
    firsts = np.cumsum(stops - starts) - (stops - starts)
    steps = np.arange(len(owner)) - (firsts - starts)[owner]
    clearest = np.maximum.reduceat(log_probs[steps, labels[owner]].astype(np.float64), firsts)
    probabilities = np.exp(np.minimum(clearest, 0.0)).tolist()
    characters = [
        CharacterSpan(alphabet.characters[span.label - 1], probability, span.start, span.stop)
        for span, probability in zip(spans, probabilities, strict=True)
    ]
    return apply_text_rules(characters)


def logical_words(shown: str, direction: Direction) -> tuple[str, list[int]]:
    """Return the text of characters that are in the order of the image, `shown`.

    Returns:
        The text in logical order; and for each of its words, the index of the word on the image, from left to right,
        to which its first character belongs.
    """
    ordered = logical_order(shown, direction)
    text = "".join(character for _, character in ordered)
    starts = [
        index for index, character in enumerate(text) if character != " " and (index == 0 or text[index - 1] == " ")
    ]
    return text, [shown.count(" ", 0, ordered[start][0]) for start in starts]


def apply_text_rules(spans: Sequence[CharacterSpan]) -> list[CharacterSpan]:
    """Apply the rules of `hwr.text` to spans: NFC, one space for each run of whitespace, none at the ends.

    A merged span extends from the first to the last of its parts and keeps the lowest of their confidences; a run of
    spaces keeps the highest, because one space is enough.
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
    """Return whether `character` is a mark on `before`, or NFC combines them, such as parts of Korean syllables."""
    if before == " ":
        return False
    if unicodedata.combining(character[0]):
        return True
    if before.isascii() and character.isascii():
        return False
    return unicodedata.normalize("NFC", before + character) != before + character
