"""A list of words as a scorer: each word that is not in the list has a fixed cost.

A word is a run of letters. Everything between words is free: spaces, punctuation, digits, and letters that directly
follow digits (`12th`). A listed word may contain an apostrophe, a hyphen or another sign; `don't`, `l'eau` and
`well-known` are known as a whole, or if the words on both sides of the sign are known. A listed word in lower case also
allows itself with a Capital (also After-Each-Hyphen) and in CAPITALS; a word with a capital (`Paris`, `McDonald`) also
allows itself in CAPITALS. Typographic apostrophes and hyphens are equal to plain ones.

The cost is charged as soon as no listed word begins with the letters so far, so that the search can still change
course.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import Scorer
from hwr.decode.compiled import search_tables
from hwr.errors import InputError
from hwr.files.texts import read_text
from hwr.text import Alphabet, normalise_text

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

BETWEEN, UNKNOWN, NUMBER = 0, 1, 2
FIRST_NODE = 3
LETTER, DIGIT, SIGN = 0, 1, 2
LOWER, SHIFT = 0xFFFFFFFF, 32
EXAMPLES = 5

UNKNOWN_COST = 5.0
"""Cost of a word that is not in the list, as a natural logarithm; chosen on validation lines, see docs/decoding.md."""


@dataclass(frozen=True)
class WordTree:
    """The automaton over `classes` labels and n nodes.

    Attributes:
        kinds: (classes,) LETTER, DIGIT or SIGN of each label.
        keys: (edges,) sorted, node * classes + label of each edge of the tree.
        children: (edges,) target of each edge.
        other, other_cost: (n,) the other reading of each node, and the number of unknown words before it.
        end_cost: (n,) unknown words if the word ends at this node.
        letter_cost: (n,) unknown words if a letter follows that continues neither the tree nor the other readings.
        letter_to: (n,) the node after such a letter.
        forks: (n,) whether the other reading continues in the tree.
        closes: (n,) whether a sign ends a listed word here that the other reading would count as unknown.
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
        """Return the positions among the edges of these labels after these nodes, and whether the edges exist."""
        keys = nodes * self.classes + labels
        edges = self.keys.searchsorted(keys)
        np.minimum(edges, len(self.keys) - 1, out=edges)
        return edges, self.keys.take(edges) == keys

    def costs(self, nodes: Integers, labels: Integers) -> NDArray[np.int16]:
        """Return how many unknown words each label (M, K) ends or begins after its node (M,), shape (M, K)."""
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
        """Return the nodes (M,) after one label each, and how many unknown words this ends or begins."""
        edges, found = self.find(nodes, labels)
        targets, costs = self.children.take(edges).astype(np.int64), np.zeros(len(nodes), np.int16)
        missing = np.flatnonzero(~found)
        if len(missing):
            targets[missing], costs[missing] = self._miss(nodes[missing], labels[missing])
        return targets, costs

    def _miss(self, nodes: Integers, labels: Integers) -> tuple[Integers, NDArray[np.int16]]:
        """Follow labels without the edges of the nodes themselves: other readings, or else the end of known words."""
        kinds = self.kinds.take(labels)
        is_letter = kinds == LETTER
        targets = np.where(is_letter, self.letter_to.take(nodes), np.where(kinds == DIGIT, NUMBER, BETWEEN))
        costs = np.where(is_letter, self.letter_cost.take(nodes), self.end_cost.take(nodes))
        nodes, before = nodes.copy(), np.zeros(len(nodes), np.int16)
        open_ = np.flatnonzero(self.forks.take(nodes) & (is_letter | ~self.closes.take(nodes)))
        while len(open_):
            before[open_] += self.other_cost.take(nodes[open_])
            nodes[open_] = self.other.take(nodes[open_])
            edges, found = self.find(nodes[open_], labels[open_])
            hits = open_[found]
            targets[hits], costs[hits] = self.children.take(edges[found]), before[hits]
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
    """Return the parent and label of each node from FIRST_NODE on; the nodes of each level; the last node of each word.

    Nodes are numbered level by level. In sorted order, the nodes of a word that the previous word does not have are
    those after their common prefix.
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
    """Return the number of letters that each word has in common with the previous word."""
    shared = np.zeros(len(starts), np.int64)
    rows, depth = np.arange(1, len(starts)), 0
    while len(rows):
        rows = rows[np.minimum(lengths[rows], lengths[rows - 1]) > depth]
        rows = rows[letters[starts[rows] + depth] == letters[starts[rows - 1] + depth]]
        depth += 1
        shared[rows] = depth
    return shared


def _add_readings(tree: WordTree, parents: Integers, labels: Integers, levels: list[slice], known: Flags) -> None:
    """Add the other readings of all nodes after a sign or digit, shortest first: longer ones depend on them."""
    after_sign = np.zeros(len(known), np.bool_)
    for level in levels:
        rows = np.arange(level.start, level.stop)
        parent, label = parents[rows - FIRST_NODE], labels[rows - FIRST_NODE]
        after_sign[rows] = after_sign[parent] | (tree.kinds[label] != LETTER)
        rows = rows[after_sign[rows]]
        if len(rows):
            other, cost = tree._miss(parents[rows - FIRST_NODE], labels[rows - FIRST_NODE])
            end = cost + tree.end_cost[other]
            tree.other[rows], tree.other_cost[rows] = other, cost
            tree.letter_cost[rows], tree.letter_to[rows] = cost + tree.letter_cost[other], tree.letter_to[other]
            tree.end_cost[rows] = np.where(known[rows], 0, end)
            tree.closes[rows] = known[rows] & (end > 0)
            tree.forks[rows] = (other != UNKNOWN) & (other != NUMBER)


@dataclass(frozen=True)
class Lexicon:
    """A list of words for the characters of one model.

    Attributes:
        tree: the words, in all forms in which they may be written.
        labels: (classes,) the label under which each label is looked up: one for all apostrophes, one for all hyphens.
        words: number of listed words that are used.
        skipped: number of words with characters that the model does not have; `examples` are the first of them.
    """

    tree: WordTree
    labels: Integers
    words: int
    skipped: int
    examples: tuple[str, ...]


def load_lexicon(path: Path, alphabet: Alphabet) -> Lexicon:
    """Read a list of words: one per line, UTF-8 (also compressed: .xz, .gz).

    Raises:
        InputError: missing, not text, empty, or no word that the model can write.
    """
    text = read_text(path).decode("utf-8")
    try:
        return make_lexicon(text.splitlines(), alphabet)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def make_lexicon(words: Iterable[str], alphabet: Alphabet) -> Lexicon:
    """Return a lexicon of these words, normalised; empty ones and repetitions do not count.

    Raises:
        InputError: no word, or none that the model can write.
    """
    characters = set(alphabet.characters)
    translation = str.maketrans(_signs_of(alphabet))
    written: set[str] = set()
    used: set[str] = set()
    skipped: dict[str, None] = {}
    for line in words:
        word = line if line.isascii() and line.isalpha() else normalise_text(line)
        if not word:
            continue
        plain = word.translate(translation)
        if characters.issuperset(plain):
            used.add(plain)
        else:
            skipped[word] = None
    for word in used:
        written.update(form for form in _forms(word) if form == word or characters.issuperset(form))
    examples = tuple(list(skipped)[:EXAMPLES])
    if not used:
        reason = f"none of its words can be written by the model (such as {examples[0]!r})" if examples else "no words"
        raise InputError(f"the list of words cannot be used: {reason}")
    label_of = np.zeros(0x110000, np.int64)
    label_of[[ord(character) for character in alphabet.characters]] = np.arange(1, alphabet.classes)
    kinds = np.array([SIGN, *map(_kind, alphabet.characters)], np.int8)
    tree = build_tree(sorted(written), label_of, kinds)
    labels = np.array([0, *(label_of[ord(c.translate(translation))] for c in alphabet.characters)])
    return Lexicon(tree, labels, len(used), len(skipped), examples)


def _signs_of(alphabet: Alphabet) -> dict[str, str]:
    """Return the spelling of apostrophes and hyphens: plain if the model has them, otherwise one that it has."""
    signs = {}
    for group in ("'’ʼ", "-‐‑"):
        chosen = next((sign for sign in group if sign in alphabet.characters), group[0])
        signs.update(dict.fromkeys(group, chosen))
    return signs


def _forms(word: str) -> Iterator[str]:
    """Yield the forms in which a listed word may be written."""
    yield word
    yield word.upper()
    if word == word.lower():
        yield _capital(word)
        if "-" in word:
            yield "-".join(map(_capital, word.split("-")))


def _capital(word: str) -> str:
    """Return the word with its first letter as a capital, even after an apostrophe."""
    first = next((index for index, character in enumerate(word) if character.isalpha()), 0)
    return word[:first] + word[first : first + 1].upper() + word[first + 1 :]


def _kind(character: str) -> int:
    category = unicodedata.category(character)[0]
    return {"L": LETTER, "M": LETTER, "N": DIGIT}.get(category, SIGN)


class LexiconScorer:
    """A scorer of the beam search that charges for unknown words, alone or with another scorer.

    A state is the position in the lexicon, shifted by 32 bits, plus the state of the other scorer.
    """

    def __init__(
        self, lexicon: Lexicon, alphabet: Alphabet, inner: Scorer | None = None, unknown_cost: float = UNKNOWN_COST
    ) -> None:
        """Prepare to score.

        Args:
            lexicon: made for the same alphabet.
            inner: another scorer of the text, such as a language model; its states are 0 to 2^32 - 1.
            unknown_cost: natural logarithm, 0 or more, charged once for each unknown word; infinite: none is allowed.

        Raises:
            ValueError: a cost below 0, a lexicon of another alphabet.
        """
        if not unknown_cost >= 0:
            raise ValueError(f"unknown_cost {unknown_cost}: must be 0 or more")
        if lexicon.tree.classes != alphabet.classes:
            raise ValueError("the lexicon was made for another alphabet")
        self._tree, self._labels, self._inner = lexicon.tree, lexicon.labels, inner
        # For an infinite cost and no words, a product would be NaN.
        counts = np.arange(int(max(self._tree.letter_cost.max(), self._tree.end_cost.max())) + 2)
        self._penalty = np.array([-unknown_cost * int(count) if count else 0.0 for count in counts])
        self.start = BETWEEN << SHIFT | (inner.start if inner is not None else 0)

    def scores(self, states: Integers, labels: Integers) -> Numbers:
        """Return the scores of labels (M, K) after states (M,): shape (M, K)."""
        penalty = self._penalty.take(self._tree.costs(states >> SHIFT, self._labels.take(labels)))
        return penalty if self._inner is None else penalty + self._inner.scores(states & LOWER, labels)

    def advance(self, states: Integers, labels: Integers) -> Integers:
        """Return the states (M,) after one more label each."""
        nodes, _ = self._tree.follow(states >> SHIFT, self._labels.take(labels))
        below = states & LOWER if self._inner is None else self._inner.advance(states & LOWER, labels)
        return nodes << SHIFT | below

    def finish(self, states: Integers) -> Numbers:
        """Return the scores of the end of the line (M,): it ends a word."""
        penalty = self._penalty.take(self._tree.end_cost.take(states >> SHIFT))
        return penalty if self._inner is None else penalty + self._inner.finish(states & LOWER)

    def search_tables(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return the automaton as the compiled search reads it (`Lexicon` in search.c), with the inner scorer."""
        inner = search_tables(self._inner)
        if inner is None:
            return None
        numbers = {"edges": len(self._tree.keys), "classes": self._tree.classes}
        arrays = {name: array for name, array in vars(self._tree).items() if name != "classes"}
        arrays |= {"labels": self._labels, "penalty": self._penalty}
        lexicon = numbers | {name: np.require(array, requirements=("C", "A")) for name, array in arrays.items()}
        return {**inner, "lexicon": lexicon}
