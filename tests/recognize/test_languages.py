"""Documents of numbers: the share of their tokens against a count on texts, and the weight of their languages."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis
from hwr.decode.lattice import greedy_text
from hwr.lm.tokens import label_kinds
from hwr.recognize.decoder import BeamDecoder
from hwr.recognize.languages import FURTHER_TOKENS, FoundText, Language, Languages, number_share, settings_for_numbers
from hwr.text import Alphabet

ALPHABET = Alphabet(" ab12.")


def log_probs_of(text: str) -> NDArray[np.float64]:
    """Two steps of each character, and one of the blank."""
    probabilities = np.full((3 * len(text), ALPHABET.classes), 0.02)
    for index, label in enumerate(ALPHABET.encode(text)):
        probabilities[3 * index : 3 * index + 2, label] = 0.9
        probabilities[3 * index + 2, 0] = 0.9
    return np.log(probabilities / probabilities.sum(axis=1, keepdims=True))


def test_the_share_of_numbers_is_that_of_the_texts() -> None:
    random = np.random.default_rng(0)
    kinds = label_kinds(ALPHABET)
    for count in (0, 1, 2, 5):
        lines = [random.normal(0, 3, (40, ALPHABET.classes)) for _ in range(count)]
        tokens = [token for line in lines for token in greedy_text(line, ALPHABET).split()]
        numbers = sum(any(character.isdigit() for character in token) for token in tokens)
        assert number_share(lines, kinds) == pytest.approx(numbers / (len(tokens) + FURTHER_TOKENS))


class Recorded(Languages):
    """Reads nothing, and keeps how often it was asked to."""

    def __init__(self, settings: BeamSettings) -> None:
        super().__init__(settings, [], Language("", None))
        self.documents = 0

    def read(self, lines: Sequence[NDArray[np.floating]], results: int = 1) -> list[FoundText]:
        self.documents += 1
        return [FoundText((Hypothesis((), 0.0, 0.0),), Language("", None)) for _ in lines]


@pytest.mark.parametrize(
    ("document", "numbers"),
    [
        (["12 a. 2.1", "21", "b 1 12", "2. 2"], True),
        (["12 a b ab", "aa b a", "ab ba a", "b 2"], False),
        (["a 12"], False),  # one number in a short line shows nothing
        (["1 2 2 1 12"], True),
    ],
)
def test_languages_have_less_weight_in_documents_of_numbers(document: list[str], numbers: bool) -> None:
    settings = BeamSettings()
    usual, for_numbers = Recorded(settings), Recorded(settings_for_numbers(settings))
    BeamDecoder(settings, ALPHABET, usual, for_numbers).decode([log_probs_of(line) for line in document])
    assert (usual.documents, for_numbers.documents) == ((0, 1) if numbers else (1, 0))
    assert for_numbers.settings.weight == settings.weight / 2
    assert for_numbers.settings.insertion_bonus == settings.insertion_bonus / 2
    assert for_numbers.settings.width == settings.width
