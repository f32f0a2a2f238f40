"""CTC prefix beam search over several lines at once, in NumPy and in logarithms.

A beam is a set of prefixes: texts read so far. Each has two probabilities over all paths that read it: of those that
end in a blank and of those that end in its last label (Graves and Jaitly 2014, algorithm 1; Hannun et al. 2014). At
every time step a prefix stays as it is, or gets one more label; the likeliest `width` of all these go on. A text has
one node in the tree of prefixes, so no two prefixes of a beam have the same: one whose parent is in the beam too is
reached twice, as itself and from its parent, and there the two are added.

A scorer adds what it thinks of a text to the score by which prefixes are chosen: a language model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.text import BLANK

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

NOWHERE = -1
"""The node of a place in a beam that is not used."""


class Scorer(Protocol):
    """Scores of labels after a prefix, which is known to the scorer by a state (a whole number)."""

    @property
    def start(self) -> int:
        """The state of the empty prefix."""
        ...

    def scores(self, states: Integers) -> Numbers:
        """What every label adds after prefixes in these states (M,): shape (M, classes); the blank's are not used."""
        ...

    def advance(self, states: Integers, labels: Integers) -> Integers:
        """The states (M,) after one more label each."""
        ...

    def finish(self, states: Integers) -> Numbers:
        """What the end of the line adds (M,)."""
        ...


@dataclass(frozen=True)
class BeamOptions:
    """Width and pruning of a search.

    Attributes:
        width: prefixes that go on at each time step.
        results: hypotheses given for each line, at most `width`.
        certain_blank: a time step whose blank has at least this probability is read as a blank; above 1: none is.
        least_probability: labels less likely than this at a time step are not tried there.

    Raises:
        ValueError: a number outside its range.
    """

    width: int = 16
    results: int = 1
    certain_blank: float = 2.0
    least_probability: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.results <= self.width:
            raise ValueError(f"width {self.width} and results {self.results}: 1 <= results <= width is needed")
        if not (0 <= self.least_probability < 1 and self.certain_blank > 0.5):
            raise ValueError("least_probability lies in 0..1, certain_blank above 0.5")


@dataclass(frozen=True)
class Hypothesis:
    """A text as labels. `log_probability` is that of the paths in the beam; `score` has what the scorer added too."""

    labels: tuple[int, ...]
    log_probability: float
    score: float


