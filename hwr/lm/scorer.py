"""A language model as a scorer of the beam search: the score of each next character after the prefixes of a beam."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.lm.model import ROOT, Model
from hwr.lm.ngrams import END, UNKNOWN
from hwr.lm.tokens import FOLLOWING, TokenRules, plain_rules
from hwr.text import Alphabet

SPARE_ROWS = 4_096
"""Rows that one time step of 16 lines may add before the table is cleared at the next."""
MODES = len(FOLLOWING)
Integers = NDArray[np.integer]
Numbers = NDArray[np.float32]
ROWS = 32_768
"""Number of states whose scores are kept at once: at most about 70 MB with 133 classes."""


class NgramScorer:
    """Scores of all labels after each requested state, as rows of a table that fills as it is used.

    A state that has been seen costs only a look-up, and the same contexts occur again and again. A state of the scorer
    is a state of the model and a mode (`hwr.lm.tokens`): state * MODES + mode.

    Attributes:
        model: the automaton.
        weight: factor of the natural logarithms of its probabilities.
        insertion_bonus: added for each character.
        rules: for numbers and capitals.
    """

    def __init__(self, model: Model, rules: TokenRules, *, weight: float, insertion_bonus: float = 0.0) -> None:
        """Prepare to score the characters of an alphabet; those that the model does not have count as unknown."""
        self.model, self.weight, self.insertion_bonus, self.rules = model, weight, insertion_bonus, rules
        self._row_of_state = np.zeros(0, np.int32)
        self.start = model.start * MODES

    def scores(self, states: Integers, labels: Integers, /) -> Numbers:
        """Return the scores of labels (M, K) after states (M,), shape (M, K)."""
        rows = self._rows(states // MODES)  # first: it may move the table
        modes = (states % MODES)[:, None]
        found = self._scores[rows[:, None], self._column_of_label[modes, labels]]
        result: Numbers = np.maximum(found + self.rules.added[modes, labels], self.rules.least[modes, labels])
        return result

    def advance(self, states: Integers, labels: Integers, /) -> NDArray[np.int64]:
        """Return the states (M,) after one more label each."""
        rows, modes = self._rows(states // MODES), states % MODES
        following = self._next[rows, self._column_of_label[modes, labels]].astype(np.int64)
        result: NDArray[np.int64] = following * MODES + self.rules.following[modes, labels]
        return result

    def finish(self, states: Integers, /) -> Numbers:
        """Return the scores of the end of the line (M,); it is not a character and has no bonus."""
        return self.scores(states, np.zeros((len(states), 1), np.int64))[:, 0]

    def search_tables(self) -> dict[str, dict[str, Any]]:
        """Return the model and the rules as the compiled search reads them (`Ngrams` in hwr/decode/search.c)."""
        model, rules = self.model, self.rules
        values = np.float32(self.weight) * model.log_probs.values
        backoffs = np.float32(self.weight) * model.backoffs.values
        most = values.max() + max(0.0, self.insertion_bonus) + (model.order - 1) * max(0.0, float(backoffs.max()))
        arrays = {
            "labels": model.labels,
            "followed": model.followed,
            "rank": model.rank,
            "first": model.first,
            "log_probs": model.log_probs.codes,
            "backoffs": model.backoffs.codes,
            "log_prob_values": values,
            "backoff_values": backoffs,
            "symbols": rules.symbols,
            "following": rules.following,
            "added": rules.added,
            "least": rules.least,
        }
        numbers = {
            "order": model.order,
            "start": model.start,
            "classes": rules.symbols.shape[1],
            "end_symbol": END,
            "code_bytes": model.log_probs.codes.itemsize,
            "bonus": self.insertion_bonus,
            "unknown": self.weight * model.unknown + self.insertion_bonus,
            "ceiling": max(float(most), float(rules.least.max())) + 1e-3,
        }
        return {
            "ngrams": numbers | {name: np.require(array, requirements=("C", "A")) for name, array in arrays.items()}
        }

    def _number_columns(self) -> None:
        used = np.unique([END, UNKNOWN, *np.unique(self.rules.symbols)])
        self._columns = len(used) + 1  # the last is for symbols that no label has
        self._column_of_symbol = np.full(256, len(used))
        self._column_of_symbol[used] = np.arange(len(used))
        self._column_of_label = self._column_of_symbol[self.rules.symbols]
        self._bonus_of_column = np.full(self._columns, self.insertion_bonus, np.float32)
        self._bonus_of_column[self._column_of_symbol[END]] = 0.0

    def _clear(self) -> None:
        # Space for all: the system allocates memory for a part of an array when it is first written to.
        self._scores = np.empty((ROWS + SPARE_ROWS, self._columns), np.float32)
        self._next = np.empty((ROWS + SPARE_ROWS, self._columns), np.int32)
        self._row_of_state = np.full(self.model.states, -1, np.int32)
        self._row_of_state[ROOT] = 0
        self._used = 1
        self._scores[0] = self.weight * self.model.unknown + self.insertion_bonus
        self._next[0] = ROOT
        self._write(_Continuations(self, np.array([ROOT]), np.zeros(1, np.int64)), 0, 1)

    def _rows(self, states: Integers) -> NDArray[np.int32]:
        if not len(self._row_of_state):  # the compiled search never comes here
            self._number_columns()
            self._clear()
        rows = self._row_of_state.take(states)
        if rows.min(initial=0) < 0:
            if self._used > ROWS:
                self._clear()
            self._fill(states)
            rows = self._row_of_state.take(states)
        return rows

    def _missing(self, states: Integers) -> Integers:
        """Return those of the states that have no row, ascending, without repetitions."""
        missing = np.sort(states[self._row_of_state.take(states) < 0])
        return missing[np.concatenate(([True], missing[1:] != missing[:-1]))] if len(missing) > 1 else missing

    def _fill(self, states: Integers) -> None:
        """Make rows of the states that have none, and of the states that they back off to, the shortest first.

        A row is that of the suffix plus the backoff weight, with the state's own continuations in it.
        """
        chain = [self._missing(states)]
        while len(chain[-1]):
            chain.append(self._missing(self.model.suffixes[chain[-1]]))
        states = self._missing(np.concatenate(chain))
        rows = np.arange(self._used, self._used + len(states))
        self._used += len(states)
        if self._used > len(self._scores):
            self._scores, self._next = _enlarged(self._scores, self._used), _enlarged(self._next, self._used)
        self._row_of_state[states] = rows
        lower = self._row_of_state[self.model.suffixes[states]]
        backoffs = self.weight * self.model.backoffs[states][:, None]
        continuations = _Continuations(self, states, rows)
        bounds = np.searchsorted(states, self.model.levels)
        for begin, end in pairwise(bounds.tolist()):
            if begin < end:
                self._scores[rows[begin:end]] = self._scores[lower[begin:end]] + backoffs[begin:end]
                self._next[rows[begin:end]] = self._next[lower[begin:end]]
                self._write(continuations, begin, end)

    def _write(self, continuations: "_Continuations", begin: int, end: int) -> None:
        """Put the continuations of the states `begin` to before `end` into their rows."""
        first, last = continuations.ends[begin], continuations.ends[end]
        self._scores.ravel()[continuations.cells[first:last]] = continuations.scores[first:last]
        following = continuations.following[first:last]
        known = np.flatnonzero(following >= 0)
        self._next.ravel()[continuations.cells[first:last][known]] = following[known]


class _Continuations:
    """All continuations of some states, concatenated, with their cells in the tables of a scorer."""

    def __init__(self, scorer: NgramScorer, states: Integers, rows: Integers) -> None:
        model = scorer.model
        counts = model.continuations[states].astype(np.int64)
        self.ends = np.concatenate(([0], np.cumsum(counts)))
        indices = (model.first[states] - self.ends[:-1]).repeat(counts) + np.arange(self.ends[-1])
        column = scorer._column_of_symbol[model.labels[indices]]
        self.cells = (rows * scorer._columns).repeat(counts) + column
        self.scores = scorer.weight * model.log_probs[indices] + scorer._bonus_of_column[column]
        self.following = model.state_of_ngram(indices)


def _enlarged(table: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return a table with space for `rows` rows and as many again."""
    larger = np.empty((2 * rows, table.shape[1]), table.dtype)
    larger[: len(table)] = table
    return larger


