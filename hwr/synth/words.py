"""Lines put together from word images of one hand, with one baseline, one letter size and natural spaces."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
from hwr.store.lines import LineStore, StoredLine
from hwr.synth.crops import (
    LETTER_HEIGHT,
    Ink,
    ScaledWord,
    Word,
    extract_ink,
    measure_word,
    scale_mark,
    scale_words,
    writes_capitals,
)
from hwr.synth.ink import InkLine
from hwr.text import normalise_text

MARKS = ".:!?,;-\"'()"
"""Punctuation marks that are images of their own."""

UNUSABLE = "#*"
"""Stand in IAM for crossed-out and unreadable writing."""

STORED_HEIGHT = 72
"""Rows of the tallest images of the set: an image of this height was made smaller, its scale is unknown."""

FEWEST_WORDS = 5
"""Different words that a hand must have, or all its lines would be alike."""

ATTEMPTS = 100
"""Hands that are tried for one line."""

LONGEST_LINE = 60
"""Characters after which no words are added."""

MARGIN = 4
"""Empty pixels around the ink."""

AFTER_WORD = {",": 0.09, ".": 0.06, ":": 0.01, ";": 0.01, "?": 0.01, "!": 0.01}
"""How often each mark follows a word inside a line."""

AT_END = {",": 0.08, ".": 0.3, ":": 0.03, ";": 0.03, "?": 0.06, "!": 0.06}
"""How often each mark ends a line."""

QUOTED, BRACKETED, DASHED = 0.1, 0.04, 0.04
"""How often words stand in quotes or in brackets, and how often a dash follows a word."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Hand:
    """The words and marks of one writer, at one letter height."""

    words: tuple[ScaledWord, ...]
    marks: dict[str, tuple[ScaledWord, ...]]


@dataclass(frozen=True)
class _Part:
    """A word or mark in a line; `joined` to the one before without blank."""

    word: ScaledWord
    joined: bool


class WordComposer:
    """Puts lines together from word images of one hand.

    Args:
        path: a Parquet file in the line layout whose rows are single words with their writer.
        only_writers: use these writers alone; None for all.
        exclude_writers: never use these writers.

    Raises:
        DataError: the file is missing, broken or lacks columns, or no hand with enough words remains.
    """

    def __init__(
        self,
        path: Path,
        *,
        only_writers: Collection[str] | None = None,
        exclude_writers: Collection[str] = (),
    ) -> None:
        self.path = Path(path)
        rows: dict[str, list[StoredLine]] = {}
        for row in LineStore(self.path):
            writer = row.writer
            if writer is None or writer in exclude_writers or (only_writers is not None and writer not in only_writers):
                continue
            if _is_usable(normalise_text(row.text)):
                rows.setdefault(writer, []).append(row)
        self._rows = {
            writer: found
            for writer, found in rows.items()
            if len({row.text for row in found if row.text not in MARKS}) >= FEWEST_WORDS
        }
        if not self._rows:
            raise DataError(f"{self.path}: no writer with at least {FEWEST_WORDS} different words may be used")
        self.writers = tuple(sorted(self._rows))
        shares = np.sqrt([len(self._rows[writer]) for writer in self.writers])
        self._shares = np.cumsum(shares / shares.sum())
        self._hands: dict[str, _Hand] = {}

    @property
    def count(self) -> int:
        """Word images that are used, marks included."""
        return sum(len(rows) for rows in self._rows.values())

    def line(self, generator: Generator) -> InkLine:
        """A line in the hand of a writer chosen at random. The same generator state gives the same bytes.

        Raises:
            DataError: hardly any hand has a word image that can be used.
        """
        for _ in range(ATTEMPTS):
            place = int(np.searchsorted(self._shares, generator.random(), side="right"))
            writer = self.writers[min(place, len(self.writers) - 1)]
            hand = self._hand(writer)
            if hand.words:
                break
        else:
            raise DataError(f"{self.path}: no usable word image found; are they grey images of single words?")
        parts = _choose(hand, generator)
        text = "".join(part.word.text if part.joined else f" {part.word.text}" for part in parts).strip()
        ink = _vary(_paste(parts, generator), generator)
        return InkLine(ink, normalise_text(text), f"words:{writer}")

    def _hand(self, writer: str) -> _Hand:
        """The words of a writer, taken off their paper when they are first asked for."""
        hand = self._hands.get(writer)
        if hand is None:
            hand = self._hands[writer] = self._prepare(writer)
        return hand

    def _prepare(self, writer: str) -> _Hand:
        """Take the words and marks of a writer off their paper and bring them to one size."""
        images = [
            (normalise_text(row.text), ink, row.height < STORED_HEIGHT)
            for row in self._rows[writer]
            if (ink := _ink(row)) is not None
        ]
        found = (measure_word(text, ink, whole) for text, ink, whole in images if text not in MARKS)
        words = [word for word in found if word is not None]
        if writes_capitals(words):
            return _Hand((), {})
        scaled = tuple(scale_words(words)) if words else ()
        marks: dict[str, list[ScaledWord]] = {}
        scale = _page_scale(words) if words else 1.0
        for text, ink, whole in images:
            mark = scale_mark(text, ink, scale) if text in MARKS and whole else None
            if mark is not None:
                marks.setdefault(text, []).append(mark)
        return _Hand(scaled, {text: tuple(found) for text, found in marks.items()})


