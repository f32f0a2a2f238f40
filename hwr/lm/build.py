"""Texts -> a finished language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwr.errors import UsageError
from hwr.lm.corpus import Text, choose_symbols
from hwr.lm.estimate import Estimate, Level, adjust_counts, count_levels, estimate
from hwr.lm.ngrams import MAX_ORDER, Symbols, Table, Tables, context
from hwr.lm.prune import keep_frequent, keep_valuable, losses
from hwr.text import counted

HEADER_BYTES = 4_096
"""Bytes reserved for the metadata of a file."""
IMPOSSIBLE = -99 * np.log(10.0)
"""Log-probability of the start, which is never predicted, by the convention of ARPA files."""


@dataclass(frozen=True)
class BuildOptions:
    """Options for building a model.

    Attributes:
        order: length of the longest n-grams, 2 to 8.
        min_counts: n-grams of order 1, 2, ... with a smaller count are left out; the last number applies to higher
            orders.
        max_bytes: the least important n-grams are left out until the binary file has at most this size; None: no limit.
        bits: of a probability in the binary file, 8 or 16.

    Raises:
        UsageError: a value outside its range.
    """

    order: int = 6
    min_counts: tuple[int, ...] = (1,)
    max_bytes: int | None = 8_000_000
    bits: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.order <= MAX_ORDER:
            raise UsageError(f"order {self.order}: must be 2 to {MAX_ORDER}")
        if not self.min_counts or min(self.min_counts) < 1 or list(self.min_counts) != sorted(self.min_counts):
            raise UsageError(f"minimum counts {self.min_counts}: must be 1 or more, and not decrease")
        if self.max_bytes is not None and self.max_bytes < 10_000:
            raise UsageError(f"--max-size is {self.max_bytes} bytes; it must be at least 10kB, or 0 for no limit")
        if self.bits not in (8, 16):
            raise UsageError(f"{self.bits} bits: must be 8 or 16")


def build(texts: Sequence[Text], options: BuildOptions, report: Callable[[str], None] = lambda text: None) -> Tables:
    """Count, prune and estimate.

    Args:
        report: called with one line of progress at a time.
    """
    symbols = choose_symbols(texts)
    characters = sum(text.characters for text in texts)
    lines = sum(len(text.lines) for text in texts)
    report(f"{counted(characters, 'character')} in {counted(lines, 'line')}, {counted(symbols.count, 'symbol')}")
    longest = max(len(line) for text in texts for line in text.lines) + 2  # with its start and end
    levels = count_levels(texts, symbols, min(options.order, longest))
    report("n-grams: " + " ".join(f"{len(level.keys):,}" for level in levels))
    if options.min_counts[-1] > 1:
        keep_frequent(levels, options.min_counts)
        adjust_counts(levels)
    if options.max_bytes is not None:
        keep_valuable(levels, losses(levels, estimate(levels)), options.bits, options.max_bytes - HEADER_BYTES)
        adjust_counts(levels)
    report("kept:    " + " ".join(f"{int(level.kept.sum()):,}" for level in levels))
    return _make_tables(symbols, levels, estimate(levels))


def _make_tables(symbols: Symbols, levels: Sequence[Level], estimates: Sequence[Estimate]) -> Tables:
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
