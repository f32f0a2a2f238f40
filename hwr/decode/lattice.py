"""Paths through CTC's log-probabilities: the best path, the probability of a text, and its alignment.

The best path takes the most probable class at each time step, merges repetitions of a class and drops the blanks
(Graves et al. 2006, "Connectionist temporal classification", "best path decoding").

The lattice of a text has a state for every label, and states for the blanks before, between and after them. A path
stays in its state, moves to the next one, or skips a blank between two different labels (ibid., section 4.1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.text import BLANK, Alphabet, normalise_text, steps_needed

Numbers = NDArray[np.float64]

MIN_PROBABILITY = 1e-250
"""Sums of probabilities below this are computed again in logarithms: float64 ends at 1e-308."""
BATCH_NUMBERS = 4_000_000
"""Maximum numbers in memory at once, 8 bytes each."""


@dataclass(frozen=True)
class LabelSpan:
    """A label and its run of time steps on the best path, from `start` to before `stop`."""

    label: int
    start: int
    stop: int


def best_path(log_probs: NDArray[np.floating]) -> tuple[LabelSpan, ...]:
    """Return the labels of the best path with their time steps; log_probs of shape (T, classes), T >= 0."""
    if len(log_probs) == 0:
        return ()
    best = log_probs.argmax(axis=1)
    starts = np.concatenate(([0], np.flatnonzero(best[1:] != best[:-1]) + 1))
    stops = np.append(starts[1:], len(best))
    spans = map(LabelSpan, best[starts].tolist(), starts.tolist(), stops.tolist())
    return tuple(span for span in spans if span.label != BLANK)


def greedy_text(log_probs: NDArray[np.floating], alphabet: Alphabet) -> str:
    """Return the text of the best path, without confidences."""
    return normalise_text(alphabet.decode([span.label for span in best_path(log_probs)]))


def text_log_probability(log_probs: NDArray[np.floating], labels: Sequence[int]) -> float:
    """Return ln P(`labels`), summed over all paths that spell them (the forward algorithm).

    Args:
        log_probs: natural logarithms, shape (T, classes), T >= 0; class 0 is the blank.
        labels: classes of the characters, without blanks; may be empty.

    Returns:
        At most about 0; minus infinity if the labels need more than T time steps.

    Raises:
        ValueError: a shape or a label does not fit.
    """
    _check(log_probs, labels)
    if len(log_probs) == 0:
        return 0.0 if not labels else -np.inf
    states = _states([labels])[0]
    emissions, may_skip = log_probs[:, states].astype(np.float64), _may_skip(states)
    reached = np.full(len(states), -np.inf)  # log-probability of all paths up to here that end in each state
    reached[:2] = emissions[0, :2]
    for emission in emissions[1:]:
        moved = np.logaddexp(reached[1:], reached[:-1])
        skipped = np.where(may_skip, reached[:-2], -np.inf)
        reached[1:] = moved
        reached[2:] = np.logaddexp(reached[2:], skipped)
        reached += emission
    return float(np.logaddexp.reduce(reached[-2:]))


def text_log_probabilities(log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]) -> Numbers:
    """Return `text_log_probability` of many texts, each on its own time steps, computed together.

    Probabilities are summed, instead of logarithms, which saves nearly all of the time. The error from numbers below
    the smallest float64 is far less than `MIN_PROBABILITY`; a text below that is computed again in logarithms.

    Args:
        log_probs: for each text, natural logarithms, shape (T, classes), T >= 0; class 0 is the blank.
        labels: as many texts.

    Returns:
        Natural logarithms, shape (texts,).

    Raises:
        ValueError: a shape or a label does not fit, or there are not as many texts as log_probs.
    """
    _check_all(log_probs, labels)
    result = np.empty(len(labels))
    for batch in _batches(log_probs, labels):
        result[batch] = _forward([log_probs[index] for index in batch], [labels[index] for index in batch])
    for index in np.flatnonzero(result < np.log(MIN_PROBABILITY)).tolist():
        result[index] = text_log_probability(log_probs[index], labels[index])
    return result


def _batches(log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield indices of texts of similar length; a batch has at most `BATCH_NUMBERS` numbers with its padding."""
    sizes = [(len(line), 2 * len(text) + 1) for line, text in zip(log_probs, labels, strict=True)]
    batch: list[int] = []
    shortest = states = 0
    for index in sorted(range(len(sizes)), key=lambda index: sizes[index]):
        steps = sizes[index][0]
        states = max(states, sizes[index][1])
        if batch and (steps > 2 * shortest + 8 or (len(batch) + 1) * (steps + 1) * states > BATCH_NUMBERS):
            yield batch
            batch = []
        if not batch:
            shortest, states = sizes[index]
        batch.append(index)
    if batch:
        yield batch


def _forward(log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]) -> Numbers:
    """Return log-probabilities of texts, summed without logarithms."""
    emissions, may_skip, last = _padded(log_probs, labels)
    np.exp(emissions, out=emissions)
    allowed = may_skip.astype(np.float64)
    states, texts = emissions.shape[1:]
    # Two states that are never reached come before the first, so that all shifts are slices of one array.
    reached = np.zeros((states + 2, texts))
    stay, step, skip = reached[2:], reached[1:-1], reached[2:-2]
    stay[:2] = emissions[0, :2]
    arriving, skipping = np.empty((states, texts)), np.empty((max(0, states - 2), texts))
    for emission in emissions[1:]:
        np.add(stay, step, out=arriving)
        np.multiply(skip, allowed, out=skipping)
        arriving[2:] += skipping
        np.multiply(arriving, emission, out=stay)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(stay[last, np.arange(texts)]))


