"""Scores, loss and precision of word spotting against slow twins."""

from itertools import product

import numpy as np
import pytest
import torch

from benchmarks.word_spotting import Spotter, average_precision, lattice_scores, ranking_loss, words_of


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    merged = [label for t, label in enumerate(path) if t == 0 or label != path[t - 1]]
    return tuple(label for label in merged if label)


@pytest.mark.parametrize("word", [(1,), (1, 2), (1, 1), (2, 1, 2)])
def test_lattice_score_is_that_of_the_best_path_with_the_word(word: tuple[int, ...]) -> None:
    """All stretches of steps, and all paths over them that say the word from their first to their last step."""
    generator = np.random.default_rng(0)
    lines = [generator.normal(size=(steps, 3)).astype(np.float32) for steps in (5, 4)]
    for line, score in zip(lines, lattice_scores(lines, word), strict=True):
        relative = line.astype(float) - line.max(1, keepdims=True)
        best = -np.inf
        for start in range(len(line)):
            for end in range(start + 1, len(line) + 1):
                for path in product(range(3), repeat=end - start):
                    if path[0] and path[-1] and collapse(path) == word:
                        best = max(best, sum(relative[start + t, label] for t, label in enumerate(path)))
        assert score == pytest.approx(best, abs=1e-6)


def test_a_word_that_is_the_best_path_scores_zero() -> None:
    line = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], dtype=np.float32))
    assert lattice_scores([line], [1, 2])[0] == 0
    assert lattice_scores([line], [2, 1])[0] < 0
    assert lattice_scores([line[:1]], [1, 2])[0] == -np.inf


def test_loss_is_written_out_pair_by_pair() -> None:
    match = torch.tensor([[2.0, 0.0, 1.0], [0.5, 3.0, -1.0]])
    member = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    score = [[(2 + 1) / 2, 0.0], [(0.5 - 1) / 2, 3.0]]
    expected = sum(
        max(0, score[k][other] - score[k][k] + 1) + max(0, score[other][k] - score[k][k] + 1)
        for k, other in ((0, 1), (1, 0))
    )
    assert ranking_loss(match, member).item() == pytest.approx(expected / 2)


def test_average_precision_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(scores, np.array([True, False, True, False])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(-scores, np.array([True, False, False, False])) == pytest.approx(1 / 4)


def test_a_longer_neighbour_changes_no_match() -> None:
    torch.manual_seed(0)
    spotter = Spotter(5, "abc")
    lines = [np.random.default_rng(i).normal(size=(steps, 5)).astype(np.float32) for i, steps in enumerate((3, 9))]
    words = spotter.words(["ab", "cab", "ax"])
    together = spotter.match(lines, words)
    alone = spotter.match(lines[:1], words)
    torch.testing.assert_close(together[:1], alone)
    torch.testing.assert_close(words[1:2], spotter.words(["cab"]))


def test_words_have_four_letters() -> None:
    assert words_of("The house, house's 1921 'été' là; Köln.") == {"house", "Köln"}
