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
"""The label of the CTC blank; the labels of characters start at 1."""

BYTE_ORDER_MARK = "\ufeff"

Direction = Literal["ltr", "rtl"]
"""Direction of the lines of a text: left to right, or right to left."""

_BIDI = r"\u202a-\u202e\u2066-\u2069"
"""Controls that reverse the text after them, so that a name can look like another (Unicode TR 36, 2.10)."""
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}]")
_CONTROL_OR_BREAK = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
_BYTES = re.compile("[\udc80-\udcff]+")
"""Bytes that Python could not decode, as lone surrogates (PEP 383)."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Blocks of right-to-left scripts (Unicode 15, DerivedBidiClass)."""


def normalise_text(text: str) -> str:
    """Return text in NFC without byte order marks; runs of whitespace become one space, ends are stripped."""
    return " ".join(unicodedata.normalize("NFC", text.replace(BYTE_ORDER_MARK, "")).split())


def invisible_characters(characters: Iterable[str]) -> list[str]:
    """Return the format characters, such as U+200B, and control characters (Unicode Cf and Cc), which are invisible."""
    return [character for character in characters if unicodedata.category(character) in ("Cf", "Cc")]


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return `text` with control characters, which a terminal would follow, as escapes, such as `\x1b` or `\u202e`.

    Args:
        lines: keep newlines and tabs.
    """
    pattern = _CONTROL if lines else _CONTROL_OR_BREAK
    return pattern.sub(lambda found: ascii(found[0])[1:-1], decode_name(text, "backslashreplace"))


def decode_name(name: str, errors: str = "surrogateescape") -> str:
    """Return the name of a file with the bytes decoded as UTF-8 that Python could not decode, as in an ASCII locale."""
    return _BYTES.sub(lambda found: found[0].encode("ascii", "surrogateescape").decode("utf-8", errors), name)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 line`, `2,000 lines`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def has_surrogates(text: str) -> bool:
    """Return whether a text has lone surrogates: bytes that were not UTF-8, or broken escapes of JSON."""
    return _SURROGATES.search(text) is not None


def has_right_to_left(text: str) -> bool:
    """Return whether a text has letters or marks of a right-to-left script."""
    return _RIGHT_TO_LEFT.search(text) is not None


@dataclass(frozen=True)
class Alphabet:
    """The characters that a model can write, in the order of their labels 1, 2, 3, ...

    Labels are in the order of the image, from left to right; texts are in logical order. `direction` is the main
    direction of lines with right-to-left letters.
    """

    characters: str
    direction: Direction = "ltr"

    def __post_init__(self) -> None:
        if len(set(self.characters)) != len(self.characters):
            raise DataError("alphabet: a character occurs twice")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Alphabet":
        """Return the alphabet of the normalised `texts`: sorted code points, and the direction of most letters."""
        characters: set[str] = set()
        balance = 0
        for text in map(normalise_text, texts):
            characters.update(text)
            balance += _balance(text)
        if has_right_to_left("".join(characters)):
            from bidi.mirror import MIRRORED

            characters.update(MIRRORED.get(character, character) for character in tuple(characters))
        return cls("".join(sorted(characters)), "rtl" if balance > 0 else "ltr")

    @property
    def classes(self) -> int:
        """Return the number of network outputs: all characters and the blank."""
        return len(self.characters) + 1

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {character: label for label, character in enumerate(self.characters, start=1)}

    def encode(self, text: str) -> list[int]:
        """Return the labels of the normalised `text`, in the order of the image.

        Raises:
            DataError: a character is not in the alphabet.
        """
        try:
            return [self._labels[character] for character in to_display(normalise_text(text), self.direction)]
        except KeyError:
            unknown = ", ".join(f"{character!r}" for character in sorted(self.missing([text])))
            raise DataError(f"not in the alphabet: {unknown} in {text!r}") from None

    def decode(self, labels: Sequence[int]) -> str:
        """Return the text of `labels`, which must not contain the blank or repetitions."""
        return to_logical("".join(self.characters[label - 1] for label in labels), self.direction)

    def missing(self, texts: Iterable[str]) -> Counter[str]:
        """Return the characters of `texts` that are not in the alphabet, with their counts."""
        shown = (to_display(normalise_text(text), self.direction) for text in texts)
        return Counter(character for text in shown for character in text if character not in self._labels)


def steps_needed(text: Sequence[object]) -> int:
    """Return the minimum time steps on which CTC can align `text` (characters or labels): length + equal neighbours.

    Between two equal neighbours CTC needs a blank (Graves et al. 2006).
    """
    return len(text) + sum(a == b for a, b in pairwise(text))


# --- right-to-left text ------------------------------------------------------------------------------------------


def to_display(text: str, direction: Direction) -> str:
    """Return text in display order, from left to right on paper, with brackets mirrored.

    This is the Unicode Bidirectional Algorithm (UAX 9) without rule N0 (paired brackets). Combining marks stay after
    their letters. Text without right-to-left letters does not change; other lines begin at the right if `direction` is
    `rtl`.
    """
    return text if not has_right_to_left(text) else "".join(character for _, character in _arrange(text, direction))


def to_logical(text: str, direction: Direction) -> str:
    """Return text in logical order from text in display order: the inverse of `to_display`.

    Several texts can look the same on paper; one of them is returned.
    """
    return "".join(character for _, character in logical_order(text, direction))


def logical_order(text: str, direction: Direction) -> list[tuple[int, str]]:
    """Return the characters of `to_logical` with their positions in `text`."""
    if not has_right_to_left(text):
        return list(enumerate(text))
    # The algorithm is its own inverse except for digits, whose class depends on the letters before them (rule W2): in
    # Arabic they are like Arabic digits, except before the first letter, which is at the right end of the line.
    last = max(position for position, character in enumerate(text) if has_right_to_left(character))
    arranged = [_arrange(text, direction, arabic_digits) for arabic_digits in (0, len(text), last)]
    same = (one for one in arranged if to_display("".join(character for _, character in one), direction) == text)
    return next(same, arranged[0])


def _arrange(text: str, direction: Direction, arabic_digits: int | None = None) -> list[tuple[int, str]]:
    """Return the characters of a text in display order, brackets mirrored, with their positions in it.

    Digits become Arabic digits by the algorithm's rule or, if given, at positions before `arabic_digits`.
    """
    from bidi import algorithm

    storage = algorithm.get_empty_storage()
    storage["base_level"] = int(direction == "rtl")
    storage["base_dir"] = "R" if direction == "rtl" else "L"
    algorithm.get_embedding_levels(text, storage)
    for position, entry in enumerate(storage["chars"]):
        entry["position"] = position
        entry["type"] = _bidi_class(text, position, entry["type"])
        if arabic_digits is not None:
            changed = {"AL": "R", "EN": "AN" if position < arabic_digits else "EN"}
            entry["type"] = changed.get(entry["type"], entry["type"])
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    algorithm.reorder_resolved_levels(storage, False)
    algorithm.apply_mirroring(storage, False)
    arranged: list[tuple[int, str]] = []
    marks: list[tuple[int, str]] = []
    for entry in storage["chars"]:
        character = entry["position"], entry["ch"]
        if entry["level"] % 2 and unicodedata.combining(entry["ch"]):
            marks.append(character)
            continue
        arranged += [character, *reversed(marks)]
        marks = []
    return arranged + marks


def _bidi_class(text: str, position: int, given: str) -> str:
    """Return the class of a character: the one that the library gave it, or the nearest that it knows.

    Isolates are taken for embeddings, which set the same direction, and characters that Unicode has not assigned for
    letters that run from left to right, as UAX 9 recommends.
    """
    if given == "FSI":  # the first letter decides
        classes = map(unicodedata.bidirectional, text[position:])
        return "LRE" if next((one for one in classes if one in ("L", "R", "AL")), "L") == "L" else "RLE"
    return {"": "L", "LRI": "LRE", "RLI": "RLE", "PDI": "PDF"}.get(given, given)


def _balance(text: str) -> int:
    """Return how many more letters of a text are of right-to-left scripts than of others."""
    if not has_right_to_left(text):
        return -len(text)
    letters = [unicodedata.bidirectional(character) in ("R", "AL") for character in text if character.isalpha()]
    return 2 * sum(letters) - len(letters)
