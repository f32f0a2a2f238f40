"""Numbers, symbols and capitals: tokens that a model of prose must not judge by its own probabilities alone.

Prose has few numbers and symbols, so its model finds them improbable, and reads `85` as `Es` and `=` as `-`. It also
has few words in capitals. So a scorer of the beam search is always in one of five modes:

    START      at the beginning of a token, or after punctuation there
    PLAIN      inside a word: the model decides
    CAPITAL    after one capital letter
    CAPITALS   after two: further capitals are scored as lower-case letters, which the model knows well
    NUMBER     in a token with a digit, up to its end: the network decides

A digit or a symbol at the beginning of a token or after a capital letter gets the model's score, but at least
NUMBER_ENTRY. In NUMBER every digit and punctuation mark gets at least NUMBER_SCORE, every letter at least
NUMBER_LETTER. Inside a word a digit gets only the model's score, or else any `l` could become a `1`. Entering or
leaving CAPITALS adds CAPITALS_COST.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwr.lm.ngrams import END, Symbols
from hwr.text import Alphabet

START, PLAIN, CAPITAL, CAPITALS, NUMBER = range(5)
SPACE, SMALL, LARGE, DIGIT, SIGN = range(5)
NUMBER_ENTRY, NUMBER_SCORE, NUMBER_LETTER = -2.0, 0.0, -2.0
CAPITALS_COST = -3.0
"""Natural logarithms, on the scale of the network's; chosen on validation lines, see docs/language-models.md."""

SYMBOLS = frozenset("#%&*/@§†")
"""Symbols in addition to those that Unicode counts as such (categories Sm, Sc, Sk and So)."""

FOLLOWING = np.array(
    [
        # SPACE, SMALL, LARGE, DIGIT, SIGN
        [START, PLAIN, CAPITAL, NUMBER, START],
        [START, PLAIN, CAPITAL, NUMBER, PLAIN],
        [START, PLAIN, CAPITALS, NUMBER, START],
        [CAPITALS, PLAIN, CAPITALS, NUMBER, CAPITALS],
        [START, NUMBER, NUMBER, NUMBER, NUMBER],
    ],
    np.uint8,
)
"""The mode after each kind of character, with a row for each mode before it."""


@dataclass(frozen=True)
class TokenRules:
    """Scoring of each label in each mode; arrays of shape (5, classes), class 0 is the end of the line.

    The score of a label is max(s + added, least), where s is the model's score of `symbols`.

    Attributes:
        symbols: symbol as which the model scores and remembers the label, uint8.
        added, least: float32.
        following: the mode after the label, uint8.
    """

    symbols: NDArray[np.uint8]
    added: NDArray[np.float32]
    least: NDArray[np.float32]
    following: NDArray[np.uint8]


def label_kinds(alphabet: Alphabet) -> NDArray[np.int64]:
    """Return SPACE, SMALL, LARGE, DIGIT or SIGN for each label; class 0 counts as a space, like the end of a line."""
    return np.array([SPACE, *map(_kind, alphabet.characters)])


def plain_rules(symbols: Symbols, alphabet: Alphabet) -> TokenRules:
    """Return the rules under which the model decides everywhere."""
    row = np.array([END, *map(symbols.symbol, alphabet.characters)], np.uint8)
    shape = (len(FOLLOWING), len(row))
    return TokenRules(
        np.tile(row, (len(FOLLOWING), 1)),
        np.zeros(shape, np.float32),
        np.full(shape, -np.inf, np.float32),
        np.full(shape, START, np.uint8),
    )


def token_rules(symbols: Symbols, alphabet: Alphabet) -> TokenRules:
    """Return the rules for numbers, symbols and capitals."""
    rules = plain_rules(symbols, alphabet)
    kinds = label_kinds(alphabet)
    rules.following[...] = FOLLOWING[:, kinds]
    small = [symbols.symbol(_small(character)) for character in alphabet.characters]
    capital = kinds == LARGE
    for mode in (CAPITAL, CAPITALS):
        rules.symbols[mode, capital] = np.array([END, *small], np.uint8)[capital]
    rules.added[CAPITAL, capital] = CAPITALS_COST
    rules.added[CAPITALS, kinds == SMALL] = CAPITALS_COST
    entry = (kinds == DIGIT) | np.array([False, *map(_is_symbol, alphabet.characters)])
    for mode in (START, CAPITAL, CAPITALS):
        rules.least[mode, entry] = NUMBER_ENTRY
    rules.least[NUMBER] = NUMBER_SCORE
    rules.least[NUMBER, (kinds == SMALL) | (kinds == LARGE)] = NUMBER_LETTER
    return rules


@cache
def _kind(character: str) -> int:
    if character.isspace():
        return SPACE
    if character.isupper():
        return LARGE
    if character.isdecimal():
        return DIGIT
    return SMALL if unicodedata.category(character)[0] in "LM" else SIGN


@cache
def _is_symbol(character: str) -> bool:
    return character in SYMBOLS or unicodedata.category(character)[0] == "S"


@cache
def _small(character: str) -> str:
    small = character.lower()
    return small if len(small) == 1 else character