class Scorer(Protocol):
    """A scorer; see `hwr.decode.beam.Scorer`."""

    @property
    def start(self) -> int: ...

    def scores(self, states: NDArray[np.int64], labels: NDArray[np.int64], /) -> NDArray[np.floating]: ...

    def advance(self, states: NDArray[np.int64], labels: NDArray[np.int64], /) -> NDArray[np.int64]: ...

    def finish(self, states: NDArray[np.int64], /) -> NDArray[np.floating]: ...


@dataclass(frozen=True)
class Score:
    """Sums over lines. `log_probability` is natural; `characters` includes the ends of lines, `unknown` does not."""

    log_probability: float
    characters: int
    unknown: int

    @property
    def bits(self) -> float:
        """Bits per character: the lower, the better the model predicts the text."""
        return -self.log_probability / self.characters / float(np.log(2.0))


def label_scores(scorer: Scorer, lines: Sequence[Sequence[int] | NDArray[np.int32]]) -> list[NDArray[np.float64]]:
    """Return the scores of the labels of each line and of its end: ln p if the weight is 1 and the bonus 0.

    Returns:
        Arrays of shape (L + 1,) for lines of L labels.
    """
    if not lines:
        return []
    states = np.full(len(lines), scorer.start)
    scores = np.zeros((len(lines), max(map(len, lines)) + 1))
    for step in range(scores.shape[1] - 1):
        active = np.array([index for index, line in enumerate(lines) if len(line) > step])
        labels = np.array([line[step] for line in lines if len(line) > step])
        scores[active, step] = scorer.scores(states[active], labels[:, None])[:, 0]
        states[active] = scorer.advance(states[active], labels)
    lengths = np.array([len(line) for line in lines])
    scores[np.arange(len(lines)), lengths] = scorer.finish(states)
    return [row[: length + 1] for row, length in zip(scores, lengths, strict=True)]


def text_log_probabilities(model: Model, lines: Sequence[str]) -> list[float]:
    """Return ln p of each normalised line, from its start to its end."""
    alphabet = Alphabet.of(lines)
    scorer = NgramScorer(model, plain_rules(model.symbols, alphabet), weight=1.0)
    return [float(scores.sum()) for scores in label_scores(scorer, [alphabet.encode(line) for line in lines])]


def score_lines(model: Model, lines: Sequence[str]) -> Score:
    """Return the cross-entropy of normalised lines."""
    alphabet = Alphabet.of(lines)
    unknown = {c for c in alphabet.characters if model.symbols.symbol(c) == UNKNOWN}
    return Score(
        sum(text_log_probabilities(model, lines)),
        sum(len(line) + 1 for line in lines),
        sum(character in unknown for line in lines for character in line),
    )
