"""Text rules and alphabet, against unicodedata, a regular expression and a small CTC enumeration."""

import itertools
import random
import re
import unicodedata

import pytest

from hwr.errors import DataError
from hwr.text import (
    BLANK,
    Alphabet,
    counted,
    has_right_to_left,
    invisible_characters,
    normalise_text,
    steps_needed,
    to_display,
    to_logical,
)

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


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(n, "line") for n in (0, 1, 2, 2000)] == ["0 lines", "1 line", "2 lines", "2,000 lines"]


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


def test_byte_order_marks_are_removed_and_other_invisible_characters_are_found() -> None:
    assert normalise_text("\ufeffa\ufeff b") == "a b"
    assert invisible_characters("a\u200b\u00ad \u200e\u0301") == ["\u200b", "\u00ad", "\u200e"]


# --- right-to-left text ------------------------------------------------------------------------------------------

SHALOM, OLAM = "\u05e9\u05dc\u05d5\u05dd", "\u05e2\u05d5\u05dc\u05dd"
SALAM = "\u0633\u0644\u0627\u0645"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{SHALOM} {OLAM}", f"{OLAM[::-1]} {SHALOM[::-1]}"),
        (f"{SHALOM} 12,5 {OLAM}", f"{OLAM[::-1]} 12,5 {SHALOM[::-1]}"),
        (f"{SHALOM} (1948)", f"(1948) {SHALOM[::-1]}"),
        (f"{SHALOM} London, {OLAM}.", f".{OLAM[::-1]} ,London {SHALOM[::-1]}"),
        (f"{SALAM} 1948-1949", f"1949-1948 {SALAM[::-1]}"),
        (f"{SALAM} \u0661\u0662 \u0663", f"\u0663 \u0661\u0662 {SALAM[::-1]}"),
        ("plain (text) 12", "plain (text) 12"),
    ],
)
def test_display_order_by_the_rules_of_unicode(text: str, shown: str) -> None:
    assert to_display(text, "rtl") == shown
    assert to_logical(shown, "rtl") == text


def test_display_order_equals_the_one_of_another_implementation() -> None:
    """Without brackets: Rust has rule N0, of paired brackets, and the Python of the library does not."""
    from bidi import get_display

    generator = random.Random(0)
    parts = [SHALOM, OLAM, SALAM, "abc", "12", "3.5", "7-8", ",", ".", " ", " ", "50%", "\u0661", "\u0378"]
    for _ in range(2000):
        text = normalise_text("".join(generator.choices(parts, k=generator.randint(1, 12))))
        if has_right_to_left(text):
            for direction, base in (("rtl", "R"), ("ltr", "L")):
                assert to_display(text, direction) == get_display(text, base_dir=base)  # type: ignore[arg-type]


@pytest.mark.parametrize("isolate", "\u2066\u2067\u2068")
@pytest.mark.parametrize("inner", ["abc 12", f"{OLAM} 12", "12", f"abc {OLAM}"])
def test_isolates_set_a_direction_and_are_not_shown(isolate: str, inner: str) -> None:
    from bidi import get_display

    text = f"{SHALOM} {isolate}{inner}\u2069 {SALAM}"
    shown = get_display(text, base_dir="R")
    assert isinstance(shown, str)
    assert to_display(text, "rtl") == re.sub("[\u2066-\u2069]", "", shown)


@pytest.mark.parametrize("letters", ["".join(map(chr, range(0x5D0, 0x5EB))), "".join(map(chr, range(0x628, 0x63B)))])
def test_texts_with_numbers_come_back_from_display_order(letters: str) -> None:
    generator = random.Random(1)
    numbers = ("{}", "{}-{}", "{}/{}/{}", "{}%", "{}.{}", "({})", "{},{}")
    for _ in range(2000):
        tokens = []
        for _ in range(generator.randint(1, 8)):
            word = "".join(generator.choices(letters, k=generator.randint(1, 6))) + generator.choice(("", ",", "."))
            number = generator.choice(numbers).format(*(generator.randint(1, 1999) for _ in range(3)))
            tokens.append(number if generator.random() < 0.3 else word)
        text = normalise_text(" ".join(tokens))
        assert to_logical(to_display(text, "rtl"), "rtl") == text


def test_marks_stay_behind_their_letters() -> None:
    pointed = "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd"
    shown = to_display(pointed, "rtl")
    assert shown == "\u05dd\u05d5\u05b9\u05dc\u05e9\u05b8\u05c1"
    assert normalise_text(shown) == shown and to_logical(shown, "rtl") == pointed


def test_an_alphabet_has_labels_in_the_order_of_the_image() -> None:
    texts = [f"{SHALOM} (12", "a"]
    alphabet = Alphabet.of(texts)
    assert alphabet.direction == "rtl" and Alphabet.of(["abc", SHALOM[:2]]).direction == "ltr"
    labels = alphabet.encode(texts[0])
    assert "".join(alphabet.characters[label - 1] for label in labels) == f"12) {SHALOM[::-1]}"
    assert alphabet.decode(labels) == texts[0] and not alphabet.missing(texts)
