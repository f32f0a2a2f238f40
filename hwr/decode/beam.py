"""CTC prefix beam search with scorers: language models and lists of words.

A beam is a set of prefixes: texts up to a time step. Each has two probabilities over all paths that spell it: of the
paths that end in a blank, and of those that end in its last label (Graves and Jaitly 2014, algorithm 1; Hannun et al.
2014). At every time step a prefix stays as it is or gets one more label, and the `width` best results are kept. If both
a prefix and its parent (the prefix without its last label) are in the beam, the prefix is reached twice: as itself and
from its parent. The two probabilities are added, so no two prefixes of a beam have the same text.

Prefixes are ranked by the sum of their log-probability and the scores that the scorer added for each label: for a
language model (`hwr.lm.scorer`) its weighted log-probabilities, for a list of words (`hwr.decode.lexicon`) a cost of
unknown words.

`hwr.decode.search` searches, compiled or in NumPy; this module has the settings, the results and the scorers.
"""

from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.settings import Range, Settings

MAX_WIDTH = 4096
"""More takes gigabytes for a long line, and does not change its text."""

Integers = NDArray[np.int64]
MAX_FACTOR = 100.0
"""Bound of weights, bonuses and scales: far beyond useful values, and far below an overflow of the scores."""
Weight = Annotated[float, Range(0, MAX_FACTOR)]
Bonus = Annotated[float, Range(-MAX_FACTOR, MAX_FACTOR)]
Width = Annotated[int, Range(1, MAX_WIDTH)]


WEIGHTS, BONUSES = (0.35, 0.5, 0.65, 0.8), (0.5, 1.0, 1.5, 2.0)
"""Language-model weights and insertion bonuses to try when these settings are tuned."""


@dataclass(frozen=True)
class BeamSettings(Settings):
    """Settings of a beam search; a model file keeps those that were tuned for it.

    The defaults rarely change the result compared with pruning by width alone (`certain_blank` above 1,
    `min_probability` 0, `max_labels` the number of classes), and take a third of the time or less: docs/decoding.md.

    Attributes:
        language_models: names of shipped language models, or paths. The caller chooses one of them for each line.
        weight: factor of the language model's log-probabilities.
        insertion_bonus: added for each character.
        width: number of prefixes to keep at each time step.
        certain_blank: a time step whose blank has at least this probability is read as a blank; above 1, none is.
        min_probability: less probable labels are not tried at a time step.
        blank_scale: factor of the blanks' log-probabilities. Below 1, improbable blanks cost less, so the search drops
            labels more easily; above 1, less easily.
        max_labels: try only this many of the most probable labels at a time step. Without a scorer, none beyond
            `width` + 1 could stay in the beam.

    Raises:
        UsageError: a number outside its range.
    """

    language_models: tuple[str, ...] = ()
    weight: Weight = 0.5
    insertion_bonus: Bonus = 1.0
    width: Width = 16
    certain_blank: Annotated[float, Range(above=0.5)] = 0.999
    min_probability: Annotated[float, Range(0, below=1)] = 1e-3
    blank_scale: Annotated[float, Range(above=0, high=MAX_FACTOR)] = 1.0
    max_labels: Annotated[int, Range(1)] = 16


@dataclass(frozen=True)
class Hypothesis:
    """A text that the search found.

    Attributes:
        labels: of the characters.
        log_probability: of the paths in the beam that spell the text. It is at most that of all paths, for which see
            `hwr.decode.lattice`; with a `blank_scale` other than 1, blanks count scaled.
        score: `log_probability` plus the scores of the scorer.
    """

    labels: tuple[int, ...]
    log_probability: float
    score: float


class Scorer(Protocol):
    """Scores of labels after a prefix, which the scorer identifies by a state (a 64-bit integer).

    Labels are 1 to classes - 1, never the blank. Scores are natural logarithms, minus infinity for a text that is not
    allowed; the scorer applies its own weights. M is about width times lines; the same state may occur often.
    """

    @property
    def start(self) -> int:
        """The state of the empty prefix."""
        ...

    def scores(self, states: Integers, labels: Integers, /) -> NDArray[np.floating]:
        """Return the score of each of the labels (M, K) after a prefix in state (M,): shape (M, K)."""
        ...

    def advance(self, states: Integers, labels: Integers, /) -> Integers:
        """Return the states (M,) after one more label (M,) each."""
        ...

    def finish(self, states: Integers, /) -> NDArray[np.floating]:
        """Return the scores of the end of the line (M,)."""
        ...
