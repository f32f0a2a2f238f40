"""Numbers and capitals: what a model's scores become in each mode."""

import numpy as np
import pytest

from helpers.lm_texts import sentences
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text
from hwr.lm.model import Model, make_model
from hwr.lm.scorer import NgramScorer
from hwr.lm.tokens import CAPITALS_COST, NUMBER_ENTRY, NUMBER_LETTER, NUMBER_SCORE, plain_rules, token_rules
from hwr.text import Alphabet

ALPHABET = Alphabet.of([*sentences(50), "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789%£/-=+"])


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(build([Text("", tuple(sentences(200)))], BuildOptions(order=5, max_bytes=None)), 16)


def steps(model: Model, text: str, rules: str = "tokens") -> list[float]:
    """The score of each character of a text and of its end."""
    make = token_rules if rules == "tokens" else plain_rules
    scorer = NgramScorer(model, make(model.symbols, ALPHABET), weight=1.0)
    states, added = np.array([scorer.start]), []
    for label in ALPHABET.encode(text):
        added.append(float(scorer.scores(states, np.array([[label]]))[0, 0]))
        states = scorer.advance(states, np.array([label]))
    return [*added, float(scorer.finish(states)[0])]


def test_words_are_scored_by_the_model_alone(model: Model) -> None:
    for line in ("Mary has seen a river.", "the mill took that lamp!", "xyz Q. R., s"):
        assert steps(model, line) == steps(model, line, "plain")


def test_a_token_with_a_digit_is_left_to_the_network(model: Model) -> None:
    line = "a 7A/x-9% river"
    found, plain = steps(model, line), steps(model, line, "plain")
    assert found[2] == max(plain[2], NUMBER_ENTRY)
    least = [NUMBER_LETTER if character.isalpha() else NUMBER_SCORE for character in line[3:10]]
    assert found[3:10] == [max(*pair) for pair in zip(plain[3:10], least, strict=True)]  # with the space that ends it
    assert found[10:] == plain[10:]
    assert steps(model, "85")[-1] == NUMBER_SCORE
    assert steps(model, "1")[0] == steps(model, "9")[0] >= NUMBER_ENTRY
    assert steps(model, "-£9")[2] >= NUMBER_ENTRY and steps(model, "A9")[1] >= NUMBER_ENTRY


@pytest.mark.parametrize("symbol", "=+£%/")
def test_a_symbol_that_begins_a_token_is_left_to_the_network(model: Model, symbol: str) -> None:
    line = f"a {symbol} river"
    found, plain = steps(model, line), steps(model, line, "plain")
    assert found[2] == NUMBER_ENTRY > plain[2]
    assert found[:2] + found[3:] == plain[:2] + plain[3:]


def test_punctuation_is_not_a_symbol(model: Model) -> None:
    line = "- river, a - river"
    assert steps(model, line) == steps(model, line, "plain")


def test_a_digit_inside_a_word_gets_what_the_model_gives_it(model: Model) -> None:
    assert steps(model, "mi11")[2] == steps(model, "mi11", "plain")[2] < NUMBER_ENTRY


def test_capitals_are_scored_as_small_letters(model: Model) -> None:
    small, found = steps(model, "the old boat", "plain"), steps(model, "THE OLD BOAT")
    # The first capital is scored as itself; what follows it never was in the texts.
    assert found[1] < CAPITALS_COST
    assert found[6:] == pytest.approx(small[6:], abs=0.02)
    assert sum(found) > sum(steps(model, "THE OLD BOAT", "plain")) + 20


def test_small_letters_end_capitals_at_a_cost(model: Model) -> None:
    capitals, found = steps(model, "THE OLD BOAT"), steps(model, "THE old boat")
    assert found[4] == pytest.approx(capitals[4] + CAPITALS_COST, abs=1e-4)
    assert found[5:] == pytest.approx(capitals[5:], abs=1e-4)