def _is_usable(text: str) -> bool:
    """Whether a word can stand in a line: letters or digits without marks of damage, or one punctuation mark."""
    if not text or any(mark in text for mark in UNUSABLE + " "):
        return False
    if len(text) == 1 and text in MARKS:
        return True
    # a double quote inside a word stands for an umlaut in IAM
    return '"' not in text and not text.startswith("'") and any(character.isalnum() for character in text)


def _ink(row: StoredLine) -> Ink | None:
    try:
        return extract_ink(decode_image(row.image, row.id))
    except InputError as error:
        logger.warning("%s", error)
        return None


def _page_scale(words: list[Word]) -> float:
    """What a mark is scaled by: the scale of the words that were stored as large as on the page."""
    heights = [word.height for word in words if word.whole and len(word.text) > 1]
    return LETTER_HEIGHT / float(np.median(heights or [word.height for word in words]))


def _choose(hand: _Hand, generator: Generator) -> list[_Part]:
    """Two to ten words with the marks that this hand has, blanks around dashes and none before commas."""
    target = int(generator.integers(2, 11))
    opened = ""
    parts: list[_Part] = []
    length = joined = 0
    for number in range(target):
        end = number == target - 1 or length > LONGEST_LINE
        joined = False
        if not opened and not end:
            opened = _opening(hand, generator)
            if opened:
                parts.append(_Part(_pick(hand.marks[opened], generator), False))
                joined = True
        word = _pick(hand.words, generator)
        length += len(word.text) + 1
        parts.append(_Part(word, joined))
        closing = {'"': '"', "(": ")"}.get(opened, "")
        closes = bool(closing) and (end or (not joined and generator.random() < 0.4))
        if closes and closing == ")":
            parts.append(_Part(_pick(hand.marks[closing], generator), True))
        if not word.text.endswith((".", "-")):
            mark = _mark(hand, AT_END if end else AFTER_WORD, generator)
            if mark is not None:
                parts.append(_Part(mark, True))
        if closes and closing != ")":
            parts.append(_Part(_pick(hand.marks[closing], generator), True))
        if closes:
            opened = ""
        if end:
            break
        if not opened and "-" in hand.marks and parts[-1].word.text not in MARKS and generator.random() < DASHED:
            parts.append(_Part(_pick(hand.marks["-"], generator), False))
    return parts