def align(log_probs: NDArray[np.floating], labels: Sequence[int]) -> tuple[LabelSpan, ...]:
    """Return the time steps of each label on the most probable path that spells `labels` (the Viterbi algorithm).

    Args:
        log_probs, labels: as in `text_log_probability`.

    Raises:
        ValueError: a shape or a label does not fit, the labels need more than T time steps, or no path is possible.
    """
    return alignments([log_probs], [labels])[0]


def alignments(
    log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]
) -> list[tuple[LabelSpan, ...]]:
    """Apply `align` to many texts, each on its own time steps, computed together.

    Raises:
        ValueError: as `align`, or there are not as many texts as log_probs.
    """
    _check_all(log_probs, labels)
    for line, text in zip(log_probs, labels, strict=True):
        if text and (needed := steps_needed(text)) > len(line):
            raise ValueError(f"{len(text)} labels need {needed} time steps, there are {len(line)}")
    result: list[tuple[LabelSpan, ...]] = [()] * len(labels)
    for batch in _batches(log_probs, labels):
        paths = _best_paths([log_probs[index] for index in batch], [labels[index] for index in batch])
        for index, path in zip(batch, paths, strict=True):
            states = 2 * np.arange(len(labels[index])) + 1  # of the labels; the states between them are blanks
            starts = np.searchsorted(path, states).tolist()
            stops = np.searchsorted(path, states, side="right").tolist()
            result[index] = tuple(map(LabelSpan, labels[index], starts, stops))
    return result


def _best_paths(log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    """Return the state at each time step of the most probable path of each text."""
    emissions, may_skip, last = _padded(log_probs, labels)
    steps, states, texts = emissions.shape
    forbidden = np.where(may_skip, 0.0, -np.inf)
    came_from = np.zeros((steps, states, texts), np.int8)  # number of states to go back
    reached = np.full((states + 2, texts), -np.inf)
    stay, step, skip = reached[2:], reached[1:-1], reached[2:-2]
    stay[:2] = emissions[0, :2]
    for time in range(1, steps):
        skipping = skip + forbidden
        arriving = np.maximum(stay, step)
        came_from[time] = step > stay
        came_from[time, 2:][skipping > arriving[2:]] = 2
        np.maximum(arriving[2:], skipping, out=arriving[2:])
        np.add(arriving, emissions[time], out=stay)
    columns = np.arange(texts)
    if not np.isfinite(stay[last, columns]).all():
        raise ValueError("no path spells these labels: a probability is 0")
    paths = np.empty((steps, texts), np.int64)
    state = last.copy()
    for time in range(steps - 1, -1, -1):
        paths[time] = state
        state -= came_from[time, state, columns]
    return [paths[: len(line), number] for number, line in enumerate(log_probs)]


def _padded(
    log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]
) -> tuple[Numbers, NDArray[np.bool_], NDArray[np.int64]]:
    """Return emissions (T + 1, S, N), may_skip (S - 2, N) and last states (N,) of N texts of different lengths.

    After its end, each text has time steps of certain blanks, at least one, which lead to its last state.
    """
    states = _states(labels)
    last = np.array([2 * len(text) for text in labels])
    emissions = np.full((max(map(len, log_probs)) + 1, states.shape[1], len(labels)), -np.inf)
    for number, line in enumerate(log_probs):
        count = last[number] + 1
        emissions[: len(line), :count, number] = line[:, states[number, :count]]
        emissions[len(line) :, 0:count:2, number] = 0.0
    return emissions, _may_skip(states).T, last


def _states(labels: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the class of each state, (N, S): blank, label, blank, ..., blank; blanks after the last."""
    states = np.full((len(labels), 2 * max(map(len, labels)) + 1), BLANK)
    for row, text in zip(states, labels, strict=True):
        row[1 : 2 * len(text) : 2] = text
    return states


def _may_skip(states: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a path may skip a state, from the third state on: to a label that differs from the previous one."""
    return np.asarray((states[..., 2:] != BLANK) & (states[..., 2:] != states[..., :-2]))


def _check_all(log_probs: Sequence[NDArray[np.floating]], labels: Sequence[Sequence[int]]) -> None:
    if len(log_probs) != len(labels):
        raise ValueError(f"{len(log_probs)} log_probs, but {len(labels)} texts")
    for line, text in zip(log_probs, labels, strict=True):
        _check(line, text)


def _check(log_probs: NDArray[np.floating], labels: Sequence[int]) -> None:
    if log_probs.ndim != 2:
        raise ValueError(f"log_probs of shape (T, classes) expected, {log_probs.shape} found")
    if labels and not BLANK < min(labels) <= max(labels) < log_probs.shape[1]:
        raise ValueError(f"labels must be between 1 and {log_probs.shape[1] - 1}; one of {list(labels)} is not")
