"""A language model as a scorer of the beam search: what each next character adds after the prefixes of a beam."""

import numpy as np
from numpy.typing import NDArray

from hwr.lm.model import ROOT, Model
from hwr.lm.symbols import END, START, UNKNOWN
from hwr.text import Alphabet

Integers = NDArray[np.int64]
Numbers = NDArray[np.float32]
ROWS = 16_384
"""States whose scores are held at once: about 20 MB with 133 classes."""


class NgramScorer:
    """Scores of all labels after each state that was asked for, as rows of a table that fills as it is used.

    A state that was seen once costs one look-up afterwards, and the same contexts come again and again.
    """

    def __init__(self, model: Model, alphabet: Alphabet, *, weight: float, insertion_bonus: float = 0.0) -> None:
        """Prepare to score the characters of an alphabet.

        Args:
            model: characters of the alphabet that it lacks have the probability of unknown ones.
            weight: factor of the natural logarithms of its probabilities.
            insertion_bonus: added for each character.
        """
        self.model, self.weight, self.insertion_bonus = model, weight, insertion_bonus
        self._classes = alphabet.classes
        symbols = np.array([END, *(model.symbols.symbol(character) for character in alphabet.characters)])
        # Columns: end of line (which stands in the blank's place), labels, unknown, and one for symbols not asked for.
        self._unknown_column, self._other_column = self._classes, self._classes + 1
        self._column_of_symbol = np.full(256, self._other_column)
        self._column_of_symbol[symbols] = np.arange(self._classes)
        self._column_of_symbol[UNKNOWN] = self._unknown_column
        self._unknown_labels = np.flatnonzero(symbols == UNKNOWN)
        self._row_of_state = np.full(model.states, -1, np.int32)
        self._suffix_of_state = np.full(model.states, -1, np.int32)
        self._suffix_of_state[ROOT] = ROOT
        self._clear()
        self.start = int(self._next_of_symbol(START))

    def scores(self, states: Integers, labels: Integers) -> Numbers:
        """What labels (M, K) add after states (M,): shape (M, K)."""
        rows = self._rows(states)  # first: it may move the table
        result: Numbers = self._scores[rows[:, None], labels]
        return result

    def advance(self, states: Integers, labels: Integers) -> Integers:
        """The states (M,) after one more label each."""
        rows = self._rows(states)
        result: Integers = self._next[rows, labels].astype(np.int64)
        return result

    def finish(self, states: Integers) -> Numbers:
        """What the end of the line adds (M,); it is no character and has no bonus."""
        rows = self._rows(states)
        result: Numbers = self._scores[rows, 0]
        return result

    def _clear(self) -> None:
        columns = self._classes + 2
        self._scores = np.empty((64, columns), np.float32)
        self._next = np.empty((64, columns), np.int32)
        self._row_of_state[:] = -1
        self._used = 0
        self._add(np.array([ROOT]))

    def _rows(self, states: Integers) -> NDArray[np.int32]:
        rows = self._row_of_state[states]
        if (rows < 0).any():
            if self._used > ROWS:
                self._clear()
            self._fill(np.unique(states[self._row_of_state[states] < 0]))
            rows = self._row_of_state[states]
        return rows

    def _fill(self, states: Integers) -> None:
        """Make rows of states that have none, after those of what they back off to."""
        suffixes = self._suffixes(states)
        missing = np.unique(suffixes[self._row_of_state[suffixes] < 0])
        if len(missing):
            self._fill(missing)
        self._add(states[self._row_of_state[states] < 0])

    def _suffixes(self, states: Integers) -> Integers:
        """The states that these back off to: the longest that are states of what is left without the first symbol.

        It is where the suffix of the state's parent goes with the state's last symbol.
        """
        unknown = np.unique(states[self._suffix_of_state[states] < 0])
        if len(unknown):
            parents = self.model.parents(unknown)
            short = parents == ROOT
            self._suffix_of_state[unknown[short]] = ROOT
            long, parents = unknown[~short], parents[~short]
            if len(long):
                columns = self._column_of_symbol[self.model.labels[self.model.ngrams[long]]]
                rows = self._rows(self._suffixes(parents))
                self._suffix_of_state[long] = self._next[rows, columns]
        return self._suffix_of_state[states].astype(np.int64)

    def _add(self, states: Integers) -> None:
        model = self.model
        rows = np.arange(self._used, self._used + len(states))
        self._grow(self._used + len(states))
        self._used += len(states)
        self._row_of_state[states] = rows
        if states[0] == ROOT:
            unknown = self.weight * model.unknown + self.insertion_bonus
            self._scores[rows], self._next[rows] = unknown, ROOT
        else:
            lower = self._row_of_state[self._suffix_of_state[states]]
            self._scores[rows] = self._scores[lower] + (self.weight * model.backoffs[states])[:, None]
            self._next[rows] = self._next[lower]
        counts = model.continuations[states].astype(np.int64)
        begins = np.cumsum(counts) - counts
        places = np.repeat(model.first[states] - begins, counts) + np.arange(counts.sum())
        row = np.repeat(rows, counts)
        column = self._column_of_symbol[model.labels[places]]
        bonus = np.where(column == 0, 0.0, self.insertion_bonus)
        self._scores[row, column] = self.weight * model.log_probs[places] + bonus
        following = model.state_of_ngram(places)
        known = following >= 0
        self._next[row[known], column[known]] = following[known]
        if len(self._unknown_labels):
            self._scores[rows[:, None], self._unknown_labels] = self._scores[rows, self._unknown_column][:, None]
            self._next[rows[:, None], self._unknown_labels] = self._next[rows, self._unknown_column][:, None]

    def _grow(self, rows: int) -> None:
        if rows > len(self._scores):
            size = max(rows, 2 * len(self._scores))
            self._scores = np.resize(self._scores, (size, self._scores.shape[1]))
            self._next = np.resize(self._next, (size, self._next.shape[1]))

    def _next_of_symbol(self, symbol: int) -> int:
        """The state of the single symbol, the root if it is none."""
        model = self.model
        places = np.flatnonzero(model.labels[: int(model.first[1])] == symbol)
        state = int(model.state_of_ngram(places)[0]) if len(places) else -1
        return state if state >= 0 else ROOT
