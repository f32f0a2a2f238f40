"""Text rules and alphabet, against unicodedata, a regular expression and a small CTC enumeration."""

import itertools
import random
import re
import unicodedata

import pytest

from hwr.errors import DataError
from hwr.text import BLANK, Alphabet, normalise_text, steps_needed

CHARACTERS = "aAéÉœ’«» \t\n\r\u00a0\u2003\u3000\u0301\u0327\u200d👍ﬁÅ\u212b한ㅎ"


def random_texts(count: int) -> list[str]:
    generator = random.Random(0)
    return ["".join(generator.choices(CHARACTERS, k=generator.randint(0, 20))) for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\n ", ""),
        ("  two \u00a0\u2003 words\n", "two words"),
        ("e\u0301te\u0301", "été"),
        ("A\u030a", "Å"),
        ("\u212b", "Å"),  # ANGSTROM SIGN has a canonical equivalent
        ("ﬁn", "ﬁn"),  # NFC keeps compatibility characters
    ],
)
def test_normalise_text_known_values(text: str, expected: str) -> None:
    assert normalise_text(text) == expected


def test_normalise_text_equals_the_rules_as_written() -> None:
    for text in random_texts(500):
        expected = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()
        assert normalise_text(text) == expected
        assert normalise_text(normalise_text(text)) == expected
        assert normalise_text(unicodedata.normalize("NFD", text)) == expected


def test_alphabet_is_sorted_and_complete() -> None:
    alphabet = Alphabet.of(["b a", "e\u0301", "a\tb"])
    assert alphabet.characters == " abé"
    assert alphabet.classes == 5


def test_encode_and_decode_are_inverse() -> None:
    texts = random_texts(200)
    alphabet = Alphabet.of(texts)
    for text in texts:
        labels = alphabet.encode(text)
        assert BLANK not in labels
        assert alphabet.decode(labels) == normalise_text(text)


def test_encode_names_what_is_missing() -> None:
    with pytest.raises(DataError, match=r"'x', 'é'"):
        Alphabet("ab ").encode("abxé ")


def test_missing_counts_each_character() -> None:
    assert Alphabet("ab").missing(["abc", "c d", "ab"]) == {"c": 2, " ": 1, "d": 1}


def test_a_repeated_character_is_refused() -> None:
    with pytest.raises(DataError, match="twice"):
        Alphabet("aba")


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    """CTC's map from paths to labels: equal neighbours become one, then blanks go."""
    return tuple(label for label, _ in itertools.groupby(path) if label != BLANK)


@pytest.mark.parametrize("labels", [(), (1,), (1, 1), (1, 2), (1, 2, 2), (1, 1, 1), (2, 1, 1, 2)])
def test_steps_needed_equals_the_shortest_path(labels: tuple[int, ...]) -> None:
    shortest = next(
        steps
        for steps in itertools.count()
        if any(collapse(path) == labels for path in itertools.product((0, 1, 2), repeat=steps))
    )
    assert steps_needed(labels) == shortest
    assert steps_needed("".join("_ab"[label] for label in labels)) == shortest
