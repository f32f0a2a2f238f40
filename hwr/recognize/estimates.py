"""Estimates of how well lines were read, from the confidences of their words."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hwr.page.page import Line, Word

DOUBTFUL = 0.7
"""A line is doubtful if its words have a lower mean confidence. An image that was read as one line may then be a
page."""
WORTHLESS = 0.35
"""A reading whose words have a lower mean confidence is not useful: two words in three are wrong."""
BETTER, CONFIRMED = 1.3, 1.1
"""Factors by which another direction must have more right characters, estimated from the confidences: without and with
other evidence."""


def words_of(lines: Iterable[Line]) -> list[Word]:
    """Return the words of all lines."""
    return [word for line in lines for word in line.words]


def mean_confidence(words: Sequence[Word]) -> float:
    """Return the mean confidence of words; 0 without any."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def right_characters(lines: Iterable[Line]) -> float:
    """Return the number of right characters in lines, estimated from the confidences of their words."""
    return sum(word.confidence * len(word.text) for line in lines for word in line.words)


def main_language(lines: Iterable[Line]) -> str:
    """Return the language of most characters of the lines; empty if most are in none."""
    characters: Counter[str] = Counter()
    for line in lines:
        characters[line.language] += len(line.text)
    return max(characters, key=lambda code: characters[code], default="")


def trust(line: Line, lines: Sequence[Line]) -> float:
    """Return the mean confidence of a line's words, or 0 for a line that is foreign to its page.

    Such a line is in no known language, and a third or more of the page is in one.
    """
    known = sum(len(other.text) for other in lines if other.language)
    is_foreign = not line.language and 3 * known >= sum(len(other.text) for other in lines)
    return 0.0 if is_foreign else mean_confidence(line.words)
