"""Line-long pieces of prose from text files, as a writer would break them into lines."""

from functools import cached_property
from pathlib import Path

import numpy as np

from hwr.files.texts import read_text
from hwr.text import normalise_text

MAX_CHARACTERS = 80
"""A piece ends with the word before this length: longer lines are not written by hand."""

_BEGINNING = 1 << 20
_AHEAD = 640
"""Bytes read from a start: more than the longest piece has."""

_WORDS = np.array([1, 2, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 10, 10, 11, 12, 13, 14])
"""Number of words of a piece, each entry equally likely: lines of IAM have 5 to 10."""

_PARAGRAPH_START = 0.12  # share of pieces that begin where a paragraph begins
_BROKEN_START = 0.05  # share of pieces that begin with the second half of a word
_BROKEN_END = 0.07  # share of pieces whose last word is broken
_BREAK_MARKS = ("-", "-", "-", "-", "-", "-", "=", "")  # most write a hyphen, older hands a double one, some nothing

_ALWAYS = str.maketrans({"_": None, "|": None, "\u00ad": None, "\ufeff": None, "\u200b": None, "ﬁ": "fi", "ﬂ": "fl"})
"""Marks of electronic texts (emphasis, soft hyphens, ligatures of type) that nobody writes."""

_VOWELS = frozenset("aeiouyàâäáéèêëíîïóôöúùûüœæ")
_PAIRS = frozenset(("ch", "th", "sh", "ph", "wh", "gn", "qu", "gh", "ck", "bl", "br", "cl", "cr", "dr", "fl", "fr"))
_CLOSING = frozenset(("!", "?", ";", ":", "»", ",", ".", ")", "!»", "?»"))
_SMALLEST_PART = 2
_SHORTEST_BROKEN = 6


class TextCorpus:
    """A text file with a paragraph a line, plain or packed (`.xz`, `.gz`), held as one run of bytes.

    Nothing but the bytes is kept: a start is found by looking for the next blank after a random place, so that long
    paragraphs are met as often as they have words.

    Raises:
        InputError: missing, a folder, empty, broken, not UTF-8 text, or larger than MAX_BYTES.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = read_text(path)

    @cached_property
    def language(self) -> str:
        """ "french" or "english", by how often "de" and "the" stand in its first megabyte."""
        start = self._bytes[:_BEGINNING]
        return "french" if start.count(b" de ") > start.count(b" the ") else "english"

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self._bytes)

    def sample(self, generator: np.random.Generator, words: int | None = None) -> str:
        """A piece of 1 to 14 words (or of `words`) by the text rules; it does not run over a paragraph's end."""
        count = int(generator.choice(_WORDS)) if words is None else words
        for _ in range(20):
            piece = self._words(generator, count)
            if any(character.isalnum() for word in piece for character in word):
                return _broken(piece, generator) if words is None else " ".join(piece)
        return " ".join(self._words_from(0, count))

    def _words(self, generator: np.random.Generator, count: int) -> list[str]:
        place = int(generator.integers(len(self._bytes)))
        if generator.random() < _PARAGRAPH_START:
            return self._words_from(self._bytes.rfind(b"\n", 0, place) + 1, count)
        blank = self._bytes.find(b" ", place, place + _AHEAD)
        if blank < 0:  # one long word, or the last one
            return self._words_from(self._bytes.rfind(b"\n", 0, place) + 1, count)
        return self._words_from(blank + 1, count)

    def _words_from(self, start: int, count: int) -> list[str]:
        """The first `count` words from byte `start`, fewer at a paragraph's end or when they grow too long."""
        raw = self._bytes[start : start + _AHEAD]
        paragraph = raw.decode("utf-8", errors="ignore").lstrip().split("\n", 1)[0]
        written = "".join(c for c in paragraph.translate(_ALWAYS).replace("\t", " ") if c.isprintable() or c.isspace())
        kept: list[str] = []
        length = -1
        words = normalise_text(written).split(" ")
        if words[0] in _CLOSING:  # the end of another sentence, set apart as in French
            words = words[1:]
        for word in words[:count]:
            length += 1 + len(word)
            if length > MAX_CHARACTERS or not word:
                break
            kept.append(word)
        return kept


def _broken(words: list[str], generator: np.random.Generator) -> str:
    """Words as one line; sometimes the first or the last is only a half of one."""
    if generator.random() < _BROKEN_START and len(words) > 1:
        parts = break_word(words[0], generator)
        if parts is not None:
            words = [parts[1], *words[1:]]
    if generator.random() < _BROKEN_END and len(words) > 1:
        parts = break_word(words[-1], generator)
        if parts is not None:
            mark = _BREAK_MARKS[int(generator.integers(len(_BREAK_MARKS)))]
            words = [*words[:-1], parts[0] + mark]
    return " ".join(words)


def break_word(word: str, generator: np.random.Generator) -> tuple[str, str] | None:
    """Two halves of a word at a place where a writer may break it, None when there is none.

    A break is made before a consonant that a vowel follows, and not inside a pair such as "ch": right for most
    English and French words, and writers are not exact.
    """
    letters = word.rstrip(".,;:!?\"'”’»)")
    if len(letters) < _SHORTEST_BROKEN or not letters.isalpha():
        return None
    low = letters.lower()
    places = [
        place
        for place in range(_SMALLEST_PART, len(low) - _SMALLEST_PART)
        if low[place] not in _VOWELS and low[place + 1] in _VOWELS and low[place - 1 : place + 1] not in _PAIRS
    ]
    if not places:
        return None
    place = places[int(generator.integers(len(places)))]
    return word[:place], word[place:]