class _Tree:
    """Prefixes of one search: nodes with a parent and a last label. The first are the empty prefixes of the lines."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.parents = [NOWHERE] * lines
        self.labels = [BLANK] * lines
        self.nodes: dict[tuple[int, int], int] = {}

    def below(self, parents: Integers, labels: Integers) -> list[int]:
        """The nodes below `parents` with these labels; those that are missing are made."""
        nodes = []
        for key in zip(parents.tolist(), labels.tolist(), strict=True):
            node = self.nodes.setdefault(key, len(self.parents))
            if node == len(self.parents):
                self.parents.append(key[0])
                self.labels.append(key[1])
            nodes.append(node)
        return nodes

    def text(self, node: int) -> tuple[int, ...]:
        """The labels on the way from the empty prefix to a node."""
        labels = []
        while node >= self.lines:
            labels.append(self.labels[node])
            node = self.parents[node]
        return tuple(reversed(labels))


class _Beams:
    """The beams of N lines: arrays of shape (N, W). An unused place has probability 0."""

    def __init__(self, lines: int, width: int, start: int) -> None:
        shape = (lines, width)
        self.node = np.full(shape, NOWHERE)
        self.parent = np.full(shape, NOWHERE)
        self.last = np.full(shape, BLANK)
        self.in_blank = np.full(shape, -np.inf)
        self.in_label = np.full(shape, -np.inf)
        self.bonus = np.zeros(shape)
        self.state = np.full(shape, start)
        self.in_blank[:, 0] = 0.0
        self.node[:, 0] = np.arange(lines)

    @property
    def total(self) -> Numbers:
        """Log-probability of each prefix."""
        total: Numbers = np.logaddexp(self.in_blank, self.in_label)
        return total


def beam_search(
    log_probs: Sequence[NDArray[np.floating]], options: BeamOptions, scorer: Scorer | None = None
) -> list[list[Hypothesis]]:
    """Search the likeliest texts of several lines.

    Args:
        log_probs: of each line natural logarithms of shape (T, classes), T >= 0; class 0 is the blank. All lines have
            the same classes; lines of like length are searched fastest together.

    Returns:
        For each line at most `options.results` hypotheses, the best first; at least one.

    Raises:
        ValueError: a shape does not fit.
    """
    if not log_probs:
        return []
    classes = {line.shape[-1] for line in log_probs}
    if len(classes) != 1 or any(line.ndim != 2 for line in log_probs):
        raise ValueError("log_probs of shape (T, classes) expected, the same classes for all lines")
    lengths = np.array([len(line) for line in log_probs])
    padded = np.full((len(log_probs), max(1, lengths.max()), classes.pop()), -np.inf)
    for row, line in zip(padded, log_probs, strict=True):
        row[: len(line)] = line
    beams, tree = _Beams(len(log_probs), options.width, scorer.start if scorer else 0), _Tree(len(log_probs))
    for step in range(int(lengths.max())):
        _advance(beams, tree, padded[:, step], step < lengths, options, scorer)
    score = beams.total + beams.bonus
    if scorer is not None:
        score = score + scorer.finish(beams.state.ravel()).reshape(score.shape)
    return [_hypotheses(tree, *arrays, options.results) for arrays in zip(beams.node, beams.total, score, strict=True)]


def _hypotheses(tree: _Tree, nodes: Integers, totals: Numbers, scores: Numbers, results: int) -> list[Hypothesis]:
    order = [place for place in np.argsort(-scores, kind="stable") if np.isfinite(totals[place])][:results]
    found = [Hypothesis(tree.text(int(nodes[place])), float(totals[place]), float(scores[place])) for place in order]
    return found or [Hypothesis((), -np.inf, -np.inf)]


def _advance(
    beams: _Beams,
    tree: _Tree,
    log_probs: Numbers,
    active: NDArray[np.bool_],
    options: BeamOptions,
    scorer: Scorer | None,
) -> None:
    """One time step of all lines that are not over."""
    blank = log_probs[:, BLANK]
    certain = active & (blank >= np.log(options.certain_blank)) if options.certain_blank <= 1 else np.zeros_like(active)
    if certain.any():
        beams.in_blank[certain] = beams.total[certain] + blank[certain, None]
        beams.in_label[certain] = -np.inf
    (rows,) = np.nonzero(active & ~certain)
    if len(rows):
        _extend(beams, tree, rows, log_probs[rows], options, scorer)


def _extend(
    beams: _Beams, tree: _Tree, rows: Integers, log_probs: Numbers, options: BeamOptions, scorer: Scorer | None
) -> None:
    """A time step in which labels are tried, for the lines `rows`."""
    labels = _candidates(log_probs, options)
    line, width = np.arange(len(rows))[:, None], options.width
    node, parent, last = beams.node[rows], beams.parent[rows], beams.last[rows]
    in_blank, in_label, total = beams.in_blank[rows], beams.in_label[rows], beams.total[rows]

    stays_blank = total + log_probs[:, BLANK, None]
    stays_label = np.where(last == BLANK, -np.inf, in_label + log_probs[line, last])
    # (line, prefix, label): the prefix with one label more. After the same label only paths that end in a blank count.
    longer = total[:, :, None] + log_probs[:, None, labels]
    same = last[:, :, None] == labels
    longer = np.where(same, in_blank[:, :, None] + log_probs[:, None, labels], longer)
    _join(longer, stays_label, node, parent, last, labels)

    bonus = np.broadcast_to(beams.bonus[rows][:, :, None], longer.shape)
    if scorer is not None:
        added = scorer.scores(beams.state[rows].ravel())[:, labels]
        bonus = bonus + added.reshape(longer.shape)
    stays = np.logaddexp(stays_blank, stays_label)
    rank = np.concatenate([stays + beams.bonus[rows], (longer + bonus).reshape(len(rows), -1)], axis=1)
    chosen = np.argpartition(-rank, width - 1, axis=1)[:, :width]
    grown = (chosen >= width) & np.isfinite(np.take_along_axis(rank, chosen, axis=1))
    unused = (chosen >= width) & ~grown
    chosen = np.where(unused, 0, chosen)
    source = np.where(grown, (chosen - width) // len(labels), chosen)
    label = np.where(grown, labels[(chosen - width) % len(labels)], last[line, source])

    new_node, new_parent, new_state = node[line, source], parent[line, source], beams.state[rows][line, source]
    new_parent[grown] = new_node[grown]
    new_node[grown] = tree.below(new_parent[grown], label[grown])
    new_node[unused] = new_parent[unused] = NOWHERE
    if scorer is not None:
        new_state[grown] = scorer.advance(new_state[grown], label[grown])
    flat = longer.reshape(len(rows), -1)[line, np.where(grown, chosen - width, 0)]
    beams.in_blank[rows] = np.where(grown | unused, -np.inf, stays_blank[line, source])
    beams.in_label[rows] = np.where(unused, -np.inf, np.where(grown, flat, stays_label[line, source]))
    bonuses = np.concatenate([beams.bonus[rows], bonus.reshape(len(rows), -1)], axis=1)
    beams.bonus[rows] = np.take_along_axis(bonuses, chosen, axis=1)
    beams.node[rows], beams.parent[rows], beams.last[rows], beams.state[rows] = new_node, new_parent, label, new_state


def _candidates(log_probs: Numbers, options: BeamOptions) -> Integers:
    """Labels that are likely enough in one of the lines; at least one."""
    best = log_probs[:, 1:].max(axis=0)
    if options.least_probability > 0:
        labels = np.flatnonzero(best >= np.log(options.least_probability)) + 1
        return labels if len(labels) else np.array([int(best.argmax()) + 1])
    return np.arange(1, log_probs.shape[1])


def _join(
    longer: Numbers, stays_label: Numbers, node: Integers, parent: Integers, last: Integers, labels: Integers
) -> None:
    """Where a prefix with one label more is in the beam already, add its probability there and take it out here."""
    line, child, ancestor = np.nonzero((parent[:, :, None] == node[:, None, :]) & (parent[:, :, None] != NOWHERE))
    place = np.searchsorted(labels, last[line, child])
    tried = (place < len(labels)) & (labels[np.minimum(place, len(labels) - 1)] == last[line, child])
    line, child, ancestor, place = line[tried], child[tried], ancestor[tried], place[tried]
    stays_label[line, child] = np.logaddexp(stays_label[line, child], longer[line, ancestor, place])
    longer[line, ancestor, place] = -np.inf
