"""The n-grams of a finished model with their logarithms: the content of ARPA files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwr.lm.symbols import START, UNKNOWN, Keys, Symbols, context, pack

if TYPE_CHECKING:
    from hwr.lm.estimate import Estimate, Level

Numbers = NDArray[np.float64]
IMPOSSIBLE = -99 * np.log(10.0)
"""Log-probability of the start, which is never predicted, by the convention of ARPA files."""


@dataclass(frozen=True)
class Table:
    """The n-grams of one order.

    Attributes:
        keys: shape (M,), ascending (`hwr.lm.symbols`).
        log_probs: natural logarithm of the probability of the last symbol after the others, shape (M,).
        backoffs: natural logarithm of the backoff weight as a context, shape (M,); 0 if it is not one.
    """

    keys: Keys
    log_probs: Numbers
    backoffs: Numbers


@dataclass(frozen=True)
class Tables:
    """All n-grams of a model: `orders[n - 1]` has those of n symbols."""

    symbols: Symbols
    orders: tuple[Table, ...]

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.orders)

    def log_probability(self, symbols: Sequence[int]) -> float:
        """Return ln p(last symbol | those before it) for one n-gram, by backing off as defined for ARPA models."""
        symbols = tuple(symbols)[-self.order :]
        weight = 0.0
        while len(symbols) > 1:
            found = self._find(symbols)
            if found is not None:
                return weight + float(self.orders[len(symbols) - 1].log_probs[found])
            place = self._find(symbols[:-1])
            weight += float(self.orders[len(symbols) - 2].backoffs[place]) if place is not None else 0.0
            symbols = symbols[1:]
        place = self._find(symbols)
        if place is None:  # only UNKNOWN can be missing, in models from elsewhere
            return weight + unknown_log_probability(self)
        return weight + float(self.orders[0].log_probs[place])

    def _find(self, symbols: Sequence[int]) -> int | None:
        keys = self.orders[len(symbols) - 1].keys
        key = np.uint64(pack(symbols))
        place = int(np.searchsorted(keys, key))
        return place if place < len(keys) and keys[place] == key else None


def unknown_log_probability(tables: Tables) -> float:
    """Return ln p of a character that the model has never seen: of its own <unk>, or else of its rarest character."""
    first = tables.orders[0]
    unknown = first.log_probs[first.keys == UNKNOWN]
    if len(unknown):
        return float(unknown[0])
    predicted = first.log_probs[first.keys > START]
    return float(predicted.min())


def make_tables(symbols: Symbols, levels: "Sequence[Level]", estimates: "Sequence[Estimate]") -> Tables:
    """Return the kept n-grams."""
    orders = []
    for number, (level, found) in enumerate(zip(levels, estimates, strict=True)):
        kept = level.kept
        with np.errstate(divide="ignore"):
            log_probs = np.maximum(np.log(found.probabilities[kept]), IMPOSSIBLE)
        backoffs = np.log(found.backoffs[kept])
        if number + 1 < len(levels):
            upper = levels[number + 1]
            contexts = np.unique(context(upper.keys[upper.kept]))
            backoffs[~np.isin(level.keys[kept], contexts, assume_unique=True)] = 0.0
        else:
            backoffs[:] = 0.0
        orders.append(Table(level.keys[kept], log_probs, backoffs))
    while len(orders) > 1 and not len(orders[-1].keys):
        orders.pop()
    return Tables(symbols, tuple(orders))


Size = Callable[[Sequence[int], int], int]
"""Return the size in bytes of a model with these numbers of n-grams of each order and of contexts."""
_SEARCH_STEPS = 40


def keep_frequent(levels: "Sequence[Level]", least: Sequence[int]) -> None:
    """Keep n-grams of order n with a count of at least `least[n - 1]`, and their contexts.

    The last number applies to all higher orders.
    """
    for number, level in enumerate(levels):
        if number:
            level.kept = level.counts >= least[min(number, len(least) - 1)]
    _keep_contexts(levels)


def _keep_contexts(levels: "Sequence[Level]") -> None:
    for upper, level in zip(reversed(levels[1:]), reversed(levels[:-1]), strict=True):
        level.kept[upper.contexts[upper.kept]] = True


def losses(levels: "Sequence[Level]", estimates: "Sequence[Estimate]") -> list[Numbers]:
    """Return the loss from removing each n-gram: the relative entropy of the model without it, in nats per symbol.

    Without h w its share m goes to the lower order, whose part g becomes g + m: w falls to p' = p - m (1 - p(w | h')),
    and every other symbol v gains m p(v | h'). With L the sum of p(v | h') over the n-grams h v, the relative entropy
    is

        P(h) (p ln(p / p') - g (1 - L) ln(1 + m / g) - m (L - p(w | h')))

    exactly for symbols without an n-gram, to first order for those with one (after Stolcke 1998, "Entropy-based
    pruning of backoff language models", for an interpolated model). P(h) is the share of the text in which h occurs: a
    Kneser-Ney model's own probability of h is a poor estimate of it (Chelba et al. 2010).

    Returns:
        The losses of each level; infinite for single symbols, minus infinity for n-grams that are not kept. A context's
        loss is at least that of its continuations, so that any bound keeps the contexts of all that it keeps.
    """
    total = float(levels[0].occurrences.sum())
    results: list[Numbers] = [np.full(len(levels[0].keys), np.inf)]
    for number in range(1, len(levels)):
        level, below = levels[number], levels[number - 1]
        p, m = estimates[number].probabilities, estimates[number].explicit
        lower = estimates[number - 1].probabilities[level.suffixes]
        covered = np.bincount(level.contexts, lower * level.kept, len(below.keys))[level.contexts]
        g = estimates[number - 1].backoffs[level.contexts]
        without = p - m * (1 - lower)
        elsewhere = g * (1 - covered) * np.log1p(m / g) + m * (covered - lower)
        share = below.occurrences[level.contexts] / total
        loss = share * (p * np.log(p / without) - elsewhere)
        results.append(np.where(level.kept, loss, -np.inf))
    for number in range(len(levels) - 1, 1, -1):
        groups, highest = _group_maxima(levels[number].contexts, results[number])
        results[number - 1][groups] = np.maximum(results[number - 1][groups], highest)
    return results


def _group_maxima(contexts: NDArray[np.int32], values: Numbers) -> tuple[NDArray[np.int32], Numbers]:
    """Return the contexts that occur, and the highest value of each; `contexts` ascend."""
    first = np.flatnonzero(np.concatenate(([True], contexts[1:] != contexts[:-1])))
    return contexts[first], np.maximum.reduceat(values, first)


def keep_valuable(levels: "Sequence[Level]", lost: Sequence[Numbers], size: Size, max_bytes: int) -> None:
    """Keep the n-grams with the highest losses, as many as fit into a model of `max_bytes`."""
    maxima = [_group_maxima(level.contexts, loss)[1] for level, loss in zip(levels[1:], lost[1:], strict=True)]

    def bytes_at(bound: float) -> int:
        counts = [int(np.count_nonzero(loss >= bound)) for loss in lost]
        return size(counts, 1 + sum(int(np.count_nonzero(highest >= bound)) for highest in maxima))

    smallest = min((float(loss[np.isfinite(loss)].min()) for loss in lost if np.isfinite(loss).any()), default=0.0)
    low = np.log(max(smallest, 1e-30))  # keeps all
    high = 0.0  # keeps single symbols only: no n-gram is worth a nat at every symbol
    if bytes_at(-1e300) > max_bytes:
        for _ in range(_SEARCH_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if bytes_at(float(np.exp(middle))) <= max_bytes else (middle, high)
        for level, loss in zip(levels, lost, strict=True):
            level.kept &= loss >= np.exp(high)
