"""The prefix beam search in NumPy, for several lines at once, in logarithms. `hwr.decode.beam` describes the method.

A network that was trained with CTC predicts the blank with near certainty at most time steps. There a prefix can only
stay as it is, so these steps need no search: their blanks are added up beforehand, and the next step knows that a blank
came before it. Lines with fewer remaining steps than others are filled up with steps that change nothing: a blank of
probability 1.

A prefix is identified by a fingerprint: 64 bits computed from its labels. At each step, two of the W prefixes of a beam
have the same fingerprint with a probability of about W^2 / 2^65, and the search would take them for one text: with 16
prefixes, once in 10^17 steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis, Scorer
from hwr.text import BLANK

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_LABEL = -1
FILLER = 1
"""The label of an unused candidate; its log-probability is minus infinity."""


def search(
    log_probs: Sequence[NDArray[np.floating]], settings: BeamSettings, scorer: Scorer | None, results: int
) -> list[list[Hypothesis]]:
    """Search several lines; as `hwr.decode.search.beam_search`, but with no result for a line that has none."""
    steps = prepare_steps(log_probs, settings)
    beams = _Search(steps, settings.width, scorer)
    for step in _each(steps):
        beams.advance(step)
    return beams.results(results, steps.left_out)


@dataclass(frozen=True)
class Steps:
    """T time steps of N lines, with at most K - 1 candidates; natural logarithms.

    Attributes:
        lines, classes: N and C.
        blank: (T, N), log-probability of the blank.
        again: (T, N, C), log-probability that a label, the last one of a prefix, lasts for one more time step; minus
            infinity for the blank, and after steps that were left out, which were blanks.
        counts: K_t of each step: the largest number of candidates of a line, and one column that is never a candidate.
        labels: (T, N, K), the candidates, followed by FILLER.
        candidates: (T, N, K), log-probabilities of these labels, followed by minus infinity.
        repeats: (T, N, K), the candidates that may only follow the same label after a blank; NO_LABEL after steps that
            were left out, which were blanks.
        index_of_label: (T, N, C), index of each label among the candidates; K_t - 1 if it is not a candidate.
        left_out: (N,), sum of the blanks' log-probabilities over the steps that were left out.
    """

    lines: int
    classes: int
    blank: Numbers
    again: Numbers
    counts: list[int]
    labels: Integers
    candidates: Numbers
    repeats: Integers
    index_of_label: NDArray[np.int16]
    left_out: Numbers


def prepare_steps(log_probs: Sequence[NDArray[np.floating]], settings: BeamSettings) -> Steps:
    """Leave out certain blanks and list the labels to try.

    Args:
        log_probs: natural logarithms, each of shape (T_i, C); at least one line.
        settings: `blank_scale` is applied after certain blanks were found; more than `max_labels` labels are candidates
            if some are equal.
    """
    classes = log_probs[0].shape[-1]
    limit, blank_scale = np.log(settings.certain_blank), settings.blank_scale
    kept = [np.flatnonzero(line[:, BLANK] < limit) if limit <= 0 else np.arange(len(line)) for line in log_probs]
    shape = (max(map(len, kept)), len(log_probs), classes)
    again = np.full(shape, -np.inf)
    blank = np.zeros(shape[:2])
    after_gap = np.zeros(shape[:2], np.bool_)
    left_out = np.zeros(len(log_probs))
    for row, (line, steps) in enumerate(zip(log_probs, kept, strict=True)):
        again[: len(steps), row] = line[steps]
        blank[: len(steps), row] = again[: len(steps), row, BLANK] * blank_scale
        after_gap[: len(steps), row] = np.diff(steps, prepend=-1) > 1
        if len(steps) < len(line):
            left_out[row] = np.delete(line[:, BLANK], steps).sum(dtype=np.float64) * blank_scale
    again[:, :, BLANK] = -np.inf
    counts, labels, candidates, index_of_label = _candidates(again, settings.min_probability, settings.max_labels)
    again[after_gap] = -np.inf
    repeats = np.where(after_gap[:, :, None], NO_LABEL, labels)
    return Steps(shape[1], classes, blank, again, counts, labels, candidates, repeats, index_of_label, left_out)


def _candidates(log_probs: Numbers, least: float, most: int) -> tuple[list[int], Integers, Numbers, NDArray[np.int16]]:
    """Return `counts`, `labels`, `candidates` and `index_of_label` of `Steps`."""
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
    index_of_label = np.repeat(counts - 1, lines * classes).astype(np.int16).reshape(-1, classes)
    index_of_label[rows, found] = order
    width = int(counts.max(initial=1))
    labels = np.full((len(flat), width), FILLER, np.int64)
    candidates = np.full((len(flat), width), -np.inf)
    labels[rows, order] = found
    candidates[rows, order] = flat[rows, found]
    shape = (steps, lines, width)
    return (
        counts.tolist(),
        labels.reshape(shape),
        candidates.reshape(shape),
        index_of_label.reshape(steps, lines, classes),
    )


Fingerprints = NDArray[np.uint64]

_ROOT, _NO_PARENT, _DEAD = (np.uint64(number) for number in (3, 2, 1))
"""Fingerprints of the empty prefix, of its parent, and of an unused entry of a beam: its parent does not exist."""
_FACTOR, _SHIFT = np.uint64(0xBF58476D1CE4E5B9), np.uint64(31)


@dataclass(frozen=True)
class _Step:
    """One time step of `Steps`: each array without its first axis, and the candidates cut to K of this step."""

    blank: Numbers
    again: Numbers
    labels: Integers
    candidates: Numbers
    repeats: Integers
    index_of_label: NDArray[np.int16]


def _each(steps: Steps) -> Iterator[_Step]:
    for index, count in enumerate(steps.counts):
        yield _Step(
            steps.blank[index][:, None],
            steps.again[index].ravel(),
            steps.labels[index, :, :count],
            steps.candidates[index, :, None, :count],
            steps.repeats[index, :, None, :count],
            steps.index_of_label[index].ravel(),
        )


class _Workspace:
    """Arrays and tables for steps with K candidates, the last of which is unused.

    Each of N lines has W + W K continuations: its W prefixes as they are, then each with every candidate. `stays` and
    `grown` are the two parts of an array (N, W + W K); flat indices count through that array.
    """

    def __init__(self, lines: int, width: int, count: int) -> None:
        continuations = width * (1 + count)
        self.total, self.total_stays, self.total_grown = _stays_and_grown(lines, width, count)
        self.bonus, self.bonus_stays, self.bonus_grown = _stays_and_grown(lines, width, count)
        self.rank = np.zeros((lines, continuations))
        self.dropped = width * count  # continuations that do not stay in the beam
        self.offset = np.arange(lines)[:, None] * continuations
        number = np.arange(continuations)
        prefix = np.where(number < width, number, (number - width) // count)
        self.source = (np.arange(lines)[:, None] * width + prefix).ravel()
        self.candidate = (
            np.arange(lines)[:, None] * count + np.where(number < width, 0, (number - width) % count)
        ).ravel()
        # For each prefix, the position of its continuation with candidate 0.
        self.growth = (self.offset + width + np.arange(width) * count).ravel()
        self.count = count


def _stays_and_grown(lines: int, width: int, count: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return an array of all continuations, and views of its parts: prefixes as they are, and with each candidate."""
    whole = np.zeros((lines, width * (1 + count)))
    return whole, whole[:, :width], whole[:, width:].reshape(lines, width, count)


