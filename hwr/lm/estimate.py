"""Texts -> all their n-grams, order by order, with the counts for Kneser-Ney smoothing.

An n-gram is an integer with one byte per symbol (`hwr.lm.ngrams`), so counting is sorting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.lm.corpus import Text
from hwr.lm.ngrams import END, FIRST_CHARACTER, START, UNKNOWN, Keys, Numbers, Symbols, context, suffix

Counts = NDArray[np.int64]
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts if too few n-grams occur once to four times to estimate them: those of KenLM's --discount_fallback."""
LINES_AT_ONCE = 200_000
"""Number of lines whose n-grams are sorted together; limits the memory."""


@dataclass
class Level:
    """All n-grams of one order n, sorted.

    Attributes:
        keys: shape (M,).
        occurrences: how often each occurs in the texts.
        counts: used for the estimate: occurrences at the highest order and for those that begin a line, otherwise the
            number of different symbols before it; see `adjust_counts`.
        kept: whether it is in the model.
        contexts: index of its context (all but the last symbol) in the level below; none for n = 1.
        suffixes: index of the n-gram that it backs off to (all but the first symbol) in the level below; none for n =
            1.
        initial: whether it begins with START.
    """

    keys: Keys
    occurrences: Counts
    counts: Counts
    kept: NDArray[np.bool_]
    contexts: NDArray[np.int32]
    suffixes: NDArray[np.int32]
    initial: NDArray[np.bool_]


def count_levels(texts: Sequence[Text], symbols: Symbols, order: int) -> list[Level]:
    """Count all n-grams up to `order`; the counts are those of unpruned Kneser-Ney.

    Returns:
        A level for each order, beginning with single symbols; it contains all symbols, including START.
    """
    keys, counts = _count_windows(texts, symbols, order)
    lengths = _lengths(keys, order)
    full = lengths == order
    levels = [_level(keys[full], counts[full], order)]
    for n in range(order - 1, 0, -1):
        begun = lengths == n
        levels.insert(0, _lower_level(levels[0], n, keys[begun], counts[begun], symbols))
    adjust_counts(levels)
    return levels


def _count_windows(texts: Sequence[Text], symbols: Symbols, order: int) -> tuple[Keys, Counts]:
    """Return the n-gram that ends at each symbol: of length `order`, or shorter near the beginning of the line."""
    parts = []
    for text in texts:
        for start in range(0, len(text.lines), LINES_AT_ONCE):
            codes = symbols.encode(text.lines[start : start + LINES_AT_ONCE])
            keys, counts = np.unique(_windows(codes, order), return_counts=True)
            parts.append((keys, counts.astype(np.int64) * text.weight))
            if len(parts) > 1 and len(parts[-1][0]) > len(parts[-2][0]) // 4:
                parts[-2:] = [_merge(parts[-2:])]
    return _merge(parts)


def _windows(codes: NDArray[np.uint8], order: int) -> Keys:
    starts = np.where(codes == START, np.arange(len(codes), dtype=np.int32), 0)
    since = np.arange(len(codes), dtype=np.int32) - np.maximum.accumulate(starts)
    keys = codes.astype(np.uint64)
    for back in range(1, order):
        before = np.zeros_like(keys)
        before[back:] = codes[:-back]
        before[since < back] = 0
        keys |= before << np.uint64(8 * back)
    result: Keys = keys[codes != START]
    return result


def _merge(parts: Sequence[tuple[Keys, Counts]]) -> tuple[Keys, Counts]:
    if len(parts) == 1:
        return parts[0]
    keys = np.concatenate([keys for keys, _ in parts])
    counts = np.concatenate([counts for _, counts in parts])
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[first], np.add.reduceat(counts, first)


def _lengths(keys: Keys, order: int) -> NDArray[np.int8]:
    lengths = np.zeros(len(keys), np.int8)
    for n in range(order):
        lengths += (keys >> np.uint64(8 * n)) != 0
    return lengths


def _level(keys: Keys, occurrences: Counts, order: int) -> Level:
    initial = (keys >> np.uint64(8 * (order - 1))) == START
    none = np.zeros(0, np.int32)
    return Level(keys, occurrences, occurrences.copy(), np.ones(len(keys), bool), none, none, initial)


