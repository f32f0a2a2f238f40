"""Texts of lines: prose from files, broken into lines as a writer would, and phrases of its language."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from hwr.errors import InputError, UsageError
from hwr.files.texts import plain_text, read_text
from hwr.synth.phrases import find_language, phrase
from hwr.text import normalise_text

Generator = np.random.Generator

MAX_CHARACTERS = 80
"""Maximum length of a text, at the end of a word: longer lines are not written by hand."""

_BEGINNING = 1 << 20
_AHEAD = 640
"""Bytes to read from a start: more than the longest piece has."""

_WORDS = np.array([1, 2, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 10, 10, 11, 12, 13, 14])
"""Number of words of a piece, each entry equally likely: lines of IAM have 5 to 10."""

_PARAGRAPH_START = 0.12  # share of pieces that begin where a paragraph begins
_BROKEN_END = 0.07  # share of pieces whose last word is broken
_BREAK_MARKS = ("-", "-", "-", "-", "-", "-", "=", "")  # most write a hyphen, older hands a double one, some nothing
_VOWELS = frozenset("aeiouyàâäáãåéèêëíîïóôöõúùûüœæø")
_MIN_PART, _MIN_BROKEN = 2, 6  # letters of a half and of a word that is broken

_UNWRITTEN = str.maketrans({"\u00ad": None, "\ufeff": None, "\u200b": None, "ﬁ": "fi", "ﬂ": "fl"})
"""Characters of electronic texts (soft hyphens, ligatures of type) that nobody writes by hand."""

_EMPHASIS = re.compile(r"(?<!\w)_+(?=[^\s_])|(?<=[^\s_])_+(?!\w)")
"""Marks around _emphasised words_ in electronic texts. An underscore inside a word or alone is kept."""

_CLOSING = frozenset(("!", "?", ";", ":", "»", ",", ".", ")", "!»", "?»"))
_SPACED_SIGN = re.compile(r"(?<=\w) ([;:!?])(?!\S)")
_CLOSE_SIGNS = 0.4  # share of texts without the space that French prints before ; : ! ?
_PLAIN = 0.85  # share of texts with plain quotes and dashes, as in transcripts

_INSIDE_PROSE = 0.3  # share of phrases that are part of a line of prose
_SECOND_PHRASE = 0.25  # share of phrases that another one follows on the line
_GAPS = (" ", ", ", " - ", "; ", " ")
_CAPITALS, _SINGLE_WORD, _MARKED = 0.012, 0.03, 0.04  # shares of lines of prose written in a special way
_MARKS = ("({})", '"{}"', "“{}”", "« {} »", "[{}]", "- {}", "* {}", "{} ...", "{}...", "... {}", "{}!", "{} ?", "{};",
          "{}:", "& {}", "1. {}", "2) {}", "{} -", "{}, etc.", "'{}'", "— {}", "{}.")  # fmt: skip


class TextCorpus:
    """A text file with one paragraph per line, plain or compressed (`.xz`, `.gz`).

    Only its bytes are kept. A start is found at the next space after a random position, so that paragraphs are drawn in
    proportion to their length.

    Raises:
        InputError: missing, a folder, empty, broken, not UTF-8 text, too large, or without a word that fits a line.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = read_text(path)
        starts = (word.start() for word in re.finditer(rb"\S+", self._bytes))
        first = next((start for start in starts if self._words_from(start, 1)), None)
        if first is None:
            reason = f"contains no word of 1 to {MAX_CHARACTERS} visible characters; lines are broken at spaces"
            raise InputError(f"{path}: {reason}")
        self._first = first

    @cached_property
    def language(self) -> str | None:
        """The language of its first megabyte, None if it has no phrases."""
        return find_language(self._bytes[:_BEGINNING].decode("utf-8", errors="ignore"))

    def sample(self, generator: Generator, words: int | None = None) -> str:
        """Return a piece of 1 to 14 words (or of `words`) by the text rules, within one paragraph."""
        count = int(generator.choice(_WORDS)) if words is None else words
        for _ in range(20):
            piece = self._words(generator, count)
            if any(character.isalnum() for word in piece for character in word):
                return _broken(piece, generator) if words is None else " ".join(piece)
        return " ".join(self._words_from(self._first, count))

    def _words(self, generator: Generator, count: int) -> list[str]:
        position = int(generator.integers(len(self._bytes)))
        space = -1
        if generator.random() >= _PARAGRAPH_START:
            space = self._bytes.find(b" ", position, position + _AHEAD)
        if space < 0:  # also where one long word or the last word follows
            return self._words_from(self._bytes.rfind(b"\n", 0, position) + 1, count)
        return self._words_from(space + 1, count)

    def _words_from(self, start: int, count: int) -> list[str]:
        """Return `count` words from byte `start`, or fewer at a paragraph's end or if they grow too long."""
        raw = self._bytes[start : start + _AHEAD]
        paragraph = raw.decode("utf-8", errors="ignore").lstrip().split("\n", 1)[0]
        written = _EMPHASIS.sub("", paragraph.translate(_UNWRITTEN)).replace("\t", " ")
        words = normalise_text("".join(c for c in written if c.isprintable() or c.isspace())).split(" ")
        if words[0] in _CLOSING:  # the end of another sentence, set apart as in French
            words = words[1:]
        kept: list[str] = []
        length = -1
        for word in words[:count]:
            length += 1 + len(word)
            if length > MAX_CHARACTERS or not word:
                break
            kept.append(word)
        return kept


