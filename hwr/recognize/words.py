"""Characters on time steps -> words on columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hwr.decode.greedy import CharacterSpan, line_confidence


@dataclass(frozen=True)
class WordSpan:
    """A word and the part of its line that it covers, as shares of the line's width from 0 to 1."""

    text: str
    confidence: float
    start: float
    stop: float


def find_words(characters: Sequence[CharacterSpan], steps: int) -> list[WordSpan]:
    """The words of a line with the share of its width that each covers.

    CTC marks a character on one or two steps near its middle. So a word reaches half a character's usual distance
    beyond its first and last mark, but not over the middle of the blank beside it.

    Args:
        characters: the line's characters, as the decoder gives them.
        steps: time steps of the line.
    """
    if not characters or steps < 1:
        return []
    usual = (characters[-1].stop - characters[0].start) / len(characters)
    words = []
    for first, last in _runs(characters):
        left = characters[first].start - usual / 2
        right = characters[last].stop + usual / 2
        if first > 0:
            left = max(left, _middle(characters[first - 1]))
        if last + 1 < len(characters):
            right = min(right, _middle(characters[last + 1]))
        spans = characters[first : last + 1]
        words.append(
            WordSpan(
                "".join(span.character for span in spans),
                line_confidence(spans),
                max(0.0, left / steps),
                min(1.0, right / steps),
            )
        )
    return words


def _runs(characters: Sequence[CharacterSpan]) -> Iterator[tuple[int, int]]:
    """First and last index of each run without blanks."""
    first = None
    for index, span in enumerate(characters):
        if span.character != " ":
            first = index if first is None else first
        elif first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(characters) - 1


def _middle(span: CharacterSpan) -> float:
    return (span.start + span.stop) / 2
