"""Texts -> a finished language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwr.errors import UsageError
from hwr.lm.corpus import Text, choose_symbols
from hwr.lm.estimate import adjust_counts, count_levels, estimate
from hwr.lm.model import model_bytes
from hwr.lm.symbols import MAX_ORDER
from hwr.lm.tables import Tables, keep_frequent, keep_valuable, losses, make_tables


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
            raise UsageError(f"a size of {self.max_bytes} bytes: must be at least 10,000")
        if self.bits not in (8, 16):
            raise UsageError(f"{self.bits} bits: must be 8 or 16")


HEADER_BYTES = 4_096
"""Bytes reserved for the metadata of a file."""


def build(texts: Sequence[Text], options: BuildOptions, report: Callable[[str], None] = lambda text: None) -> Tables:
    """Count, prune and estimate.

    Args:
        report: called with one line of progress at a time.
    """
    symbols = choose_symbols(texts)
    characters = sum(text.characters for text in texts)
    report(f"{characters:,} characters in {sum(len(text.lines) for text in texts):,} lines, {symbols.count} symbols")
    levels = count_levels(texts, symbols, options.order)
    report("n-grams: " + " ".join(f"{len(level.keys):,}" for level in levels))
    if options.min_counts[-1] > 1:
        keep_frequent(levels, options.min_counts)
        adjust_counts(levels)
    if options.max_bytes is not None:
        room = options.max_bytes - HEADER_BYTES

        def size(ngrams: Sequence[int], states: int) -> int:
            return model_bytes(sum(ngrams), states, options.bits)

        keep_valuable(levels, losses(levels, estimate(levels)), size, room)
        adjust_counts(levels)
    report("kept:    " + " ".join(f"{int(level.kept.sum()):,}" for level in levels))
    return make_tables(symbols, levels, estimate(levels))
