"""Reading with a list of words: a word that is not in the list costs a fixed amount.

A word is a run of letters. What stands between words is free: blanks, punctuation, digits, and letters that follow
digits directly (`12th`). A word of the list may hold an apostrophe, a hyphen or another sign; `don't`, `l'eau` and
`well-known` are known as a whole, or if the words on both sides of the sign are. A word in small letters stands for
itself, with a Capital (also After-Each-Hyphen) and in CAPITALS; a word with a capital (`Paris`, `McDonald`) for itself
and itself in CAPITALS. The typographic apostrophe and hyphen are the same as those of the keyboard.

The cost falls due as soon as no word of the list begins with the letters read, so that the search can still turn away.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.decode.wordtree import BETWEEN, DIGIT, LETTER, SIGN, WordTree, build_tree
from hwr.errors import InputError
from hwr.files.texts import read_text
from hwr.text import Alphabet, normalise_text

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

UNKNOWN_COST = 5.0
"""Cost of a word that is not in the list, a natural logarithm; chosen on validation lines, see docs/decoding.md."""

LOWER = 0xFFFFFFFF
SHIFT = 32
EXAMPLES = 5


class _Scorer(Protocol):
    """As `hwr.decode.beam.Scorer`; states lie in 0 to 2^32 - 1."""

    @property
    def start(self) -> int: ...

    def scores(self, states: Integers, labels: Integers, /) -> NDArray[np.floating]: ...

    def advance(self, states: Integers, labels: Integers, /) -> Integers: ...

    def finish(self, states: Integers, /) -> NDArray[np.floating]: ...


@dataclass(frozen=True)
class Lexicon:
    """A list of words for the characters of one model.

    Attributes:
        tree: the words, in all the ways in which they may be written.
        labels: (classes,) the label as which each label is looked up: one for all apostrophes, one for all hyphens.
        words: number of words of the list that are used.
        skipped: number of words with characters that the model lacks; `examples` are the first of them.
    """

    tree: WordTree
    labels: Integers
    words: int
    skipped: int
    examples: tuple[str, ...]


def load_lexicon(path: Path, alphabet: Alphabet) -> Lexicon:
    """Read a list of words, one a line, UTF-8 (also packed: .xz, .gz).

    Raises:
        InputError: missing, not text, empty, or no word that the model can write.
    """
    text = read_text(path).decode("utf-8").removeprefix("\ufeff")
    try:
        return make_lexicon(text.splitlines(), alphabet)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def make_lexicon(words: Iterable[str], alphabet: Alphabet) -> Lexicon:
    """A lexicon of these words, after the text rules; empty ones and repetitions do not count.

    Raises:
        InputError: no word, or none that the model can write.
    """
    characters = set(alphabet.characters)
    translation = str.maketrans(_signs_of(alphabet))
    written: set[str] = set()
    used: set[str] = set()
    skipped: dict[str, None] = {}
    for line in words:
        word = line if line.isascii() and line.isalpha() else normalise_text(line)
        if not word:
            continue
        plain = word.translate(translation)
        if characters.issuperset(plain):
            used.add(plain)
        else:
            skipped[word] = None
    for word in used:
        written.update(form for form in _forms(word) if form == word or characters.issuperset(form))
    examples = tuple(list(skipped)[:EXAMPLES])
    if not used:
        reason = f"none of its words can be written by the model (such as {examples[0]!r})" if examples else "no words"
        raise InputError(f"the list of words cannot be used: {reason}")
    label_of = np.zeros(0x110000, np.int64)
    label_of[[ord(character) for character in alphabet.characters]] = np.arange(1, alphabet.classes)
    kinds = np.array([SIGN, *map(_kind, alphabet.characters)], np.int8)
    tree = build_tree(sorted(written), label_of, kinds)
    labels = np.array([0, *(label_of[ord(c.translate(translation))] for c in alphabet.characters)])
    return Lexicon(tree, labels, len(used), len(skipped), examples)


def _signs_of(alphabet: Alphabet) -> dict[str, str]:
    """Which apostrophes and hyphens are written as which: the keyboard's if the model has it, else one that it has."""
    signs = {}
    for group in ("'’ʼ", "-‐‑"):
        chosen = next((sign for sign in group if sign in alphabet.characters), group[0])
        signs.update(dict.fromkeys(group, chosen))
    return signs


def _forms(word: str) -> Iterator[str]:
    """The ways in which a word of the list may be written."""
    yield word
    yield word.upper()
    if word == word.lower():
        yield _capital(word)
        if "-" in word:
            yield "-".join(map(_capital, word.split("-")))


def _capital(word: str) -> str:
    """With its first letter as a capital, though an apostrophe stand before it."""
    first = next((place for place, character in enumerate(word) if character.isalpha()), 0)
    return word[:first] + word[first : first + 1].upper() + word[first + 1 :]


def _kind(character: str) -> int:
    category = unicodedata.category(character)[0]
    return {"L": LETTER, "M": LETTER, "N": DIGIT}.get(category, SIGN)


class LexiconScorer:
    """A scorer of the beam search that charges unknown words, beside another scorer or alone.

    A state is the place in the lexicon, shifted by 32 bits, and the state of the other scorer below it.
    """

    def __init__(
        self, lexicon: Lexicon, alphabet: Alphabet, inner: _Scorer | None = None, unknown_cost: float = UNKNOWN_COST
    ) -> None:
        """Prepare.

        Args:
            lexicon: made for the same alphabet.
            inner: what else scores the text, such as a language model.
            unknown_cost: natural logarithm, 0 or more, charged once for each unknown word; infinite: none is read.

        Raises:
            ValueError: a cost below 0, a lexicon of another alphabet.
        """
        if not unknown_cost >= 0:
            raise ValueError(f"unknown_cost {unknown_cost}: 0 or more is needed")
        if lexicon.tree.classes != alphabet.classes:
            raise ValueError("the lexicon was made for another alphabet")
        self._tree, self._labels, self._inner = lexicon.tree, lexicon.labels, inner
        # A product would be no number for an infinite cost of no words.
        counts = np.arange(int(max(self._tree.letter_cost.max(), self._tree.end_cost.max())) + 2)
        self._penalty = np.array([-unknown_cost * int(count) if count else 0.0 for count in counts])
        self.start = BETWEEN << SHIFT | (inner.start if inner is not None else 0)

    def scores(self, states: Integers, labels: Integers) -> Numbers:
        """What labels (M, K) add after states (M,): shape (M, K)."""
        penalty = self._penalty.take(self._tree.costs(states >> SHIFT, self._labels.take(labels)))
        return penalty if self._inner is None else penalty + self._inner.scores(states & LOWER, labels)

    def advance(self, states: Integers, labels: Integers) -> Integers:
        """The states (M,) after one more label each."""
        nodes, _ = self._tree.follow(states >> SHIFT, self._labels.take(labels))
        below = states & LOWER if self._inner is None else self._inner.advance(states & LOWER, labels)
        return nodes << SHIFT | below

    def finish(self, states: Integers) -> Numbers:
        """What the end of the line adds (M,): it ends a word."""
        penalty = self._penalty.take(self._tree.end_cost.take(states >> SHIFT))
        return penalty if self._inner is None else penalty + self._inner.finish(states & LOWER)
