"""Text rules and the alphabet: Unicode text <-> CTC labels."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from hwr.errors import DataError

BLANK = 0
"""The label of the CTC blank; characters have the labels from 1 on."""


BYTE_ORDER_MARK = "\ufeff"

Direction = Literal["ltr", "rtl"]
"""Direction of the lines of a text: left to right, or right to left."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Blocks of right-to-left scripts (Unicode 15, DerivedBidiClass)."""


def normalise_text(text: str) -> str:
    """Return text in Unicode NFC without byte order marks, its runs of whitespace one space, its ends stripped."""
    return " ".join(unicodedata.normalize("NFC", text.replace(BYTE_ORDER_MARK, "")).split())


def invisible_characters(characters: Iterable[str]) -> list[str]:
    """Return the characters that leave no mark on paper: formats such as U+200B, and controls (Unicode Cf, Cc)."""
    return [character for character in characters if unicodedata.category(character) in ("Cf", "Cc")]


def has_right_to_left(text: str) -> bool:
    """Return whether a text has letters or marks of a right-to-left script."""
    return _RIGHT_TO_LEFT.search(text) is not None


@dataclass(frozen=True)
class Alphabet:
    """The characters that a model can write, in the order of their labels 1, 2, 3, ..."""

    characters: str

    def __post_init__(self) -> None:
        if len(set(self.characters)) != len(self.characters):
            raise DataError("alphabet: a character occurs twice")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Alphabet":
        """The sorted code points of `texts`, after the text rules."""
        return cls("".join(sorted({character for text in texts for character in normalise_text(text)})))

    @property
    def classes(self) -> int:
        """Number of network outputs: all characters and the blank."""
        return len(self.characters) + 1

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {character: label for label, character in enumerate(self.characters, start=1)}

    def encode(self, text: str) -> list[int]:
        """Labels of `text` after the text rules.

        Raises:
            DataError: a character is not in the alphabet.
        """
        try:
            return [self._labels[character] for character in normalise_text(text)]
        except KeyError:
            unknown = ", ".join(f"{character!r}" for character in sorted(self.missing([text])))
            raise DataError(f"not in the alphabet: {unknown} in {text!r}") from None

    def decode(self, labels: Sequence[int]) -> str:
        """The characters of `labels`; the blank and repetitions must be gone already."""
        return "".join(self.characters[label - 1] for label in labels)

    def missing(self, texts: Iterable[str]) -> Counter[str]:
        """Characters of `texts` that the alphabet lacks, with their counts."""
        return Counter(
            character for text in texts for character in normalise_text(text) if character not in self._labels
        )


def steps_needed(text: Sequence[object]) -> int:
    """Fewest time steps on which CTC can align `text` (characters or labels): length + equal neighbours.

    Between two equal neighbours CTC needs a blank (Graves et al. 2006).
    """
    return len(text) + sum(a == b for a, b in pairwise(text))
