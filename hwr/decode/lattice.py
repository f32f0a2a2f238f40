"""CTC's lattice of one text: how likely the text is as a whole, and where each of its characters lies.

The lattice has a state for every label and one for the blank before, between and behind them. A path stays in its
state, goes to the next one, or passes over a blank between two different labels (Graves et al. 2006, "Connectionist
temporal classification", section 4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.text import BLANK, steps_needed

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class LabelSpan:
    """A label and the run of time steps that it owns on the best path, from `start` to before `stop`."""

    label: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Lattice:
    """emissions: (T, 2 L + 1), log-probability of each state at each time step; skips: where a blank may be passed."""

    emissions: Numbers
    skips: NDArray[np.bool_]


def text_log_probability(log_probs: NDArray[np.floating], labels: Sequence[int]) -> float:
    """Natural logarithm of the probability of `labels`, over all paths that read so (the forward algorithm).

    Args:
        log_probs: natural logarithms, shape (T, classes), T >= 0; class 0 is the blank.
        labels: classes of the characters, none of them the blank; may be empty.

    Returns:
        At most about 0; minus infinity where the labels need more than T time steps.

    Raises:
        ValueError: a shape or a label does not fit.
    """
    lattice = _lattice(log_probs, labels)
    if len(lattice.emissions) == 0:
        return 0.0 if not labels else -np.inf
    reached = np.full(lattice.emissions.shape[1], -np.inf)
    reached[:2] = lattice.emissions[0, :2]
    for emission in lattice.emissions[1:]:
        from_before = np.logaddexp(reached[1:], reached[:-1])
        over_blank = np.where(lattice.skips[2:], reached[:-2], -np.inf)
        reached[1:] = from_before
        reached[2:] = np.logaddexp(reached[2:], over_blank)
        reached += emission
    return float(np.logaddexp.reduce(reached[-2:]))


def align(log_probs: NDArray[np.floating], labels: Sequence[int]) -> tuple[LabelSpan, ...]:
    """The time steps of each label on the likeliest path that reads `labels` (the Viterbi algorithm).

    Args:
        log_probs, labels: as in `text_log_probability`.

    Raises:
        ValueError: a shape or a label does not fit, the labels need more than T time steps, or no path is possible.
    """
    lattice = _lattice(log_probs, labels)
    steps, states = lattice.emissions.shape
    if not labels:
        return ()
    if (needed := steps_needed(labels)) > steps:
        raise ValueError(f"{len(labels)} labels need {needed} time steps, there are {steps}")
    came_from = np.zeros((steps, states), np.int8)  # how many states back
    best = np.full(states, -np.inf)
    best[:2] = lattice.emissions[0, :2]
    for step in range(1, steps):
        candidates = np.full((3, states), -np.inf)
        candidates[0] = best
        candidates[1, 1:] = best[:-1]
        candidates[2, 2:] = np.where(lattice.skips[2:], best[:-2], -np.inf)
        came_from[step] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + lattice.emissions[step]
    state = states - 1 if best[-1] >= best[-2] else states - 2
    if not np.isfinite(best[state]):
        raise ValueError("no path reads these labels: a probability is 0")
    path = np.empty(steps, np.int64)
    for step in range(steps - 1, -1, -1):
        path[step] = state
        state -= came_from[step, state]
    starts = [int(np.searchsorted(path, 2 * number + 1)) for number in range(len(labels))]
    stops = [int(np.searchsorted(path, 2 * number + 1, side="right")) for number in range(len(labels))]
    return tuple(LabelSpan(*span) for span in zip(labels, starts, stops, strict=True))


def _lattice(log_probs: NDArray[np.floating], labels: Sequence[int]) -> _Lattice:
    if log_probs.ndim != 2:
        raise ValueError(f"log_probs of shape (T, classes) expected, {log_probs.shape} found")
    if any(not BLANK < label < log_probs.shape[1] for label in labels):
        raise ValueError(f"labels lie between 1 and {log_probs.shape[1] - 1}; one of {list(labels)} does not")
    states = np.full(2 * len(labels) + 1, BLANK)
    states[1::2] = labels
    skips = np.zeros(len(states), bool)
    skips[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])
    return _Lattice(log_probs[:, states].astype(np.float64), skips)
