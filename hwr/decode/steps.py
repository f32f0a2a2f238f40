"""The time steps of several lines, made ready for a search: without certain blanks, and with few labels to try.

A network that was trained with CTC says "blank" with near certainty on most time steps. There a prefix can only stay
as it is, so such steps need no search: their blanks are added up beforehand, and the step behind them is told that a
blank came before it. Lines that have fewer steps left than others get steps at their end which change nothing: a
blank of probability 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.text import BLANK

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_LABEL = -1
FILLER = 1
"""The label of a candidate that is none; its log-probability is minus infinity."""


@dataclass(frozen=True)
class Steps:
    """T time steps of N lines, with K - 1 candidates at most; natural logarithms.

    Attributes:
        lines, classes: N and C.
        blank: (T, N), of the blank.
        again: (T, N, C), of the label that a prefix ends in already, if no blank came between: minus infinity for the
            blank, and wherever steps before this one were left out.
        counts: of each step K_t, one more than its most candidates; the last column is never a candidate.
        labels: (T, N, K), the candidates, FILLER behind them.
        candidates: (T, N, K), of these labels, minus infinity behind them.
        repeats: (T, N, K), the candidates that need a blank before them after the same label: NO_LABEL where steps
            before this one were left out.
        places: (T, N, C), where each label stands among the candidates; K_t - 1 if it is none.
        left_out: (N,), the sum over the steps that were left out.
    """

    lines: int
    classes: int
    blank: Numbers
    again: Numbers
    counts: list[int]
    labels: Integers
    candidates: Numbers
    repeats: Integers
    places: NDArray[np.int16]
    left_out: Numbers


def prepare_steps(
    log_probs: Sequence[NDArray[np.floating]],
    certain_blank: float,
    least_probability: float,
    most_labels: int,
    blank_scale: float,
) -> Steps:
    """Leave out certain blanks and list the labels to try.

    Args:
        log_probs: natural logarithms, each of shape (T_i, C); at least one line.
        certain_blank: steps whose blank has at least this probability are left out; above 1: none.
        least_probability: labels less likely than this at a time step are no candidates there.
        most_labels: no more than these likeliest labels are candidates at a time step (more where some are equal).
        blank_scale: factor of the blanks' logarithms, after certain blanks were looked for.

    Raises:
        ValueError: a shape does not fit.
    """
    classes = log_probs[0].shape[-1]
    if any(line.ndim != 2 or line.shape[1] != classes for line in log_probs) or not 2 <= classes < 2**15:
        raise ValueError("log_probs of shape (T, classes) expected, the same classes for all lines, at least 2")
    limit = np.log(certain_blank)
    kept = [np.flatnonzero(line[:, BLANK] < limit) if limit <= 0 else np.arange(len(line)) for line in log_probs]
    shape = (max(map(len, kept)), len(log_probs), classes)
    again = np.full(shape, -np.inf)
    blank = np.zeros(shape[:2])
    parted = np.zeros(shape[:2], np.bool_)
    left_out = np.zeros(len(log_probs))
    for row, (line, steps) in enumerate(zip(log_probs, kept, strict=True)):
        again[: len(steps), row] = line[steps]
        blank[: len(steps), row] = again[: len(steps), row, BLANK] * blank_scale
        parted[: len(steps), row] = np.diff(steps, prepend=-1) > 1
        if len(steps) < len(line):
            left_out[row] = np.delete(line[:, BLANK], steps).sum(dtype=np.float64) * blank_scale
    again[:, :, BLANK] = -np.inf
    counts, labels, candidates, places = _candidates(again, least_probability, most_labels)
    again[parted] = -np.inf
    repeats = np.where(parted[:, :, None], NO_LABEL, labels)
    return Steps(shape[1], classes, blank, again, counts, labels, candidates, repeats, places, left_out)


def _candidates(log_probs: Numbers, least: float, most: int) -> tuple[list[int], Integers, Numbers, NDArray[np.int16]]:
    """`counts`, `labels`, `candidates` and `places` of `Steps`."""
    steps, lines, classes = log_probs.shape
    flat = log_probs.reshape(-1, classes)
    threshold = np.log(least) if least > 0 else -np.inf
    likely = (flat >= threshold) & (flat > -np.inf)
    many = np.flatnonzero(likely.sum(axis=1) > most)
    if len(many):
        likely[many] &= flat[many] >= np.partition(flat[many], classes - most, axis=1)[:, classes - most, None]
    rows, found = np.nonzero(likely)
    number = np.bincount(rows, minlength=len(flat))
    order = np.arange(len(rows)) - np.repeat(np.cumsum(number) - number, number)
    counts = number.reshape(steps, lines).max(axis=1, initial=0) + 1
    places = np.repeat(counts - 1, lines * classes).astype(np.int16).reshape(-1, classes)
    places[rows, found] = order
    width = int(counts.max(initial=1))
    labels = np.full((len(flat), width), FILLER, np.int64)
    candidates = np.full((len(flat), width), -np.inf)
    labels[rows, order] = found
    candidates[rows, order] = flat[rows, found]
    shape = (steps, lines, width)
    return counts.tolist(), labels.reshape(shape), candidates.reshape(shape), places.reshape(steps, lines, classes)