class TextSampler:
    """Texts of lines: prose from files, and phrases.

    Args:
        texts: text files; without them every text is a phrase.
        phrase_share: share of texts that are a phrase or have one in them.
        phrases: kinds of phrases; empty: all.
        languages: of the phrases; empty: that of the text drawn, and no phrases where it has none.

    Raises:
        InputError: a text cannot be used.
        UsageError: an unknown language or kind of phrase.
    """

    def __init__(
        self,
        texts: Sequence[Path] = (),
        phrase_share: float = 0.25,
        phrases: Sequence[str] = (),
        languages: Sequence[str] = (),
    ) -> None:
        self._corpora = tuple(TextCorpus(path) for path in texts)
        self._phrase_share = phrase_share if texts else 1.0
        self._kinds = tuple(phrases) or ("phrase",)
        self._languages = tuple(languages)
        used = self._languages or tuple(corpus.language for corpus in self._corpora if corpus.language)
        if not used and not texts:
            raise UsageError("phrases need a language: give --language CODE, or a text")
        for language in used:
            for kind in self._kinds:
                phrase(np.random.default_rng(0), language, kind)  # is it known?

    def sample(self, generator: Generator) -> tuple[str, str | None]:
        """Return one line of text by the text rules, of 1 to about 80 characters, and its language if that is known."""
        text, language = self._draw(generator)
        if generator.random() < _PLAIN:
            text = plain_text(text)
        if generator.random() < _CLOSE_SIGNS:
            text = _SPACED_SIGN.sub(r"\1", text)
        return normalise_text(text), language

    def _draw(self, generator: Generator) -> tuple[str, str | None]:
        corpus = self._corpora[int(generator.integers(len(self._corpora)))] if self._corpora else None
        language: str | None = None
        if self._languages:
            language = self._languages[int(generator.integers(len(self._languages)))]
        elif corpus is not None:
            language = corpus.language
        if language is None or (corpus is not None and generator.random() >= self._phrase_share):
            assert corpus is not None
            return _in_a_special_way(corpus.sample(generator), generator), corpus.language
        text = self._phrase(language, generator)
        kind = generator.random()
        if kind < _INSIDE_PROSE and corpus is not None and self._phrase_share < 1:
            before, after = (
                corpus.sample(generator, count) if count else "" for count in generator.integers(0, 5, 2).tolist()
            )
            text = f"{before} {text} {after}"
        elif kind < _INSIDE_PROSE + _SECOND_PHRASE:
            text += _GAPS[int(generator.integers(len(_GAPS)))] + self._phrase(language, generator)
        if len(text) > MAX_CHARACTERS:
            text = text[:MAX_CHARACTERS].rsplit(" ", 1)[0]
        return text, language

    def _phrase(self, language: str, generator: Generator) -> str:
        return phrase(generator, language, self._kinds[int(generator.integers(len(self._kinds)))])


def _in_a_special_way(text: str, generator: Generator) -> str:
    """Return prose as it is, or sometimes in capitals, cut to one word, or between marks."""
    kind = float(generator.random())
    if kind < _CAPITALS:
        return text.upper()
    if kind < _CAPITALS + _SINGLE_WORD:
        words = text.split(" ")
        return words[int(generator.integers(len(words)))]
    if kind < _CAPITALS + _SINGLE_WORD + _MARKED:
        return _MARKS[int(generator.integers(len(_MARKS)))].format(text)
    return text


def _broken(words: list[str], generator: Generator) -> str:
    """Return words as one line; sometimes the last is only the first half of a word."""
    if generator.random() < _BROKEN_END and len(words) > 1:
        half = _first_half(words[-1], generator)
        if half:
            words = [*words[:-1], half + _BREAK_MARKS[int(generator.integers(len(_BREAK_MARKS)))]]
    return " ".join(words)


def _first_half(word: str, generator: Generator) -> str:
    """Return a word up to a consonant before a vowel, where writers break it; empty if there is no such consonant."""
    letters = word.rstrip(".,;:!?\"'”’»)").lower()
    if len(letters) < _MIN_BROKEN or not letters.isalpha():
        return ""
    breaks = [
        position
        for position in range(_MIN_PART, len(letters) - _MIN_PART)
        if letters[position] not in _VOWELS and letters[position + 1] in _VOWELS
    ]
    return word[: breaks[int(generator.integers(len(breaks)))]] if breaks else ""
