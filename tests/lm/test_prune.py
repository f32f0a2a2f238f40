"""What pruning leaves: small files, whole contexts, and nearly the same predictions."""

import numpy as np
import pytest

from helpers.lm_texts import sentences, text
from hwr.errors import UsageError
from hwr.lm.build import BuildOptions, build
from hwr.lm.estimate import count_levels, estimate
from hwr.lm.file import write_model
from hwr.lm.model import make_model
from hwr.lm.ngrams import FIRST_CHARACTER, Symbols, context
from hwr.lm.prune import losses
from hwr.lm.scorer import score_lines


@pytest.mark.parametrize("max_bytes", [10_000, 12_000, 14_000])
def test_a_file_is_nearly_as_large_as_allowed_and_never_larger(max_bytes, tmp_path) -> None:  # type: ignore[no-untyped-def]
    tables = build([text(3000)], BuildOptions(order=8, max_bytes=max_bytes))
    write_model(make_model(tables), tmp_path / "a.lm")
    size = (tmp_path / "a.lm").stat().st_size
    assert size <= max_bytes
    assert size > max_bytes - 5_000


def test_contexts_of_what_is_kept_are_kept() -> None:
    tables = build([text(2000)], BuildOptions(order=7, max_bytes=15_000, min_counts=(1, 1, 2)))
    for table, upper in zip(tables.orders[:-1], tables.orders[1:], strict=True):
        assert np.isin(context(upper.keys), table.keys).all()


def test_rare_ngrams_are_removed() -> None:
    lines = sentences(100)
    symbols = Symbols("".join(sorted(set("".join(lines)))))
    full = build([text(100)], BuildOptions(order=3, max_bytes=None))
    cut = build([text(100)], BuildOptions(order=3, max_bytes=None, min_counts=(1, 1, 4)))
    level = count_levels([text(100)], symbols, 3)[2]
    kept = dict(zip(level.keys.tolist(), (level.counts >= 4).tolist(), strict=True))
    assert cut.orders[2].keys.tolist() == [key for key in full.orders[2].keys.tolist() if kept[key]]
    assert len(cut.orders[1].keys) == len(full.orders[1].keys)


def test_a_larger_model_knows_new_text_better() -> None:
    new = sentences(200, seed=9)
    bits = [
        score_lines(make_model(build([text(3000)], BuildOptions(order=8, max_bytes=size)), 16), new).bits
        for size in (10_000, 12_000, 14_000, None)
    ]
    assert bits == sorted(bits, reverse=True)
    assert bits[-2] < bits[-1] * 1.02


def test_a_loss_is_close_to_the_relative_entropy_of_the_model_without_the_ngram() -> None:
    lines = sentences(400)
    symbols = Symbols("".join(sorted(set("".join(lines)))))
    levels = count_levels([text(400)], symbols, 3)
    estimates = estimate(levels)
    lost = losses(levels, estimates)
    level, below = levels[2], levels[1]
    total = levels[0].occurrences.sum()
    vocabulary = [1, 3, *range(FIRST_CHARACTER, FIRST_CHARACTER + len(symbols.characters))]

    def distribution(place: int, without: int | None) -> np.ndarray:
        """p(. | context of n-gram `place`), without the share of one n-gram."""
        head = level.contexts[place]
        lower = {}
        for symbol in vocabulary:
            key = (int(below.keys[head]) & 255) << 8 | symbol
            found = int(np.searchsorted(below.keys, key))
            if found < len(below.keys) and int(below.keys[found]) == key:
                lower[symbol] = estimates[1].probabilities[found]
            else:
                one = levels[0].keys.tolist().index(symbol)
                last = levels[0].keys.tolist().index(int(below.keys[head]) & 255)
                lower[symbol] = estimates[0].backoffs[last] * estimates[0].probabilities[one]
        members = np.flatnonzero(level.contexts == head)
        share = {int(level.keys[m]) & 255: estimates[2].explicit[m] for m in members if m != without}
        rest = 1 - sum(share.values())
        return np.array([share.get(symbol, 0.0) + rest * lower[symbol] for symbol in vocabulary])

    for place in np.random.default_rng(0).choice(len(level.keys), 25, replace=False).tolist():
        with_it, without = distribution(place, None), distribution(place, place)
        assert with_it.sum() == pytest.approx(1)
        exact = float(below.occurrences[level.contexts[place]] / total * np.sum(with_it * np.log(with_it / without)))
        assert exact >= lost[2][place] - 1e-12
        assert lost[2][place] == pytest.approx(exact, rel=0.5, abs=1e-9)


@pytest.mark.parametrize(
    "wrong", [{"order": 9}, {"order": 1}, {"min_counts": (2, 1)}, {"min_counts": ()}, {"max_bytes": 5}, {"bits": 12}]
)
def test_wrong_options_are_one_clear_line(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"must be"):
        BuildOptions(**wrong)
