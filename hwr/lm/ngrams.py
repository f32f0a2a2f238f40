"""The symbols of a language model and its n-grams.

Symbols are characters and three marks, one byte each; an n-gram of up to 8 is one integer. Tables of n-grams with their
logarithms are the content of ARPA files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwr.errors import ModelError

PADDING = 0
"""The empty symbol: fills the front of an integer that contains fewer symbols."""
UNKNOWN = 1
START = 2
END = 3
FIRST_CHARACTER = 4
MARKS = ("<unk>", "<s>", "</s>")
"""Names of UNKNOWN, START and END in ARPA files."""
SPACE = "▁"
"""Name of the space in ARPA files, where spaces separate the fields."""
DIGITS = "0123456789"
DIGIT = "0"
"""The character that a model uses for all digits: the ink predicts a digit better than the text before it."""
SPACE_SIGN = f"<U+{ord(SPACE):04X}>"
"""Name in ARPA files of the character that is used as the name of the space."""
MAX_CHARACTERS = 256 - FIRST_CHARACTER
MAX_ORDER = 8

Keys = NDArray[np.uint64]
"""n-grams w1 ... wn as integers, w1 in the highest byte: when sorted, n-grams with the same context are adjacent."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Symbols:
    """The characters of a language model, in the order of their symbols 4, 5, 6, ..."""

    characters: str

    def __post_init__(self) -> None:
        if len(self.characters) > MAX_CHARACTERS:
            raise ModelError(f"{len(self.characters)} characters; a language model has at most {MAX_CHARACTERS}")
        if len(set(self.characters)) != len(self.characters):
            raise ModelError("a character occurs twice in the language model")

    @property
    def count(self) -> int:
        """Number of symbols that can be predicted: characters, unknown, end."""
        return len(self.characters) + 2

    @cached_property
    def _symbols(self) -> dict[str, int]:
        known = {character: symbol for symbol, character in enumerate(self.characters, start=FIRST_CHARACTER)}
        if DIGIT in known:
            known = dict.fromkeys(DIGITS, known[DIGIT]) | known
        return known

    def symbol(self, character: str) -> int:
        """Return the symbol of a character: that of `DIGIT` for a digit that the model lacks, else UNKNOWN."""
        return self._symbols.get(character, UNKNOWN)

    def name(self, symbol: int) -> str:
        """Return the name of a symbol in ARPA files."""
        if symbol < FIRST_CHARACTER:
            return MARKS[symbol - UNKNOWN]
        character = self.characters[symbol - FIRST_CHARACTER]
        return {" ": SPACE, SPACE: SPACE_SIGN}.get(character, character)

    def encode(self, lines: Sequence[str]) -> NDArray[np.uint8]:
        """Concatenate lines, each between START and END; characters outside the symbols are UNKNOWN.

        Args:
            lines: texts without control characters.
        """
        table = np.full(0x110000, UNKNOWN, np.uint8)
        table[START], table[END] = START, END
        table[[ord(character) for character in self._symbols]] = list(self._symbols.values())
        text = chr(START) + f"{chr(END)}{chr(START)}".join(lines) + chr(END) if lines else ""
        return table[np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)]


def context(keys: Keys) -> Keys:
    """Return the n-grams without their last symbols."""
    return keys >> np.uint64(8)


def suffix(keys: Keys, order: int) -> Keys:
    """Return n-grams of length `order` without their first symbols."""
    return keys & np.uint64((1 << (8 * (order - 1))) - 1)


def last_symbols(keys: Keys) -> NDArray[np.uint8]:
    """Return the last symbol of each n-gram."""
    return (keys & np.uint64(255)).astype(np.uint8)


def unpack(key: int) -> tuple[int, ...]:
    """Return the symbols of an n-gram."""
    return tuple(symbol for symbol in int(key).to_bytes(MAX_ORDER, "big") if symbol != PADDING)


@dataclass(frozen=True)
class Table:
    """The n-grams of one order.

    Attributes:
        keys: shape (M,), ascending.
        log_probs: natural logarithm of the probability of the last symbol after the others, shape (M,).
        backoffs: natural logarithm of the backoff weight as a context, shape (M,); 0 if it is not one.
    """

    keys: Keys
    log_probs: Numbers
    backoffs: Numbers


@dataclass(frozen=True)
class Tables:
    """All n-grams of a model: `orders[n - 1]` has those of n symbols."""

    symbols: Symbols
    orders: tuple[Table, ...]

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.orders)


def unknown_log_probability(tables: Tables) -> float:
    """Return ln p of a character that the model has never seen: of its own <unk>, or else of its rarest character."""
    first = tables.orders[0]
    unknown = first.log_probs[first.keys == UNKNOWN]
    if len(unknown):
        return float(unknown[0])
    predicted = first.log_probs[first.keys > START]
    return float(predicted.min())
