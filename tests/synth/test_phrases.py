"""Phrases: rules, languages, and what prose lacks."""

import re
from collections import Counter

import numpy as np
import pytest

from hwr.errors import UsageError
from hwr.synth.phrases import LANGUAGES, Grammar, find_language, grammar, phrase, read_rules
from hwr.text import normalise_text

ASCII = set(map(chr, range(33, 127))) - set("~`")
LETTERS = {
    "da": "æøåÆØ",
    "nl": "ëïéË",
    "en": "£½",
    "fr": "éèêëàâçùûîïôœÉÈÀÇ",
    "de": "äöüßÄÖÜ",
    "it": "àèéìòùÀÈÉÌÒÙ",
    "no": "æøåÆØÅ",
    "pt": "ãõáéíóúâêôçÃÕÇÉ",
    "es": "ñáéíóúü¿¡ÑÁÉÍÓÚ",
    "sv": "åäöéÅÄÖ",
}
"""Letters that the language is not written without."""

SENTENCES = {
    "en": "He said that it was not his, and to the end of the day she had kept it in the house with you.",
    "de": "Der Vater und die Mutter gingen mit dem Kind auf den Berg, das Wetter ist nicht zu schlecht.",
    "nl": "De man is niet met het paard op de markt, en hij zijn vrouw voor een huis dat te koop is.",
}


def drawn(text: str, rule: str = "start", times: int = 2000) -> Counter[str]:
    made, generator = Grammar(read_rules(text)), np.random.default_rng(1)
    return Counter(made.expand(rule, generator) for _ in range(times))


def test_templates_are_drawn_by_weight() -> None:
    counts = drawn("start: 3* a | b")
    assert counts.keys() == {"a", "b"}
    assert 0.7 < counts["a"] / counts.total() < 0.8


def test_parts_are_drawn_and_put_in_capitals() -> None:
    assert drawn("start: {^x} and {^^x}, {x}\nx = élan").keys() == {"Élan and ÉLAN, élan"}


def test_numbers_run_over_their_range_with_both_ends() -> None:
    assert drawn("start: {8-11}").keys() == {"8", "9", "10", "11"}
    assert drawn("start: {00-02}/{1-1}").keys() == {"00/1", "01/1", "02/1"}


def test_rules_run_over_lines_and_words_take_spaces() -> None:
    assert read_rules("# note\na: x | y z |\n    {b}\nb = one\n    two~three") == {
        "a": ("x", "y z", "{b}"),
        "b": ("one", "two three"),
    }


@pytest.mark.parametrize("text", ["start", "start: a\nstart: b"])
def test_rules_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="start"):
        read_rules(text)


def test_a_missing_rule_is_named() -> None:
    with pytest.raises(ValueError, match=r"start names rules that are missing: nothing"):
        Grammar(read_rules("start: a {nothing}"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_are_of_many_kinds_and_have_the_letters_of_the_language(language: str) -> None:
    generator = np.random.default_rng(1)
    phrases = [phrase(generator, language) for _ in range(4000)]
    assert len(set(phrases)) > 2000
    assert all(text and text == normalise_text(text) for text in phrases)
    used = set("".join(phrases))
    assert set(LETTERS[language]) <= used, set(LETTERS[language]) - used
    used |= set("".join(phrase(generator, language, "signs") for _ in range(2000)))
    assert used >= ASCII, sorted(ASCII - used)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_can_be_drawn(language: str) -> None:
    generator = np.random.default_rng(2)
    for kind in grammar(language).rules:
        text = phrase(generator, language, kind)
        assert text and not re.search(r"\{[\w^-]+\}|~", text), (kind, text)


@pytest.mark.parametrize(
    ("language", "kind", "expected"),
    [
        ("en", "phrase", r"(January|March|July|May) \d{1,2}(st|nd|rd|th), \d{4}"),
        ("en", "phrase", r"£\d+|\$\d{1,3},\d{3}"),
        ("en", "phrase", r"\b\d{1,2}:\d\d (a|p)\.m\."),
        ("en", "figures", r"^\d+% [A-Z][a-z]+ [A-Z][a-z]+$"),
        ("en", "figures", r"^- \d \d/\d - \d+$"),
        ("en", "figures", r"^[A-Z]{4,} \d+' x \d+'$"),
        ("en", "shopping", r"^\d (lbs?\.|doz\.) [a-z]+$"),
        ("fr", "phrase", r"le (1er|\d{1,2}) (janvier|février|août) \d{4}"),
        ("fr", "phrase", r"\d+ fr\. \d\d"),
        ("de", "phrase", r"den \d{1,2}\. (März|Mai|Januar) \d{4}"),
        ("de", "sum", r"^(Summe|Summa|Übertrag):? \d+,\d"),
        ("it", "phrase", r"\d{1,2} (gennaio|luglio) \d{4}"),
        ("es", "phrase", r"\d{1,2} de (enero|julio) de \d{4}"),
        ("pt", "phrase", r"\d+ réis"),
        ("sv", "form", r"^(Namn|Född|Ort|Ålder|Yrke)"),
    ],
)
def test_what_prose_lacks_is_there(language: str, kind: str, expected: str) -> None:
    generator = np.random.default_rng(2)
    assert any(re.search(expected, phrase(generator, language, kind)) for _ in range(6000))


def test_languages_are_found_by_their_frequent_words() -> None:
    for language, sentence in SENTENCES.items():
        assert find_language(sentence) == language
    assert find_language("Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae") is None
    assert find_language("") is None


def test_unknown_names_are_one_line() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(UsageError, match=r"no phrases for the language 'latin'; available: da, de, "):
        phrase(generator, "latin")
    with pytest.raises(UsageError, match=r"no phrases of the kind 'poem' in nl; available: phrase, figures, "):
        phrase(generator, "nl", "poem")
