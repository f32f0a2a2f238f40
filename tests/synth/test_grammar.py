"""The grammar of templates."""

from collections import Counter

import numpy as np
import pytest

from hwr.synth.grammar import Grammar, read_rules


def drawn(text: str, rule: str = "start", times: int = 2000) -> Counter[str]:
    grammar, generator = Grammar(read_rules(text)), np.random.default_rng(1)
    return Counter(grammar.expand(rule, generator) for _ in range(times))


def test_templates_are_drawn_by_weight() -> None:
    counts = drawn("start: 3* a | b")
    assert counts.keys() == {"a", "b"}
    assert 0.7 < counts["a"] / counts.total() < 0.8


def test_parts_are_drawn_and_put_in_capitals() -> None:
    assert drawn("start: {^x} and {^^x}, {x}\nx = élan").keys() == {"Élan and ÉLAN, élan"}


def test_numbers_run_over_their_range_with_both_ends() -> None:
    assert drawn("start: {8-11}").keys() == {"8", "9", "10", "11"}
    assert drawn("start: {00-02}/{1-1}").keys() == {"00/1", "01/1", "02/1"}


def test_rules_run_over_lines_and_words_take_blanks() -> None:
    assert read_rules("a: x | y z |\n    {b}\nb = one\n    two~three") == {
        "a": ("x", "y z", "{b}"),
        "b": ("one", "two three"),
    }


@pytest.mark.parametrize("text", ["start", "start: a\nstart: b"])
def test_rules_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="start"):
        read_rules(text)


def test_a_missing_rule_is_named() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Grammar({"start": ("{nowhere}",)})
