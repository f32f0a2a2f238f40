"""Words and their places from character spans."""

import pytest

from hwr.decode.greedy import CharacterSpan
from hwr.recognize.words import find_words


def spans(text: str, pitch: int = 4) -> list[CharacterSpan]:
    """One step of mark in the middle of each character's `pitch` steps."""
    return [CharacterSpan(c, 0.9, i * pitch + 2, i * pitch + 3) for i, c in enumerate(text)]


def test_words_cover_their_characters_and_meet_in_the_blank() -> None:
    words = find_words(spans("ab cde"), steps=24)
    assert [word.text for word in words] == ["ab", "cde"]
    assert words[0].start * 24 <= 2 and words[0].stop * 24 == pytest.approx(8.9, abs=0.3)
    assert words[1].start * 24 == pytest.approx(12, abs=1.6) and words[1].stop * 24 >= 23
    assert words[0].stop <= words[1].start


def test_many_words_lie_in_order_and_inside_the_line() -> None:
    words = find_words(spans("a bb c dddd e"), steps=52)
    edges = [edge for word in words for edge in (word.start, word.stop)]
    assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= 1
    assert [word.text for word in words] == ["a", "bb", "c", "dddd", "e"]


def test_confidence_is_the_mean_of_the_words_own_characters() -> None:
    characters = [CharacterSpan("a", 0.25, 0, 1), CharacterSpan("b", 1.0, 1, 2), CharacterSpan(" ", 0.01, 2, 3)]
    assert find_words(characters, 3)[0].confidence == pytest.approx(0.5)


def test_nothing_read() -> None:
    assert find_words([], 10) == []
    assert find_words([CharacterSpan(" ", 0.9, 0, 1)], 1) == []