class _Search:
    """The beams of N lines with W prefixes each: flat arrays of N W. An unused entry has probability 0."""

    def __init__(self, steps: Steps, width: int, scorer: Scorer | None) -> None:
        self.scorer, self.lines, self.width = scorer, steps.lines, width
        prefixes = steps.lines * width
        self.codes = _codes(steps.classes)
        self.workspaces: dict[int, _Workspace] = {}
        self.history: list[tuple[Integers, Integers, Integers]] = []
        # For each prefix, the index of its line's class 0 in flat arrays (N, C).
        self.class_0 = np.repeat(np.arange(steps.lines) * steps.classes, width)
        # For each element of a flat matrix (N, W, W), the prefixes of its row and of its column.
        pair = np.arange(prefixes * width)
        self.of_row, self.of_column = pair // width, pair // width**2 * width + pair % width

        self.last = np.full(prefixes, BLANK)
        self.in_blank = np.full(prefixes, -np.inf)
        self.in_blank[::width] = 0.0
        self.in_label = np.full(prefixes, -np.inf)
        self.total = self.in_blank.copy()
        self.bonus = np.zeros(prefixes)
        self.state = np.full(prefixes, scorer.start if scorer else 0, np.int64)
        self.prefix = np.full(prefixes, _DEAD)
        self.prefix[::width] = _ROOT
        self.parent = np.full(prefixes, _NO_PARENT)

    def advance(self, step: _Step) -> None:
        """Process one time step."""
        count = step.labels.shape[1]
        work = self.workspaces.get(count)
        if work is None:
            work = self.workspaces[count] = _Workspace(self.lines, self.width, count)
        by_line, by_prefix = (self.lines, self.width), (self.lines, self.width, 1)

        total = self.total.reshape(by_prefix)
        last_label = self.class_0 + self.last
        stays_blank = (total[:, :, 0] + step.blank).ravel()
        stays_label = self.in_label + step.again.take(last_label)
        # After the same label only paths that end in a blank count.
        reached = np.where(self.last.reshape(by_prefix) == step.repeats, self.in_blank.reshape(by_prefix), total)
        np.add(reached, step.candidates, out=work.total_grown)
        self._join(work, step, last_label, stays_label)
        work.total_stays[...] = np.logaddexp(stays_blank, stays_label).reshape(by_line)
        rank = self._rank(work, step)

        chosen = rank.argpartition(work.dropped, axis=1)[:, work.dropped :]
        grown = (chosen >= self.width).ravel()
        chosen = (chosen + work.offset).ravel()
        self._keep(work, chosen, grown, stays_blank, stays_label)
        self._grow(work, step, chosen, grown.nonzero()[0])

    def _join(self, work: _Workspace, step: _Step, last_label: Integers, stays_label: Numbers) -> None:
        """If a prefix with one more label is already in the beam, add its probability there and remove it here."""
        by_child = self.parent.reshape(self.lines, self.width, 1)
        pairs = (by_child == self.prefix.reshape(self.lines, 1, self.width)).ravel().nonzero()[0]
        if len(pairs):
            child, parent = self.of_row.take(pairs), self.of_column.take(pairs)
            continuation = work.growth.take(parent) + step.index_of_label.take(last_label.take(child))
            total = work.total.ravel()
            stays_label[child] = np.logaddexp(stays_label.take(child), total.take(continuation))
            total[continuation] = -np.inf

    def _rank(self, work: _Workspace, step: _Step) -> Numbers:
        """Return the ranks of the continuations (N, W + W K): their probability plus the scores of the scorer."""
        if self.scorer is None:
            return work.total
        labels = step.labels.repeat(self.width, axis=0)
        added = self.scorer.scores(self.state, labels)
        bonus = self.bonus.reshape(self.lines, self.width)
        work.bonus_stays[...] = bonus
        np.add(bonus[:, :, None], added.reshape(work.bonus_grown.shape), out=work.bonus_grown)
        return np.add(work.total, work.bonus, out=work.rank)

    def _keep(
        self, work: _Workspace, chosen: Integers, grown: NDArray[np.bool_], stays_blank: Numbers, stays_label: Numbers
    ) -> None:
        """Make the chosen continuations the beam, with everything that does not depend on the new labels."""
        source = work.source.take(chosen)
        self.total = work.total.take(chosen)
        self.in_blank = stays_blank.take(source)
        self.in_label = stays_label.take(source)
        np.copyto(self.in_blank, -np.inf, where=grown)
        np.copyto(self.in_label, self.total, where=grown)
        self.last = self.last.take(source)
        self.prefix = self.prefix.take(source)
        self.parent = self.parent.take(source)
        if self.scorer is not None:
            self.bonus = work.bonus.take(chosen)
            self.state = self.state.take(source)
        self.source = source

    def _grow(self, work: _Workspace, step: _Step, chosen: Integers, grown: Integers) -> None:
        """Give the chosen continuations with the indices `grown` their new label."""
        label = step.labels.ravel().take(work.candidate.take(chosen.take(grown)))
        self.history.append((self.source, grown, label))
        if len(grown):
            parent = self.prefix.take(grown)
            prefix = (parent ^ self.codes.take(label)) * _FACTOR
            self.prefix[grown] = prefix ^ (prefix >> _SHIFT)
            self.parent[grown] = parent
            self.last[grown] = label
            if self.scorer is not None:
                self.state[grown] = self.scorer.advance(self.state.take(grown), label)
        if self.total.min() == -np.inf:
            dead = self.total == -np.inf
            self.prefix[dead] = _DEAD
            self.parent[dead] = _NO_PARENT

    def results(self, results: int, left_out: Numbers) -> list[list[Hypothesis]]:
        """Return the best texts of each line."""
        score = self.total + self.bonus
        if self.scorer is not None:
            score += self.scorer.finish(self.state)
        order = np.argsort(-score.reshape(self.lines, self.width), axis=1, kind="stable")[:, :results]
        indices = order + np.arange(self.lines)[:, None] * self.width
        texts = iter(self._texts(indices.ravel()))
        found = []
        for row, constant in zip(indices, left_out.tolist(), strict=True):
            texts_found = [
                Hypothesis(next(texts), float(self.total[index]) + constant, float(score[index]) + constant)
                for index in row
            ]
            found.append([one for one in texts_found if one.score > -np.inf])
        return found

    def _texts(self, indices: Integers) -> list[tuple[int, ...]]:
        """Return the labels of the prefixes with these indices, read backwards through the time steps."""
        added = np.zeros((len(self.history), len(indices)), np.int64)
        new = np.zeros(self.lines * self.width, np.int64)
        for row, (source, grown, label) in zip(added[::-1], reversed(self.history), strict=True):
            new[grown] = label
            new.take(indices, out=row)
            new[grown] = BLANK
            indices = source.take(indices)
        return [tuple(labels[labels != BLANK].tolist()) for labels in added.T]


def _codes(classes: int) -> Fingerprints:
    """Return a pseudo-random number for each class: the finaliser of SplitMix64 (Steele et al. 2014)."""
    codes = np.arange(1, classes + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    codes = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    codes = (codes ^ (codes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return codes ^ (codes >> np.uint64(31))
