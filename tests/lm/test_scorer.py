"""The automaton's scores against backing off by hand, and against KenLM."""

import math
from pathlib import Path

import numpy as np
import pytest

from helpers.backing_off import log_probability
from helpers.lm_texts import sentences, text
from hwr.lm import scorer as scorer_module
from hwr.lm.arpa import read_arpa, write_arpa
from hwr.lm.build import BuildOptions, build
from hwr.lm.model import make_model, tables_of
from hwr.lm.ngrams import END, START, Tables
from hwr.lm.scorer import NgramScorer, score_lines, text_log_probabilities
from hwr.lm.tokens import plain_rules
from hwr.text import Alphabet

NEW_LINES = [*sentences(40, seed=77), "zebra ßx quartz", "Mary Mary.,!", "", " ".join("00000")]


def backed_off(tables: Tables, line: str) -> float:
    """ln p of a line, one character at a time."""
    codes = tables.symbols.encode([line]).tolist()
    return sum(log_probability(tables, codes[: place + 1]) for place in range(1, len(codes)))


@pytest.mark.parametrize("size", [None, 12_000])
@pytest.mark.parametrize("order", [2, 5, 8])
def test_lines_have_the_probability_of_backing_off(order: int, size: int | None) -> None:
    tables = build([text(400)], BuildOptions(order=order, max_bytes=size))
    found = score_lines(make_model(tables, 16), NEW_LINES)
    assert found.log_probability == pytest.approx(sum(backed_off(tables, line) for line in NEW_LINES), rel=2e-4)
    assert found.unknown == sum(c not in tables.symbols.characters for line in NEW_LINES for c in line)


def test_a_full_table_of_states_is_emptied_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(build([text(400)], BuildOptions(order=6, max_bytes=None)), 16)
    expected = score_lines(model, NEW_LINES).log_probability
    monkeypatch.setattr(scorer_module, "ROWS", 40)
    assert score_lines(model, NEW_LINES).log_probability == pytest.approx(expected)


def test_weight_and_bonus_count_for_characters_and_not_the_bonus_for_the_end() -> None:
    model = make_model(build([text(200)], BuildOptions(order=4, max_bytes=None)))
    alphabet = Alphabet.of(["the mil"])
    plain = NgramScorer(model, plain_rules(model.symbols, alphabet), weight=1.0)
    rules = plain_rules(model.symbols, alphabet)
    weighted = NgramScorer(model, rules, weight=0.5, insertion_bonus=2.0)
    states, labels = np.array([plain.start, 0]), np.array([[1, 3, 2], [2, 4, 1]])
    np.testing.assert_allclose(weighted.scores(states, labels), plain.scores(states, labels) / 2 + 2, rtol=1e-5)
    np.testing.assert_allclose(weighted.finish(states), plain.finish(states) / 2, rtol=1e-5)


def test_models_that_lack_suffixes_are_followed_too(tmp_path: Path) -> None:
    """SRILM prunes an n-gram and keeps longer ones that end in it."""
    tables = build([text(300)], BuildOptions(order=5, max_bytes=None))
    orders = list(tables.orders)
    keep = np.ones(len(orders[1].keys), bool)
    suffixes = np.isin(orders[1].keys, orders[2].keys >> np.uint64(8))
    keep[np.flatnonzero(~suffixes)[::2]] = False  # no contexts, but suffixes of longer n-grams
    table = orders[1]
    orders[1] = type(table)(table.keys[keep], table.log_probs[keep], table.backoffs[keep])
    holed = Tables(tables.symbols, tuple(orders))
    found = score_lines(make_model(holed, 16), NEW_LINES).log_probability
    assert found == pytest.approx(sum(backed_off(holed, line) for line in NEW_LINES), rel=2e-4)


def test_an_automaton_gives_its_tables_back() -> None:
    tables = build([text(300)], BuildOptions(order=5, max_bytes=12_000))
    again = tables_of(make_model(tables, 16))
    assert again.symbols == tables.symbols
    for table, other in zip(tables.orders, again.orders, strict=True):
        np.testing.assert_array_equal(table.keys, other.keys)
        np.testing.assert_allclose(np.maximum(table.log_probs, -16), other.log_probs, atol=2e-4)
        np.testing.assert_allclose(table.backoffs, other.backoffs, atol=2e-4)


def flashlight_scores(path: Path, lines: list[str]) -> list[float]:
    """log10 p of lines by the KenLM inside flashlight-text."""
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    names = sorted({"▁" if c == " " else c for line in lines for c in line})
    dictionary = Dictionary()
    for name in ["<unk>", *names]:
        dictionary.add_entry(name)
    dictionary.set_default_index(0)
    model = KenLM(str(path), dictionary)
    results = []
    for line in lines:
        state, total = model.start(False), 0.0
        for character in line:
            state, score = model.score(state, dictionary.get_index("▁" if character == " " else character))
            total += score
        results.append(total + model.finish(state)[1])
    return results


def kenlm_scores(path: Path, lines: list[str]) -> list[float]:
    """log10 p of lines by KenLM's own Python module."""
    import kenlm

    model = kenlm.Model(str(path))
    return [model.score(" ".join("▁" if c == " " else c for c in line), bos=True, eos=True) for line in lines]


@pytest.mark.parametrize(("package", "score"), [("flashlight", flashlight_scores), ("kenlm", kenlm_scores)])
@pytest.mark.parametrize(("order", "size"), [(3, None), (6, None), (6, 13_000)])
def test_kenlm_gives_the_same_scores(order, size, package, score, tmp_path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip(package)
    path = tmp_path / "model.arpa"
    write_arpa(build([text(500)], BuildOptions(order=order, max_bytes=size)), path)
    tables = read_arpa(path)
    lines = [line for line in NEW_LINES if line]
    expected = score(path, lines)
    assert [backed_off(tables, line) / math.log(10) for line in lines] == pytest.approx(expected, abs=1e-3)
    found = text_log_probabilities(make_model(tables, 16), lines)
    assert [value / math.log(10) / (len(line) + 1) for value, line in zip(found, lines, strict=True)] == pytest.approx(
        [value / (len(line) + 1) for value, line in zip(expected, lines, strict=True)], abs=1e-3
    )


def test_the_start_is_never_predicted_and_the_end_is() -> None:
    tables = build([text(100)], BuildOptions(order=3, max_bytes=None))
    assert log_probability(tables, [START]) < -200
    assert math.exp(log_probability(tables, [*tables.symbols.encode(["Mary."])[:-1].tolist(), END])) > 0.5
