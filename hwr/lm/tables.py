"""The n-grams of a finished model with their logarithms: what ARPA files hold and reading needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.lm.counts import Level
from hwr.lm.kneser_ney import Estimate
from hwr.lm.symbols import START, UNKNOWN, Keys, Symbols, context, pack

Numbers = NDArray[np.float64]
IMPOSSIBLE = -99 * np.log(10.0)
"""Log-probability of what is never predicted (the start), by the custom of ARPA files."""


@dataclass(frozen=True)
class Table:
    """The n-grams of one order.

    Attributes:
        keys: shape (M,), ascending (`hwr.lm.symbols`).
        log_probs: natural logarithm of the probability of the last symbol after the others, shape (M,).
        backoffs: natural logarithm of the backoff weight as a context, shape (M,); 0 where it is not one.
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
        """ln p(last symbol | those before it), by backing off as an ARPA model says; one at a time."""
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
    """ln p of a character that the model has never seen: its own <unk>, else that of its rarest character."""
    first = tables.orders[0]
    unknown = first.log_probs[first.keys == UNKNOWN]
    if len(unknown):
        return float(unknown[0])
    predicted = first.log_probs[first.keys > START]
    return float(predicted.min())


def make_tables(symbols: Symbols, levels: Sequence[Level], estimates: Sequence[Estimate]) -> Tables:
    """The kept n-grams."""
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