def _opening(hand: _Hand, generator: Generator) -> str:
    """A quote or bracket that opens before a word, where the hand has it; usually none."""
    chance = generator.random()
    if chance < QUOTED / 2 and '"' in hand.marks:
        return '"'
    if QUOTED <= chance < QUOTED + BRACKETED and "(" in hand.marks and ")" in hand.marks:
        return "("
    return ""


def _mark(hand: _Hand, shares: dict[str, float], generator: Generator) -> ScaledWord | None:
    chance = generator.random()
    for mark, share in shares.items():
        if chance < share:
            return _pick(hand.marks[mark], generator) if mark in hand.marks else None
        chance -= share
    return None


def _pick(words: tuple[ScaledWord, ...], generator: Generator) -> ScaledWord:
    return words[int(generator.integers(len(words)))]


def _paste(parts: list[_Part], generator: Generator) -> Ink:
    """Set words and marks on one baseline that sways a little; the darker ink wins where they overlap."""
    space = LETTER_HEIGHT * float(np.clip(generator.lognormal(np.log(1.35), 0.2), 0.9, 2.4))
    places: list[tuple[int, int]] = []
    x = 0.0
    for number, part in enumerate(parts):
        word = part.word
        if number:
            before = parts[number - 1].word
            left, top = places[-1]
            if part.joined:
                gap = LETTER_HEIGHT * generator.uniform(0.08, 0.35)
                low = word.text in ".,"
                x = left + (before.right if low else before.ink.shape[1]) + gap
            else:
                gap = space * float(generator.lognormal(0, 0.15))
                x = max(left + before.right + gap - word.left, left + before.ink.shape[1] + 0.45 * space)
        places.append((round(x), -word.baseline))
    sway = _sway(np.array([x for x, _ in places], np.float64), generator)
    jitter = np.where([part.joined for part in parts], 0.3, 1.0) * generator.normal(0, 0.8, len(parts))
    tops = [top + round(up) for (_, top), up in zip(places, (sway + jitter).tolist(), strict=True)]
    highest = min(tops)
    rows = max(top - highest + len(part.word.ink) for top, part in zip(tops, parts, strict=True))
    columns = max(x + part.word.ink.shape[1] for (x, _), part in zip(places, parts, strict=True))
    canvas = np.zeros((rows, columns), np.uint8)
    for part, (x0, _), top in zip(parts, places, tops, strict=True):
        ink = part.word.ink
        target = canvas[top - highest : top - highest + ink.shape[0], x0 : x0 + ink.shape[1]]
        np.maximum(target, ink, out=target)
    return canvas


def _sway(x: NDArray[np.float64], generator: Generator) -> NDArray[np.float64]:
    """Rows by which the baseline is off at each x: it climbs or sinks, and sways."""
    climb = generator.normal(0, 0.006) * x
    phase = generator.random()
    return climb + generator.normal(0, 1.2) * np.sin(2 * np.pi * (x / generator.uniform(300, 900) + phase))


def _vary(ink: Ink, generator: Generator) -> Ink:
    """Another slant, aspect and size; rows about 64, and a margin that keeps all ink inside."""
    import cv2

    scale = float(np.clip(generator.lognormal(np.log(0.8), 0.08), 0.6, 1.0))
    scale = min(scale, 80 / len(ink))
    across = scale * float(generator.lognormal(0, 0.06))
    lean = float(np.clip(generator.normal(0, 0.08), -0.2, 0.2)) * scale
    rows, columns = ink.shape
    shift = MARGIN + max(0.0, -lean * rows)
    size = (int(np.ceil(across * columns + abs(lean) * rows)) + 2 * MARGIN, int(np.ceil(scale * rows)) + 2 * MARGIN)
    # OpenCV puts pixel centres at whole numbers
    matrix = np.array([[across, lean, shift + 0.5 * (across + lean) - 0.5], [0, scale, MARGIN + 0.5 * scale - 0.5]])
    return np.asarray(cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
