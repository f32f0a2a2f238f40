"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, "An empirical study of smoothing techniques").

    p(w | h) = (a(h w) - D(a(h w))) / sum of a(h .)  +  g(h) p(w | h')

a: the counts of `hwr.lm.counts`; D: one discount for counts of 1, of 2 and of 3 or more; h': the context without its
first symbol; g(h): the share that the discounts, and the n-grams that are not kept, leave over. Single symbols are
interpolated with the uniform distribution over all that can be predicted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.lm.counts import Counts, Level
from hwr.lm.symbols import START, UNKNOWN

Numbers = NDArray[np.float64]
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where too few n-grams occur once to four times to estimate them: those of KenLM's --discount_fallback."""


@dataclass(frozen=True)
class Estimate:
    """Probabilities of the n-grams of one level.

    Attributes:
        explicit: the discounted share of each n-gram itself; 0 where it is not kept.
        probabilities: p(w | h), with what the lower orders add.
        backoffs: g(h) of each n-gram taken as a context; 1 where none of its continuations is kept.
    """

    explicit: Numbers
    probabilities: Numbers
    backoffs: Numbers


def discounts(counts: Counts) -> tuple[float, float, float]:
    """D1, D2, D3+ from how many n-grams have counts of 1, 2, 3 and 4 (Chen and Goodman 1999, equation 26).

    The fallback stands in where one of these numbers is 0, or where a discount would not lie between 0 and its count.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not n1 * n2 * n3 * n4:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < d < count for count, d in enumerate(found, start=1)) else FALLBACK


def estimate(levels: Sequence[Level]) -> list[Estimate]:
    """Probabilities and backoff weights of all levels; `adjust_counts` must have been called for what is kept."""
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
