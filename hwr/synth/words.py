"""Lines composed of word images of one hand, with one baseline, one letter size and natural spaces."""

import logging
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator

from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
from hwr.store.lines import LineStore, StoredLine
from hwr.synth.crops import LETTER_HEIGHT, ScaledWord, extract_ink, measure_word, scale_words, writes_capitals
from hwr.synth.ink import Ink, InkLine, cut_to_ink
from hwr.text import normalise_text

UNUSABLE = frozenset("#* \"'()-")
"""Marks of crossed-out and unreadable writing in IAM, and characters that are images of their own."""

STORED_HEIGHT = 72
"""Rows of the tallest images of the set: an image of this height was reduced, so its scale is unknown."""

MIN_WORDS = 5
"""Minimum number of different words of a hand; with fewer, all its lines would be similar."""

TRIES = 100
"""Maximum number of hands to try for one line."""

MAX_CHARACTERS = 60
"""Characters after which no words are added."""

MARGIN = 4

log = logging.getLogger(__name__)


class WordComposer:
    """Composes lines from a Parquet file in the line layout whose rows are single words with their writer.

    Raises:
        DataError: the file is missing, broken or lacks columns, or no hand has enough words.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        rows: dict[str, list[StoredLine]] = {}
        for row in LineStore(path):
            if row.writer is not None and _is_usable(normalise_text(row.text)):
                rows.setdefault(row.writer, []).append(row)
        self._rows = {writer: found for writer, found in rows.items() if len({row.text for row in found}) >= MIN_WORDS}
        if not self._rows:
            raise DataError(f"{path}: no writer with at least {MIN_WORDS} different words")
        self._writers = sorted(self._rows)
        shares = np.sqrt([len(self._rows[writer]) for writer in self._writers])
        self._shares = np.cumsum(shares / shares.sum())
        self._hands: dict[str, list[ScaledWord]] = {}

    def line(self, generator: Generator) -> InkLine:
        """Return a line in the hand of a random writer. The same generator state gives the same bytes.

        Raises:
            DataError: hardly any hand has a word image that can be used.
        """
        for _ in range(TRIES):
            place = int(np.searchsorted(self._shares, generator.random(), side="right"))
            writer = self._writers[min(place, len(self._writers) - 1)]
            hand = self._hand(writer)
            if hand:
                words = _choose(hand, generator)
                text = normalise_text(" ".join(word.text for word in words))
                return InkLine(_vary(_paste(words, generator), generator), text, f"words:{writer}")
        raise DataError(f"{self._path}: no usable word image found; are they grey images of single words?")

    def _hand(self, writer: str) -> list[ScaledWord]:
        """Return the words of a writer, which are separated from their paper on first request."""
        if writer not in self._hands:
            self._hands[writer] = _prepare(self._rows[writer])
        return self._hands[writer]


def _prepare(rows: list[StoredLine]) -> list[ScaledWord]:
    """Separate the words of a writer from their paper and scale them to one size; drop hands in capitals."""
    words = [
        measure_word(normalise_text(row.text), ink, row.height < STORED_HEIGHT)
        for row in rows
        if (ink := _ink(row)) is not None
    ]
    return [] if writes_capitals(words) else scale_words(words)


def _is_usable(text: str) -> bool:
    """Return whether a word can be part of a line: letters or digits without marks of damage."""
    return not UNUSABLE & set(text) and any(character.isalnum() for character in text)


def _ink(row: StoredLine) -> Ink | None:
    try:
        return extract_ink(decode_image(row.image, row.id))
    except InputError as error:
        log.warning("%s", error)
        return None


def _choose(hand: list[ScaledWord], generator: Generator) -> list[ScaledWord]:
    """Return two to ten words."""
    words: list[ScaledWord] = []
    for _ in range(int(generator.integers(2, 11))):
        words.append(hand[int(generator.integers(len(hand)))])
        if sum(len(word.text) + 1 for word in words) > MAX_CHARACTERS:
            break
    return words


def _paste(words: list[ScaledWord], generator: Generator) -> Ink:
    """Set words on one baseline that sways a little; the darker ink wins where they overlap."""
    space = LETTER_HEIGHT * float(np.clip(generator.lognormal(np.log(1.35), 0.2), 0.9, 2.4))
    places = [0]
    for before, word in pairwise(words):
        core, end = places[-1] + before.right, places[-1] + before.ink.shape[1]
        places.append(round(max(core + space * float(generator.lognormal(0, 0.15)) - word.left, end + 0.45 * space)))
    phase = np.array(places) / generator.uniform(300, 900) + generator.random()
    sway = generator.normal(0, 0.006) * np.array(places) + generator.normal(0, 1.2) * np.sin(2 * np.pi * phase)
    tops = np.rint(sway + generator.normal(0, 0.7, len(words))).astype(int) - [word.baseline for word in words]
    tops -= tops.min()
    rows = max(top + word.ink.shape[0] for top, word in zip(tops, words, strict=True))
    columns = max(x + word.ink.shape[1] for x, word in zip(places, words, strict=True))
    canvas = np.zeros((rows, columns), np.uint8)
    for word, x, top in zip(words, places, tops.tolist(), strict=True):
        target = canvas[top : top + word.ink.shape[0], x : x + word.ink.shape[1]]
        np.maximum(target, word.ink, out=target)
    return canvas


def _vary(ink: Ink, generator: Generator) -> Ink:
    """Return the line with another slant, aspect and size, of about 64 rows."""
    import cv2

    scale = min(float(np.clip(generator.lognormal(np.log(0.8), 0.08), 0.6, 1.0)), 80 / len(ink))
    across = scale * float(generator.lognormal(0, 0.06))
    lean = float(np.clip(generator.normal(0, 0.08), -0.2, 0.2)) * scale
    rows, columns = ink.shape
    matrix = np.array([[across, lean, MARGIN + max(0.0, -lean * rows)], [0, scale, MARGIN]])
    size = (int(across * columns + abs(lean) * rows) + 2 * MARGIN, int(scale * rows) + 2 * MARGIN)
    return cut_to_ink(np.asarray(cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR), np.uint8), MARGIN)
