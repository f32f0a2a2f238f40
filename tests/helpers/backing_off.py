"""The probability of an n-gram by the definition of ARPA models."""

from collections.abc import Sequence

import numpy as np

from hwr.lm.ngrams import Tables, unknown_log_probability


def pack(symbols: Sequence[int]) -> int:
    """The integer of an n-gram of at most 8 symbols."""
    return int.from_bytes(bytes(symbols), "big")


def log_probability(tables: Tables, symbols: Sequence[int]) -> float:
    """Return ln p(last symbol | those before it) for one n-gram, by backing off as defined for ARPA models."""
    symbols = tuple(symbols)[-tables.order :]
    weight = 0.0
    while len(symbols) > 1:
        found = _find(tables, symbols)
        if found is not None:
            return weight + float(tables.orders[len(symbols) - 1].log_probs[found])
        place = _find(tables, symbols[:-1])
        weight += float(tables.orders[len(symbols) - 2].backoffs[place]) if place is not None else 0.0
        symbols = symbols[1:]
    place = _find(tables, symbols)
    if place is None:  # only UNKNOWN can be missing, in models from elsewhere
        return weight + unknown_log_probability(tables)
    return weight + float(tables.orders[0].log_probs[place])


def _find(tables: Tables, symbols: Sequence[int]) -> int | None:
    keys = tables.orders[len(symbols) - 1].keys
    key = np.uint64(pack(symbols))
    place = int(np.searchsorted(keys, key))
    return place if place < len(keys) and keys[place] == key else None
