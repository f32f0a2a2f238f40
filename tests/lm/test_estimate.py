"""Counting and smoothing against dictionaries, and against the laws of probability."""

import numpy as np
import pytest

from helpers.backing_off import log_probability
from helpers.kneser_ney_twin import Twin
from helpers.lm_texts import sentences, text
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text
from hwr.lm.estimate import FALLBACK, count_levels, discounts
from hwr.lm.ngrams import END, FIRST_CHARACTER, START, UNKNOWN, Symbols, Tables, unpack


def contexts(tables: Tables, count: int, seed: int) -> list[list[int]]:
    """Contexts as reading meets them: cut out of sentences, some of them never seen."""
    generator = np.random.default_rng(seed)
    result: list[list[int]] = [[], [START]]
    for line in sentences(count, seed=seed + 100):
        codes = tables.symbols.encode([line])[:-1].tolist()
        stop = int(generator.integers(1, len(codes)))
        result.append(codes[max(0, stop - tables.order + 1) : stop])
    return result


@pytest.mark.parametrize("order", [2, 3, 5])
def test_probabilities_are_those_of_the_dictionary_twin(order: int) -> None:
    lines = sentences(60)
    tables = build([Text("", tuple(lines))], BuildOptions(order=order, max_bytes=None))
    characters = tables.symbols.characters
    vocabulary = [*characters, "<unk>", "</s>"]
    twin = Twin(lines, order, vocabulary)
    names = {UNKNOWN: "<unk>", START: "<s>", END: "</s>"}
    names |= dict(enumerate(characters, start=FIRST_CHARACTER))
    generator = np.random.default_rng(1)
    for context in contexts(tables, 25, seed=2):
        context = context[len(context) - min(len(context), order - 1) :]
        for symbol in generator.choice([UNKNOWN, END, *range(FIRST_CHARACTER, FIRST_CHARACTER + len(characters))], 6):
            gram = (*context, int(symbol))
            expected = twin.probability(tuple(names[s] for s in gram))
            assert np.exp(log_probability(tables, gram)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(order=6, max_bytes=None),
        BuildOptions(order=6, max_bytes=12_000),
        BuildOptions(order=8, max_bytes=None, min_counts=(1, 1, 2, 2, 3)),
        BuildOptions(order=4, max_bytes=11_000, min_counts=(1, 2)),
    ],
)
def test_probabilities_sum_to_one_after_every_context(options: BuildOptions) -> None:
    tables = build([text(300), text(40, seed=5, weight=3)], options)
    symbols = [UNKNOWN, END, *range(FIRST_CHARACTER, FIRST_CHARACTER + len(tables.symbols.characters))]
    for context in contexts(tables, 30, seed=3):
        total = sum(np.exp(log_probability(tables, [*context, symbol])) for symbol in symbols)
        assert total == pytest.approx(1, abs=1e-9)


def test_the_order_is_at_most_that_of_the_longest_line() -> None:
    tables = build([Text("", ("ab", "b"))], BuildOptions(order=6))
    assert tables.order == 4
    whole = [START, *(FIRST_CHARACTER + tables.symbols.characters.index(character) for character in "ab"), END]
    assert np.exp(log_probability(tables, whole)) > 0.9


def test_a_weight_is_the_same_as_a_repeated_text() -> None:
    lines = tuple(sentences(30))
    one = build([Text("", lines, 3)], BuildOptions(order=4, max_bytes=None))
    other = build([Text("", lines * 3)], BuildOptions(order=4, max_bytes=None))
    for table, twin in zip(one.orders, other.orders, strict=True):
        np.testing.assert_array_equal(table.keys, twin.keys)
        np.testing.assert_allclose(table.log_probs, twin.log_probs)


def test_occurrences_are_those_of_python() -> None:
    lines = sentences(50)
    levels = count_levels([Text("", tuple(lines))], Symbols("".join(sorted(set("".join(lines))))), 4)
    names = "?" + "?^$" + "".join(sorted(set("".join(lines))))
    for n, level in enumerate(levels, start=1):
        for key, count in list(zip(level.keys.tolist(), level.occurrences.tolist(), strict=True))[::7]:
            gram = "".join(names[symbol] for symbol in unpack(key))
            if gram not in ("?", "^"):
                assert count == sum(
                    f"^{line}$"[i : i + n] == gram for line in lines for i in range(len(line) + 3 - n)
                ), gram


def test_discounts_are_those_of_the_paper_and_fall_back_where_counts_are_missing() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 12, 5])
    y = 100 / 180
    assert discounts(counts) == pytest.approx((1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.6))
    assert discounts(np.array([1, 1, 2, 5])) == FALLBACK
