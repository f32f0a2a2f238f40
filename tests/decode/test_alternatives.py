"""Other readings of words and lines."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.decode.alternatives import line_alternatives, share_out, word_alternatives
from hwr.decode.lattice import align, best_path, text_log_probability
from hwr.text import Alphabet

ALPHABET = Alphabet(" abcd")
SPACE, A, B, C, D = range(1, 6)


def network(*steps: dict[int, float]) -> NDArray[np.float32]:
    """A time step of each dictionary of probabilities, a blank after each; what is left is shared by all classes."""
    rows = []
    for step in steps:
        for known in (step, {0: 0.99}):
            row = np.full(ALPHABET.classes, (1 - sum(known.values())) / ALPHABET.classes)
            for label, probability in known.items():
                row[label] += probability
            rows.append(row)
    return np.log(np.array(rows)).astype(np.float32)


LINE = network({A: 0.6, C: 0.35}, {B: 0.98}, {SPACE: 0.98}, {D: 0.7, B: 0.25}, {A: 0.98})
LABELS = [A, B, SPACE, D, A]


def test_words_get_the_readings_that_the_network_saw() -> None:
    spans = align(LINE, LABELS)
    first, second = word_alternatives(LINE, spans, ALPHABET, [0.6, 0.7], 3, lambda labels: 0.0)
    assert (first[0].text, second[0].text) == ("cb", "ba")
    for word, confidence in ((first, 0.6), (second, 0.7)):
        assert len(word) <= 3 and sum(other.confidence for other in word) <= 1 - confidence + 1e-9
        assert [other.confidence for other in word] == sorted((other.confidence for other in word), reverse=True)
        assert not {" ", ""}.intersection("".join(other.text for other in word)) - set("abcd")
    # Against the sum over all paths of each word on its own time steps.
    window = LINE[: spans[2].stop]
    one, other = (text_log_probability(window, [*ALPHABET.encode(word.text), SPACE]) for word in first[:2])
    assert first[0].confidence / first[1].confidence == pytest.approx(np.exp(one - other), rel=1e-3)


def test_a_line_read_along_its_best_path_gets_other_readings() -> None:
    others = line_alternatives(LINE, best_path(LINE), ALPHABET, 0.5, 3)
    # Against the sum over all paths of each text that differs from the chosen one in one or two doubtful places.
    texts = ["cb da", "ab ba", "cb ba"]
    sums = {text: text_log_probability(LINE, ALPHABET.encode(text)) for text in texts}
    assert [other.text for other in others] == sorted(texts, key=lambda text: -sums[text])
    assert sum(other.confidence for other in others) <= 0.5 + 1e-9
    ratio = np.exp(sums["cb da"] - sums["ab ba"])
    assert others[0].confidence / others[1].confidence == pytest.approx(ratio, rel=1e-2)


def test_the_scorer_changes_the_result() -> None:
    def score(labels: object) -> float:
        return 10.0 if labels == [D, B, SPACE, D, A] else 0.0

    first, _ = word_alternatives(LINE, align(LINE, LABELS), ALPHABET, [0.6, 0.7], 1, score)
    assert [other.text for other in first] == ["db"]


def test_what_is_left_is_shared_out_in_proportion() -> None:
    others = share_out(["a", "b", "c", "b", "a", ""], list(np.log([5, 2, 1, 0.5, 1, 1])), 0.7)
    assert [other.text for other in others] == ["b", "c"]
    assert [other.confidence for other in others] == pytest.approx([0.2, 0.1])
    assert share_out(["a"], [0.0], 0.7) == ()
