"""Edit distance, character error rate (CER) and word error rate (WER).

Both rates are pooled: the sum of edits over the sum of reference lengths, not a mean of the lines' rates.
Case and punctuation count. Needs NumPy only; the `editdistance` library makes it faster where it is installed.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.text import normalise_text

try:
    from editdistance import eval as _library_distance
except ImportError:  # a machine that only trains has torch, NumPy and Pillow
    _library_distance = None


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Levenshtein distance: the fewest insertions, deletions and substitutions that turn `a` into `b`.

    Works on strings (code points) and on any sequences of hashable items, such as lists of words or labels.
    """
    codes_a, codes_b = _as_codes(a, b)
    if _library_distance is not None:
        return int(_library_distance(codes_a, codes_b))
    return _edit_distance_rows(codes_a, codes_b)


def _as_codes(a: Sequence[Hashable], b: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """Both sequences as integers >= 0 that are equal where the items are equal.

    The library compares hashes; equal hashes of unequal items (-1 and -2 in CPython) must not count as equal.
    """
    codes: dict[Hashable, int] = {}
    return [codes.setdefault(item, len(codes)) for item in a], [codes.setdefault(item, len(codes)) for item in b]


def _edit_distance_rows(a: Sequence[int], b: Sequence[int]) -> int:
    """Wagner and Fischer (1974), one NumPy row for each item of `a`."""
    columns: NDArray[np.int64] = np.arange(len(b) + 1, dtype=np.int64)
    items_b = np.asarray(b, dtype=np.int64)
    row = columns.copy()
    for item in a:
        best = row + 1  # deletion
        np.minimum(best[1:], row[:-1] + (items_b != item), out=best[1:])  # match or substitution
        # Insertions run along the row: row[j] = min over k <= j of best[k] + (j - k).
        row = np.minimum.accumulate(best - columns) + columns
    return int(row[-1])


@dataclass(frozen=True)
class ErrorCounts:
    """Edits and the length of the reference, in characters or words; add them up to pool lines."""

    edits: int = 0
    reference_length: int = 0

    @property
    def rate(self) -> float:
        """Edits over reference length; it exceeds 1 when more was read than was written.

        An empty reference: 0 when there is no edit either, infinity when something was read.
        """
        if self.reference_length == 0:
            return 0.0 if self.edits == 0 else float("inf")
        return self.edits / self.reference_length

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(self.edits + other.edits, self.reference_length + other.reference_length)


def character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Edits between the code points of two texts, after the text rules (`normalise_text`) on both sides."""
    reference, hypothesis = normalise_text(reference), normalise_text(hypothesis)
    return ErrorCounts(edit_distance(reference, hypothesis), len(reference))


def word_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Edits between the whitespace-separated words of two texts, after the text rules on both sides."""
    words, read = normalise_text(reference).split(), normalise_text(hypothesis).split()
    return ErrorCounts(edit_distance(words, read), len(words))


def right_words(reference: str, hypothesis: str) -> tuple[bool, ...]:
    """For each word of `hypothesis` whether it is right: whether it meets its equal in the reference.

    Words meet as in the word errors, by an alignment with the fewest edits; of these, by one with the most right
    words. The text rules hold for both sides.
    """
    words, read = normalise_text(reference).split(), normalise_text(hypothesis).split()
    if words == read:
        return (True,) * len(read)
    # One number a cell holds both: edits count more than all words together can be right.
    edit = len(words) + len(read) + 1
    costs = [[edit * column for column in range(len(read) + 1)]]
    for row, word in enumerate(words, start=1):
        above, here = costs[-1], [edit * row]
        for column, other in enumerate(read):
            met = above[column] + (-1 if word == other else edit)
            here.append(min(met, above[column + 1] + edit, here[column] + edit))
        costs.append(here)
    right = [False] * len(read)
    row, column = len(words), len(read)
    while row and column:
        equal = words[row - 1] == read[column - 1]
        if costs[row][column] == costs[row - 1][column - 1] + (-1 if equal else edit):
            right[column - 1] = equal
            row, column = row - 1, column - 1
        elif costs[row][column] == costs[row - 1][column] + edit:
            row -= 1
        else:
            column -= 1
    return tuple(right)
