"""Edit distance, character error rate (CER) and word error rate (WER).

Both rates are pooled: the sum of edits over the sum of reference lengths, not a mean of the lines' rates.
Case and punctuation count. The distance is that of `editdistance`, or of `rapidfuzz` on Python 3.13 and later, which
`editdistance` has no wheels for; both give the same numbers.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hwr.text import normalise_text

try:
    from editdistance import eval as _distance
except ImportError:
    from rapidfuzz.distance.Levenshtein import distance as _distance


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the Levenshtein distance: the minimum number of insertions, deletions and substitutions from `a` to `b`.

    Works on strings (code points) and on any sequences of hashable items, such as lists of words or labels.
    """
    # The libraries compare hashes; unequal items of equal hash (-1 and -2 in CPython) must not count as equal.
    codes: dict[Hashable, int] = {}
    codes_a, codes_b = ([codes.setdefault(item, len(codes)) for item in items] for items in (a, b))
    return int(_distance(codes_a, codes_b))


@dataclass(frozen=True)
class ErrorCounts:
    """Edits and the length of the reference, in characters or words; add them up to pool lines."""

    edits: int = 0
    reference_length: int = 0

    @property
    def rate(self) -> float:
        """Edits over reference length; above 1 if there are more edits than items in the reference.

        For an empty reference it is 0 without edits, and infinity otherwise.
        """
        if self.reference_length == 0:
            return 0.0 if self.edits == 0 else float("inf")
        return self.edits / self.reference_length

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(self.edits + other.edits, self.reference_length + other.reference_length)


def character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the edits between the code points of two texts, both normalised (`normalise_text`)."""
    reference, hypothesis = normalise_text(reference), normalise_text(hypothesis)
    return ErrorCounts(edit_distance(reference, hypothesis), len(reference))


def word_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the edits between the whitespace-separated words of two texts, both normalised."""
    words, read = normalise_text(reference).split(), normalise_text(hypothesis).split()
    return ErrorCounts(edit_distance(words, read), len(words))


def right_words(reference: str, hypothesis: str) -> tuple[bool, ...]:
    """Return, for each word of `hypothesis`, whether it is right: whether it is aligned with an equal word.

    The alignment is one with the fewest edits, as for word errors; of these, one with the most right words. Both texts
    are normalised.
    """
    words, read = normalise_text(reference).split(), normalise_text(hypothesis).split()
    if words == read:
        return (True,) * len(read)
    # One number per cell holds both: edits count more than all right words together.
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
