"""What people write: prose from corpora, and what prose lacks (dates, money, addresses, names, lists, capitals)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from hwr.errors import InputError, UsageError
from hwr.files.texts import plain_text
from hwr.synth.corpus import MAX_CHARACTERS, TextCorpus
from hwr.synth.grammar import Grammar
from hwr.synth.grammar_common import COMMON
from hwr.synth.grammar_english import ENGLISH
from hwr.synth.grammar_french import FRENCH
from hwr.text import normalise_text

_RULES: Mapping[str, Mapping[str, Sequence[str]]] = {"english": ENGLISH, "french": FRENCH}

LANGUAGES = tuple(_RULES)
"""Languages whose phrases are known."""

_TRIES = 40
_INSIDE_PROSE = 0.3  # share of phrases that stand in a line of prose
_SECOND_PHRASE = 0.25  # share of phrases that another one follows on the line
_CLOSE_SIGNS = 0.4  # share of texts without the blank that French prints before ; : ! ?
_SPACED_SIGN = re.compile(r"(?<=\w) ([;:!?])(?!\S)")
_GAPS = (" ", ", ", " - ", "; ", " ")
_ALL_CAPITALS = 0.012  # shares of lines of prose written in a special way
_SINGLE_WORD = 0.03
_MARKED = 0.04
_MARKS = ("({})", '"{}"', "“{}”", "« {} »", "[{}]", "- {}", "* {}", "{} ...", "{}...", "... {}", "{}!", "{} ?", "{};",
          "{}:", "& {}", "1. {}", "2) {}", "{} -", "{}, etc.", "'{}'", "— {}", "{}.")  # fmt: skip


def phrase(generator: np.random.Generator, language: str = "english") -> str:
    """A phrase made by a grammar: a date, an amount, an address, ... One of LANGUAGES."""
    return normalise_text(_grammar(language).expand("phrase", generator))


@cache
def _grammar(language: str) -> Grammar:
    return Grammar({**COMMON, **_RULES[language]})


class TextSampler:
    """Texts of lines to write: prose from corpora, phrases made by grammar.

    Args:
        corpora: text files; with none, every text is a phrase.
        weights: how often each corpus is drawn; equal where None.
        phrase_share: share of texts that are a phrase or have one in them.
        plain_share: share of texts whose typographic quotes, dashes and dots are made plain, as transcripts have them.
        languages: languages of phrases: that of the corpus drawn if it is one of them, else equally often.
        alphabet: characters that texts may have. Others are made plain; a text that still has one is dropped and
            another drawn. `dropped` counts these characters, once a text.

    Raises:
        InputError: a corpus cannot be used.
        UsageError: a weight, a share or a language that makes no sense.
    """

    def __init__(
        self,
        corpora: Sequence[Path] = (),
        *,
        weights: Sequence[float] | None = None,
        phrase_share: float = 0.25,
        plain_share: float = 0.85,
        languages: Sequence[str] = LANGUAGES,
        alphabet: str | None = None,
    ) -> None:
        _check(corpora, weights, (phrase_share, plain_share), languages)
        self._corpora = tuple(TextCorpus(path) for path in corpora)
        shares = np.ones(len(corpora)) if weights is None else np.array(weights, dtype=np.float64)
        self._bounds = np.cumsum(shares) / shares.sum() if len(shares) else shares
        self._phrase_share = phrase_share if corpora else 1.0
        self._plain_share = plain_share
        self._languages = tuple(languages)
        self._alphabet = None if alphabet is None else frozenset(alphabet) | {" "}
        self.dropped: Counter[str] = Counter()

    def sample(self, generator: np.random.Generator) -> str:
        """One line of text by the text rules, of 1 to about 80 characters.

        Raises:
            InputError: the alphabet has none of 40 texts.
        """
        for _ in range(_TRIES):
            text = self._draw(generator)
            if generator.random() < self._plain_share:
                text = plain_text(text)
            if generator.random() < _CLOSE_SIGNS:
                text = _SPACED_SIGN.sub(r"\1", text)
            text = self._fitted(normalise_text(text))
            if text:
                return text
        raise InputError(
            f"of {_TRIES} texts none can be written with the alphabet; often lacking: {_often(self.dropped)}"
        )

    def _draw(self, generator: np.random.Generator) -> str:
        corpus = self._corpus(generator)
        if corpus is not None and generator.random() >= self._phrase_share:
            return _in_a_special_way(corpus.sample(generator), generator)
        language = self._languages[int(generator.integers(len(self._languages)))]
        if corpus is not None and corpus.language in self._languages:
            language = corpus.language
        text = phrase(generator, language)
        kind = generator.random()
        if kind < _INSIDE_PROSE and corpus is not None:
            before, after = (
                corpus.sample(generator, count) if count else "" for count in generator.integers(0, 5, 2).tolist()
            )
            text = f"{before} {text} {after}"
        elif kind < _INSIDE_PROSE + _SECOND_PHRASE:
            text += _GAPS[int(generator.integers(len(_GAPS)))] + phrase(generator, language)
        return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS].rsplit(" ", 1)[0]

    def _corpus(self, generator: np.random.Generator) -> TextCorpus | None:
        if not self._corpora:
            return None
        index = int(np.searchsorted(self._bounds, generator.random(), side="right"))
        return self._corpora[min(index, len(self._corpora) - 1)]

    def _fitted(self, text: str) -> str:
        """The text in the characters of the alphabet, empty when that cannot be."""
        if self._alphabet is None:
            return text
        lacking = set(text) - self._alphabet
        if not lacking:
            return text
        mapped = normalise_text("".join(_plainer(c) if c in lacking else c for c in text))
        lacking = set(mapped) - self._alphabet
        self.dropped.update(lacking)
        return "" if lacking else mapped


def _plainer(character: str) -> str:
    """The nearest sign of the keyboard; compatibility forms of Unicode (½, …, ﬁ, ²) are written out."""
    plain = plain_text(character)
    return plain if plain != character else unicodedata.normalize("NFKC", character).replace("⁄", "/")


def _in_a_special_way(text: str, generator: np.random.Generator) -> str:
    """Prose as it is, sometimes in capitals, cut to one word, or between marks."""
    kind = float(generator.random())
    if kind < _ALL_CAPITALS:
        return text.upper()
    kind -= _ALL_CAPITALS
    if kind < _SINGLE_WORD:
        words = text.split(" ")
        return words[int(generator.integers(len(words)))]
    if kind - _SINGLE_WORD < _MARKED:
        return _MARKS[int(generator.integers(len(_MARKS)))].format(text)
    return text


def _often(counts: Counter[str]) -> str:
    return ", ".join(repr(character) for character, _ in counts.most_common(8)) or "nothing"


def _check(
    corpora: Sequence[Path], weights: Sequence[float] | None, shares: Sequence[float], languages: Sequence[str]
) -> None:
    if weights is not None and (len(weights) != len(corpora) or min(weights, default=0) < 0 or sum(weights) <= 0):
        raise UsageError("weights of corpora: one number for each corpus, none negative, not all 0")
    if any(not 0 <= share <= 1 for share in shares):
        raise UsageError("shares of texts lie between 0 and 1")
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        raise UsageError(f"languages of phrases: {', '.join(LANGUAGES)}; not {', '.join(unknown) or 'none'}")
