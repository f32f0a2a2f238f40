"""A language model for reading: an automaton of contexts in flat arrays, small enough to be mapped from a file.

A state is a context: an n-gram with continuations. The n-grams that are one symbol longer than a state are stored
together. If a continuation is not among them, it is looked up in the state's suffix, at the cost of the state's backoff
weight.

Nothing is stored that can be derived. An n-gram takes two bytes and a bit, and a state two bytes.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.lm.ngrams import START, Symbols, Table, Tables, context, last_symbols, suffix, unknown_log_probability

Indices = NDArray[np.integer]
ROOT = 0
"""The state of the empty context."""


@dataclass(frozen=True)
class Quantised:
    """Numbers in a few bits: value = top - code * step."""

    codes: NDArray[np.unsignedinteger]
    top: float
    step: float

    def __getitem__(self, indices: Indices) -> NDArray[np.float32]:
        return self._decoded(self.codes[indices])

    @property
    def values(self) -> NDArray[np.float32]:
        """Value of each code, (2 ** bits,)."""
        return self._decoded(np.arange(np.iinfo(self.codes.dtype).max + 1))

    def _decoded(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        return np.float32(self.top) - codes.astype(np.float32) * np.float32(self.step)


def quantise(values: NDArray[np.float64], bits: int, floor: float) -> Quantised:
    """Quantise to `bits` (8 or 16) between the highest value and `floor`; lower values become `floor`."""
    dtype = np.dtype(f"uint{bits}")
    top = float(values.max(initial=0.0))
    step = max((top - floor) / (2**bits - 1), 1e-9)
    codes = np.rint((top - np.maximum(values, floor)) / step).astype(dtype)
    return Quantised(codes, top, step)


@dataclass(frozen=True)
class Model:
    """The automaton. G n-grams, C states; n-grams and states are ordered by length, then by their symbols.

    Attributes:
        order: length of the longest n-grams.
        unknown: ln p of a character that the model has never seen.
        labels: last symbol of each n-gram, (G,) uint8.
        log_probs: ln p of each n-gram's last symbol, (G,).
        followed: for each n-gram, whether it is a state, as bits, (ceil(G / 8),) uint8.
        continuations: number of n-grams of each state, (C,) uint8; the first is the root.
        backoffs: ln of the backoff weights, (C,).
        facts: for information: name, licence, texts, how it was built.
    """

    symbols: Symbols
    order: int
    unknown: float
    labels: NDArray[np.uint8]
    log_probs: Quantised
    followed: NDArray[np.uint8]
    continuations: NDArray[np.uint8]
    backoffs: Quantised
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def states(self) -> int:
        """Number of contexts."""
        return len(self.continuations)

    @cached_property
    def first(self) -> NDArray[np.int32]:
        """The first n-gram of each state, and the end of the last: shape (C + 1,)."""
        return _starts(self.continuations)

    @cached_property
    def ngrams(self) -> NDArray[np.int32]:
        """The n-gram of each state: shape (C,); -1 for the root, which has none."""
        bits = np.unpackbits(self.followed, count=len(self.labels))
        return np.concatenate([np.full(1, -1, np.int32), np.flatnonzero(bits).astype(np.int32)])

    @cached_property
    def rank(self) -> NDArray[np.int32]:
        """The number of states among the n-grams before each byte of `followed`, and among all: one more number."""
        return _starts(BITS[self.followed])

    def state_of_ngram(self, indices: Indices) -> Indices:
        """Return the state of each n-gram, -1 if it has no continuation. Single symbols begin at n-gram 0."""
        byte, bit = self.followed[indices >> 3], indices & 7
        states = 1 + self.rank[indices >> 3] + BITS[byte >> (8 - bit)]
        return np.where(byte >> (7 - bit) & 1, states, -1)

    @cached_property
    def start(self) -> int:
        """The state at the beginning of a line: that of the start mark, or the root if the model has none."""
        indices = np.flatnonzero(self.labels[: int(self.first[1])] == START)
        return max(int(self.state_of_ngram(indices)[0]), ROOT) if len(indices) else ROOT

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """The first state of each length 0, 1, 2, ..., and the end of the last."""
        bounds = [0, 1]
        while bounds[-1] < self.states:
            bounds.append(int(np.searchsorted(self.ngrams, self.first[bounds[-1]])))
        return np.array(bounds)

    @cached_property
    def suffixes(self) -> NDArray[np.int32]:
        """The state that each state backs off to: the longest other one that it ends in; the root for the root."""
        result = np.zeros(self.states, np.int32)
        last = self.labels[self.ngrams]
        keys = [np.zeros(1, np.uint64)]  # of the states of each length
        for length, (begin, end) in enumerate(pairwise(self.levels[1:].tolist()), start=1):
            parents = np.searchsorted(self.first, self.ngrams[begin:end], side="right") - 1 - self.levels[length - 1]
            keys.append((keys[-1][parents] << np.uint64(8)) | last[begin:end].astype(np.uint64))
            rest, indices = keys[-1], np.arange(begin, end)  # those whose suffix is not found yet
            for shorter in range(length - 1, 0, -1):
                rest = suffix(rest, shorter + 1)
                found = np.minimum(np.searchsorted(keys[shorter], rest), len(keys[shorter]) - 1)
                hit = keys[shorter][found] == rest
                result[indices[hit]] = self.levels[shorter] + found[hit]
                rest, indices = rest[~hit], indices[~hit]
        return result


BITS = np.array([number.bit_count() for number in range(256)], np.uint8)
"""Number of set bits in each byte."""
FLOOR = -16.0
"""Lower log-probabilities (below one in nine million) are stored as this."""


def _starts(counts: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the sum of the counts before each index, and of all: shape (n + 1,)."""
    starts = np.zeros(len(counts) + 1, np.int32)
    starts[1:] = counts  # a sum that has to convert its numbers takes eight times as long
    return np.cumsum(starts, dtype=np.int32, out=starts)


