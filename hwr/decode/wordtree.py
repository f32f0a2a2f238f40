"""Words as an automaton in arrays: where a label leads from each place in a text, and how many unknown words it makes.

The places are the nodes of a tree of all words, with three that are none of a word's letters:

    BETWEEN    between words; the root of the tree
    UNKNOWN    in a word that is not in the list
    NUMBER     in a number, or in letters that follow its digits, as in `12th`

A letter that no word of the list goes on with makes the word unknown; a digit or a sign between letters ends it. A
word of the list may hold such signs (`don't`, `well-known`, `St. Ives`). While one is read, its parts may yet turn out
to be words of their own, if the text goes on otherwise. So each node behind such a sign has another reading: the place
in the text if the word is cut at the sign. It is entered when the tree has no way on, like the failure links of Aho and
Corasick (1975), and costs the unknown words before the cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

BETWEEN, UNKNOWN, NUMBER = 0, 1, 2
FIRST_NODE = 3
LETTER, DIGIT, SIGN = 0, 1, 2


@dataclass(frozen=True)
class WordTree:
    """The automaton over `classes` labels and n nodes.

    Attributes:
        kinds: (classes,) LETTER, DIGIT or SIGN of each label.
        keys: (edges,) sorted, node * classes + label of each way in the tree.
        children: (edges,) where each leads.
        other, other_cost: (n,) the other reading of each node, and the unknown words before it.
        end_cost: (n,) unknown words if the word ends at this node.
        letter_cost: (n,) unknown words if a letter follows that neither the tree nor the other readings go on with.
        letter_to: (n,) where that leads.
        forks: (n,) whether the other reading has a way on in the tree.
        closes: (n,) whether a sign ends a word of the list here which the other reading would count as unknown.
    """

    classes: int
    kinds: NDArray[np.int8]
    keys: Integers
    children: NDArray[np.int32]
    other: NDArray[np.int32]
    other_cost: NDArray[np.int16]
    end_cost: NDArray[np.int16]
    letter_cost: NDArray[np.int16]
    letter_to: NDArray[np.int32]
    forks: Flags
    closes: Flags

    def find(self, nodes: Integers, labels: Integers) -> tuple[Integers, Flags]:
        """Places among the edges of these labels after these nodes, and whether there is one."""
        keys = nodes * self.classes + labels
        places = self.keys.searchsorted(keys)
        np.minimum(places, len(self.keys) - 1, out=places)
        return places, self.keys.take(places) == keys

    def costs(self, nodes: Integers, labels: Integers) -> NDArray[np.int16]:
        """Unknown words that each of the labels (M, K) ends or begins after nodes (M,): shape (M, K)."""
        column = nodes[:, None]
        _, found = self.find(column, labels)
        is_letter = self.kinds.take(labels) == LETTER
        costs = np.where(is_letter, self.letter_cost.take(column), self.end_cost.take(column))
        costs[found] = 0
        forks = self.forks.take(nodes)
        if forks.any():
            rows, columns = np.nonzero(~found & forks[:, None])
            if len(rows):
                _, costs[rows, columns] = self._miss(nodes[rows], labels[rows, columns])
        return costs

    def follow(self, nodes: Integers, labels: Integers) -> tuple[Integers, NDArray[np.int16]]:
        """Where labels (M,) lead from nodes (M,), and the unknown words that this ends or begins."""
        places, found = self.find(nodes, labels)
        targets, costs = self.children.take(places).astype(np.int64), np.zeros(len(nodes), np.int16)
        missing = np.flatnonzero(~found)
        if len(missing):
            targets[missing], costs[missing] = self._miss(nodes[missing], labels[missing])
        return targets, costs

    def _miss(self, nodes: Integers, labels: Integers) -> tuple[Integers, NDArray[np.int16]]:
        """`follow` without the edges of the nodes themselves: other readings, or else the end of known words."""
        kinds = self.kinds.take(labels)
        is_letter = kinds == LETTER
        targets = np.where(is_letter, self.letter_to.take(nodes), np.where(kinds == DIGIT, NUMBER, BETWEEN))
        costs = np.where(is_letter, self.letter_cost.take(nodes), self.end_cost.take(nodes))
        nodes, before = nodes.copy(), np.zeros(len(nodes), np.int16)
        open_ = np.flatnonzero(self.forks.take(nodes) & (is_letter | ~self.closes.take(nodes)))
        while len(open_):
            before[open_] += self.other_cost.take(nodes[open_])
            nodes[open_] = self.other.take(nodes[open_])
            places, found = self.find(nodes[open_], labels[open_])
            hits = open_[found]
            targets[hits], costs[hits] = self.children.take(places[found]), before[hits]
            open_ = open_[~found]
            here = nodes[open_]
            open_ = open_[self.forks.take(here) & (is_letter[open_] | ~self.closes.take(here))]
        return targets, costs


def build_tree(words: Sequence[str], label_of: Integers, kinds: NDArray[np.int8]) -> WordTree:
    """Build the automaton.

    Args:
        words: sorted and different, none empty, at least one.
        label_of: (0x110000,) the label of each code point.
        kinds: LETTER, DIGIT or SIGN of each label.
    """
    classes = len(kinds)
    parents, labels, levels, ends = _grow(words, label_of)
    keys = parents * classes + labels
    order = np.argsort(keys)
    nodes = FIRST_NODE + len(keys)
    known = np.zeros(nodes, np.bool_)
    known[ends] = True
    tree = WordTree(
        classes,
        kinds,
        keys[order],
        (FIRST_NODE + order).astype(np.int32),
        other=np.full(nodes, UNKNOWN, np.int32),
        other_cost=np.ones(nodes, np.int16),
        end_cost=(~known).astype(np.int16),
        letter_cost=np.ones(nodes, np.int16),
        letter_to=np.full(nodes, UNKNOWN, np.int32),
        forks=np.zeros(nodes, np.bool_),
        closes=np.zeros(nodes, np.bool_),
    )
    for special, cost in ((BETWEEN, 1), (UNKNOWN, 0), (NUMBER, 0)):
        tree.end_cost[special], tree.letter_cost[special] = 0, cost
    tree.letter_to[NUMBER] = NUMBER
    _add_readings(tree, parents, labels, levels, known)
    return tree


def _grow(words: Sequence[str], label_of: Integers) -> tuple[Integers, Integers, list[slice], Integers]:
    """Parent and label of each node from FIRST_NODE on, level by level; the nodes of each level; where each word ends.

    In sorted order, a word's nodes that the word before it does not have are those behind their common beginning.
    """
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    starts = np.cumsum(lengths) - lengths
    letters = label_of[np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)]
    shared = _shared(letters, starts, lengths)
    node, parents, labels, levels, used = np.full(len(words), BETWEEN), [], [], [], FIRST_NODE
    for depth in range(int(lengths.max())):
        rows = np.flatnonzero(lengths > depth)
        new = shared[rows] <= depth
        parents.append(node[rows[new]])
        labels.append(letters[starts[rows[new]] + depth])
        node[rows] = used - 1 + np.cumsum(new)
        levels.append(slice(used, used + int(new.sum())))
        used = levels[-1].stop
    return np.concatenate(parents), np.concatenate(labels), levels, node


def _shared(letters: Integers, starts: Integers, lengths: Integers) -> Integers:
    """How many letters each word has in common with the word before it."""
    shared = np.zeros(len(starts), np.int64)
    rows, depth = np.arange(1, len(starts)), 0
    while len(rows):
        rows = rows[np.minimum(lengths[rows], lengths[rows - 1]) > depth]
        rows = rows[letters[starts[rows] + depth] == letters[starts[rows - 1] + depth]]
        depth += 1
        shared[rows] = depth
    return shared


def _add_readings(tree: WordTree, parents: Integers, labels: Integers, levels: list[slice], known: Flags) -> None:
    """The other readings of all nodes behind a sign or digit; shorter texts first, on which those of longer rest."""
    parted = np.zeros(len(known), np.bool_)
    for level in levels:
        rows = np.arange(level.start, level.stop)
        parent, label = parents[rows - FIRST_NODE], labels[rows - FIRST_NODE]
        parted[rows] = parted[parent] | (tree.kinds[label] != LETTER)
        rows = rows[parted[rows]]
        if len(rows):
            other, cost = tree._miss(parents[rows - FIRST_NODE], labels[rows - FIRST_NODE])
            end = cost + tree.end_cost[other]
            tree.other[rows], tree.other_cost[rows] = other, cost
            tree.letter_cost[rows], tree.letter_to[rows] = cost + tree.letter_cost[other], tree.letter_to[other]
            tree.end_cost[rows] = np.where(known[rows], 0, end)
            tree.closes[rows] = known[rows] & (end > 0)
            tree.forks[rows] = (other != UNKNOWN) & (other != NUMBER)
