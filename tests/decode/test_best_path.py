"""Best path decoding against a slow twin that walks step by step."""

import math
import unicodedata

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.best_paths import decode_greedy
from hwr.decode.lattice import greedy_text, text_log_probability
from hwr.text import Alphabet, normalise_text

ABC = Alphabet(" abc")


def path(labels: list[int], classes: int, probability: float = 0.9) -> NDArray[np.float32]:
    """Log-probabilities whose best path is `labels`."""
    probs = np.full((len(labels), classes), (1 - probability) / (classes - 1), np.float32)
    probs[np.arange(len(labels)), labels] = probability
    return np.log(probs).astype(np.float32)


def slow_twin(log_probs: NDArray[np.float32], alphabet: Alphabet) -> list[tuple[str, float, int, int]]:
    """Characters with confidence and span, found one time step at a time; before the text rules."""
    found: list[tuple[str, float, int, int]] = []
    last = 0
    for step, row in enumerate(log_probs.tolist()):
        label = max(range(len(row)), key=lambda index: (row[index], -index))
        probability = math.exp(min(row[label], 0.0))
        if label != 0 and label != last:
            found.append((alphabet.characters[label - 1], probability, step, step + 1))
        elif label != 0:
            character, before, start, _ = found[-1]
            found[-1] = (character, max(before, probability), start, step + 1)
        last = label
    return found


def test_equals_the_slow_twin_on_random_paths() -> None:
    random = np.random.default_rng(1)
    alphabet = Alphabet("abcdé")  # no blank character: the text rules change nothing
    for steps in (1, 2, 3, 17, 200):
        for _ in range(20):
            scores = random.normal(scale=2, size=(steps, alphabet.classes)).astype(np.float32)
            log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
            reading = decode_greedy(log_probs, alphabet)
            expected = slow_twin(log_probs, alphabet)
            assert [(s.character, s.start, s.stop) for s in reading.characters] == [
                (c, b, e) for c, _, b, e in expected
            ]
            assert np.allclose([s.confidence for s in reading.characters], [p for _, p, _, _ in expected], atol=1e-6)
            labels = alphabet.encode("".join(c for c, _, _, _ in expected))
            assert reading.confidence == pytest.approx(math.exp(text_log_probability(log_probs, labels)), rel=1e-5)
            assert greedy_text(log_probs, alphabet) == reading.text


def test_repeated_label_is_one_letter_and_a_blank_makes_two() -> None:
    assert decode_greedy(path([2, 2, 2, 3], 5), ABC).text == "ab"
    doubled = decode_greedy(path([2, 2, 0, 2, 3], 5), ABC)
    assert doubled.text == "aab"
    assert [(s.start, s.stop) for s in doubled.characters] == [(0, 2), (3, 4), (4, 5)]


def test_blank_only_and_no_steps() -> None:
    silent = decode_greedy(path([0] * 7, 5, 0.8), ABC)
    assert (silent.text, silent.characters) == ("", ())
    assert silent.confidence == pytest.approx(0.8**7, abs=1e-6)
    empty = decode_greedy(np.zeros((0, 5), np.float32), ABC)
    assert (empty.text, empty.confidence, empty.characters) == ("", 1.0, ())


def test_whitespace_follows_the_text_rules_and_spans_stay_with_the_text() -> None:
    reading = decode_greedy(path([1, 0, 2, 1, 0, 1, 3, 1], 5), ABC)
    assert reading.text == "a b"
    assert "".join(s.character for s in reading.characters) == reading.text
    assert [(s.start, s.stop) for s in reading.characters] == [(2, 3), (3, 6), (6, 7)]
    assert decode_greedy(path([1, 0, 1, 1], 5), ABC).text == ""


def test_marks_that_were_read_alone_join_their_letter() -> None:
    alphabet = Alphabet("eq\u0301\u0303")
    reading = decode_greedy(path([1, 0, 3, 2, 4, 1], 5), alphabet)
    assert reading.text == normalise_text("e\u0301q\u0303e") == "\u00e9q\u0303e"
    assert [s.character for s in reading.characters] == ["\u00e9", "q\u0303", "e"]
    assert [(s.start, s.stop) for s in reading.characters] == [(0, 3), (3, 5), (5, 6)]
    hangul = Alphabet(unicodedata.normalize("NFD", "\ud55c"))
    assert decode_greedy(path([1, 2, 3], 4), hangul).text == "\ud55c"


def test_text_equals_the_joined_characters_on_any_path() -> None:
    random = np.random.default_rng(2)
    alphabet = Alphabet(" \u00a0ae\u0301\u0327")
    for _ in range(200):
        log_probs = path(random.integers(0, alphabet.classes, 12).tolist(), alphabet.classes)
        reading = decode_greedy(log_probs, alphabet)
        raw = "".join(character for character, _, _, _ in slow_twin(log_probs, alphabet))
        assert reading.text == "".join(s.character for s in reading.characters) == normalise_text(raw)
        assert reading.text == greedy_text(log_probs, alphabet)
        assert len(reading.words) == len(reading.text.split())
        assert all(0 <= s.confidence <= 1 and s.start < s.stop for s in reading.characters)
        borders = [border for s in reading.characters for border in (s.start, s.stop)]
        assert borders == sorted(borders)


def test_confidence_never_leaves_zero_to_one() -> None:
    rounded_up = np.array([[-20.0, 1e-6, -20, -20, -20]], np.float32)
    reading = decode_greedy(rounded_up, ABC)
    assert reading.confidence == 1.0 or 0.999 < reading.confidence <= 1.0


def test_wrong_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 5\)"):
        decode_greedy(np.zeros((3, 4), np.float32), ABC)
