"""Prune a model: leave out the n-grams that are rare, or those that matter least."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.lm.estimate import Estimate, Level
from hwr.lm.model import model_bytes
from hwr.lm.ngrams import Numbers

SEARCH_STEPS = 40


def keep_frequent(levels: Sequence[Level], least: Sequence[int]) -> None:
    """Keep n-grams of order n with a count of at least `least[n - 1]`, and their contexts.

    The last number applies to all higher orders.
    """
    for number, level in enumerate(levels):
        if number:
            level.kept = level.counts >= least[min(number, len(least) - 1)]
    for upper, level in zip(reversed(levels[1:]), reversed(levels[:-1]), strict=True):
        level.kept[upper.contexts[upper.kept]] = True


def losses(levels: Sequence[Level], estimates: Sequence[Estimate]) -> list[Numbers]:
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


def keep_valuable(levels: Sequence[Level], lost: Sequence[Numbers], bits: int, max_bytes: int) -> None:
    """Keep the n-grams with the highest losses, as many as fit into a model of `max_bytes` and `bits`."""
    maxima = [_group_maxima(level.contexts, loss)[1] for level, loss in zip(levels[1:], lost[1:], strict=True)]

    def bytes_at(bound: float) -> int:
        ngrams, contexts = (sum(int(np.count_nonzero(one >= bound)) for one in part) for part in (lost, maxima))
        return model_bytes(ngrams, 1 + contexts, bits)

    smallest = min((float(loss[np.isfinite(loss)].min()) for loss in lost if np.isfinite(loss).any()), default=0.0)
    low = np.log(max(smallest, 1e-30))  # keeps all
    high = 0.0  # keeps single symbols only: no n-gram is worth a nat at every symbol
    if bytes_at(-1e300) > max_bytes:
        for _ in range(SEARCH_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if bytes_at(float(np.exp(middle))) <= max_bytes else (middle, high)
        for level, loss in zip(levels, lost, strict=True):
            level.kept &= loss >= np.exp(high)