def _lower_level(upper: Level, order: int, begun: Keys, begun_counts: Counts, symbols: Symbols) -> Level:
    """Return the n-grams one shorter than `upper`: everything after its first symbols, and those that begin a line."""
    ends, inverse = np.unique(suffix(upper.keys, order + 1), return_inverse=True)
    extra = begun
    if order == 1:  # symbols that occur in no text, and the start, which is never predicted but is a context
        every = np.arange(UNKNOWN, FIRST_CHARACTER + len(symbols.characters), dtype=np.uint64)
        extra = np.setdiff1d(every, np.union1d(ends, begun))
        extra = np.concatenate([begun, extra])
    keys = np.concatenate([ends, extra])
    order_of = np.argsort(keys, kind="stable")
    new_index = np.empty(len(keys), np.int32)
    new_index[order_of] = np.arange(len(keys), dtype=np.int32)
    occurrences = np.zeros(len(keys), np.int64)
    occurrences[: len(ends)] = np.bincount(inverse, upper.occurrences, len(ends))
    occurrences[len(ends) : len(ends) + len(begun)] += begun_counts
    level = _level(keys[order_of], occurrences[order_of], order)
    upper.suffixes = new_index[inverse]
    upper.contexts = np.searchsorted(level.keys, context(upper.keys)).astype(np.int32)
    if order == 1:
        level.occurrences[START - UNKNOWN] = level.occurrences[END - UNKNOWN]
    return level


def adjust_counts(levels: Sequence[Level]) -> None:
    """Set the counts below the highest order from the n-grams that are kept above.

    An n-gram counts once for each longer kept one that ends in it (Kneser and Ney 1995). One that is not kept passes on
    its whole count, since then only the lower order represents it (Siivola, Hirsimäki and Virpioja 2007, "On growing
    and pruning Kneser-Ney smoothed n-gram models").
    """
    for upper, level in zip(reversed(levels[1:]), reversed(levels[:-1]), strict=True):
        passed = np.where(upper.kept, 1, upper.counts)
        counts = np.bincount(upper.suffixes, passed, len(level.keys)).astype(np.int64)
        level.counts = np.where(level.initial, level.occurrences, counts)
    levels[0].counts[START - UNKNOWN] = 0


@dataclass(frozen=True)
class Estimate:
    """Probabilities of the n-grams of one level.

    Attributes:
        explicit: the discounted share of each n-gram itself; 0 if it is not kept.
        probabilities: p(w | h), including the lower orders.
        backoffs: g(h) of each n-gram as a context; 1 if none of its continuations is kept.
    """

    explicit: Numbers
    probabilities: Numbers
    backoffs: Numbers


def discounts(counts: Counts) -> tuple[float, float, float]:
    """Return D1, D2, D3+ from the numbers of n-grams with counts of 1, 2, 3 and 4 (Chen and Goodman 1999, equation 26).

    The fallback is used if one of these numbers is 0, or if a discount would not be between 0 and its count.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not n1 * n2 * n3 * n4:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < d < count for count, d in enumerate(found, start=1)) else FALLBACK


def estimate(levels: Sequence[Level]) -> list[Estimate]:
    """Return probabilities and backoff weights of all levels; call `adjust_counts` for the kept n-grams first."""
    results: list[Estimate] = []
    for number, level in enumerate(levels):
        discount = np.array([0.0, *discounts(level.counts)])[np.minimum(level.counts, 3)]
        left = np.where(level.kept, discount, level.counts)
        explicit = np.where(level.kept, level.counts - discount, 0.0)
        if number == 0:
            total = level.counts.sum()
            probabilities = explicit / total + left.sum() / total / (len(level.keys) - 1)
            probabilities[START - UNKNOWN] = 0.0
            explicit = explicit / total
        else:
            below = levels[number - 1]
            totals = np.bincount(level.contexts, level.counts, len(below.keys))
            shares = np.bincount(level.contexts, left, len(below.keys))
            backoffs = np.divide(shares, totals, out=np.ones_like(shares), where=totals > 0)
            explicit = explicit / totals[level.contexts]
            lower = results[-1]
            probabilities = explicit + backoffs[level.contexts] * lower.probabilities[level.suffixes]
            results[-1] = Estimate(lower.explicit, lower.probabilities, backoffs)
        results.append(Estimate(explicit, probabilities, np.ones(len(level.keys))))
    return results