def make_model(tables: Tables, bits: int = 8, facts: dict[str, object] | None = None) -> Model:
    """Turn tables into an automaton with probabilities of `bits` bits."""
    labels = np.concatenate([last_symbols(table.keys) for table in tables.orders])
    log_probs = np.concatenate([table.log_probs for table in tables.orders])
    followed, continuations = [], [np.array([len(tables.orders[0].keys)])]
    for table, upper in zip(tables.orders[:-1], tables.orders[1:], strict=True):
        sizes = np.bincount(np.searchsorted(table.keys, context(upper.keys)), minlength=len(table.keys))
        is_state = (sizes > 0) | (table.backoffs != 0)  # models from elsewhere have weights without continuations
        followed.append(is_state)
        continuations.append(sizes[is_state])
    followed.append(np.zeros(len(tables.orders[-1].keys), bool))
    states = np.concatenate(followed)
    backoffs = np.concatenate([table.backoffs for table in tables.orders])[states]
    return Model(
        symbols=tables.symbols,
        order=tables.order,
        unknown=unknown_log_probability(tables),
        labels=labels,
        log_probs=quantise(log_probs, bits, FLOOR),
        followed=np.packbits(states),
        continuations=np.concatenate(continuations).astype(np.uint8),
        backoffs=quantise(np.concatenate([np.zeros(1), backoffs]), bits, FLOOR),
        facts=facts or {},
    )


def model_bytes(ngrams: int, states: int, bits: int = 8) -> int:
    """Return the size of a model's arrays in bytes."""
    return ngrams * (1 + bits // 8) + -(-ngrams // 8) + states * (1 + bits // 8)


def tables_of(model: Model) -> Tables:
    """Return the n-grams of an automaton, with its rounded probabilities: the inverse of `make_model`."""
    orders: list[Table] = []
    states = np.array([ROOT])
    keys = np.zeros(1, np.uint64)  # of `states`
    for _ in range(model.order):
        counts = model.continuations[states].astype(np.int64)
        indices = np.arange(model.first[states[0]], model.first[states[-1] + 1], dtype=np.int64)
        grams = (np.repeat(keys, counts) << np.uint64(8)) | model.labels[indices].astype(np.uint64)
        following = model.state_of_ngram(indices)
        known = following >= 0
        backoffs = np.zeros(len(indices))
        backoffs[known] = model.backoffs[following[known]]
        orders.append(Table(grams, model.log_probs[indices].astype(np.float64), backoffs))
        states, keys = following[known], grams[known]
        if not len(states):
            break
    return Tables(model.symbols, tuple(orders))
