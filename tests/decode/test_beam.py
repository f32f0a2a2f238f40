"""Prefix beam search against the sum over every path, a slow and obvious twin, and greedy reading."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.best_paths import decode_greedy, random_log_probs
from hwr.decode.beam import BeamSettings
from hwr.decode.lattice import text_log_probability
from hwr.decode.search import beam_search
from hwr.errors import UsageError
from hwr.text import Alphabet

pytestmark = pytest.mark.usefixtures("engine")

Array = NDArray[np.float64]


def only_width(width: int) -> BeamSettings:
    """Options with which only the width prunes."""
    return BeamSettings(width=width, certain_blank=2.0, min_probability=0.0, max_labels=1000)


def every_text(log_probs: Array) -> dict[tuple[int, ...], float]:
    """The log-probability of every text, from every path."""
    texts: dict[tuple[int, ...], float] = defaultdict(lambda: -np.inf)
    steps, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=steps):
        text = tuple(label for label, _ in itertools.groupby(path) if label)
        texts[text] = np.logaddexp(texts[text], sum(log_probs[step, label] for step, label in enumerate(path)))
    return texts


class Bigrams:
    """A scorer with a table of what a label adds after another; its state is the last label."""

    def __init__(self, classes: int, seed: int) -> None:
        self.table = np.random.default_rng(seed).normal(0, 1.5, (classes, classes))
        self.ends = np.random.default_rng(seed + 1).normal(0, 1.5, classes)
        self.start = 0

    def scores(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> Array:
        return np.asarray(self.table[states[:, None], labels])

    def advance(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return labels

    def finish(self, states: NDArray[np.int64]) -> Array:
        return np.asarray(self.ends[states])

    def of(self, text: tuple[int, ...]) -> float:
        sums = sum(self.table[one, other] for one, other in itertools.pairwise((0, *text)))
        return float(sums + self.ends[text[-1] if text else 0])


def twin(
    log_probs: Array, width: int, scorer: Bigrams | None = None, least: float | Array = 0.0
) -> dict[tuple[int, ...], float]:
    """The same search with a dictionary of prefixes, written to be read: text -> log-probability."""

    def added(text: tuple[int, ...]) -> float:
        if scorer is None:
            return 0.0
        return float(sum(scorer.table[one, other] for one, other in itertools.pairwise((0, *text))))

    beam = {(): (0.0, -np.inf)}
    for step, limit in zip(log_probs, np.broadcast_to(least, len(log_probs)), strict=True):
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        for text, (in_blank, in_label) in beam.items():
            total = np.logaddexp(in_blank, in_label)
            following[text][0] = np.logaddexp(following[text][0], total + step[0])
            for label in range(1, len(step)):
                if text and label == text[-1]:
                    following[text][1] = np.logaddexp(following[text][1], in_label + step[label])
                    reached = in_blank
                else:
                    reached = total
                if step[label] < np.log(max(limit, 1e-300)):
                    continue
                longer = following[(*text, label)]
                longer[1] = np.logaddexp(longer[1], reached + step[label])
        ranked = sorted(following, key=lambda text: np.logaddexp(*following[text]) + added(text), reverse=True)
        beam = {text: (following[text][0], following[text][1]) for text in ranked[:width]}
    return {text: float(np.logaddexp(*both)) for text, both in beam.items()}


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_every_text_with_its_probability(seed: int) -> None:
    log_probs = random_log_probs(5, 3, seed)
    texts = every_text(log_probs)
    (found,) = beam_search([log_probs], only_width(80), results=80)
    assert {hypothesis.labels for hypothesis in found} == {text for text in texts if np.isfinite(texts[text])}
    for hypothesis in found:
        assert hypothesis.log_probability == pytest.approx(texts[hypothesis.labels])
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_with_a_scorer_the_best_text_is_the_best_of_all(seed: int) -> None:
    log_probs, scorer = random_log_probs(5, 4, seed), Bigrams(4, seed)
    texts = every_text(log_probs)
    best = max(texts, key=lambda text: texts[text] + scorer.of(text))
    (found,) = beam_search([log_probs], only_width(400), scorer)
    assert found[0].labels == best
    assert found[0].score == pytest.approx(texts[best] + scorer.of(best))


@pytest.mark.parametrize("width", [1, 2, 5, 16])
@pytest.mark.parametrize("with_scorer", [False, True])
def test_equal_to_the_twin(width: int, with_scorer: bool) -> None:
    for seed, steps in enumerate((0, 1, 12, 30)):
        log_probs = random_log_probs(steps, 9, seed)
        scorer = Bigrams(9, seed) if with_scorer else None
        (found,) = beam_search([log_probs], only_width(width), scorer, results=width)
        expected = twin(log_probs, width, scorer)
        assert {one.labels for one in found} == set(expected)
        for one in found:
            assert one.log_probability == pytest.approx(expected[one.labels])


@pytest.mark.parametrize("least", [0.003, 0.03, 0.2])
def test_unlikely_labels_are_not_tried(least: float) -> None:
    for seed in range(4):
        lines, scorer = [random_log_probs(steps, 9, seed + steps) for steps in (25, 14)], Bigrams(9, seed)
        options = BeamSettings(width=8, certain_blank=2.0, min_probability=least)
        for line, found in zip(lines, beam_search(lines, options, scorer, results=8), strict=True):
            expected = twin(line, 8, scorer, least)
            assert {one.labels: one.log_probability for one in found} == pytest.approx(expected)


@pytest.mark.parametrize("most", [1, 3, 8, 20])
def test_only_the_most_likely_labels_are_tried(most: int) -> None:
    """Equal to the twin that leaves out what is less likely than the last of them."""
    for seed in range(4):
        line, scorer = random_log_probs(20, 9, seed), Bigrams(9, seed)
        options = BeamSettings(width=8, certain_blank=2.0, min_probability=0.0, max_labels=most)
        least = np.sort(line[:, 1:], axis=1)[:, -min(most, 8)]
        expected = twin(line, 8, scorer, np.exp(least) * (1 - 1e-12))
        (found,) = beam_search([line], options, scorer, results=8)
        assert {one.labels: one.log_probability for one in found} == pytest.approx(expected)


def test_labels_beyond_the_width_never_matter_without_a_scorer() -> None:
    for seed in range(6):
        line, width = random_log_probs(30, 40, seed, sharpness=1.0), 6
        (found,) = beam_search([line], BeamSettings((), 0.5, 1.0, width, 2.0, 0.0, max_labels=width + 1), results=width)
        (expected,) = beam_search([line], only_width(width), results=width)
        assert [one.labels for one in found] == [one.labels for one in expected]
        assert [one.score for one in found] == pytest.approx([one.score for one in expected])


def test_scores_are_those_of_the_text_and_its_end() -> None:
    log_probs, scorer = random_log_probs(5, 3, 7), Bigrams(3, 7)
    texts = every_text(log_probs)
    (found,) = beam_search([log_probs], only_width(80), scorer, results=80)
    assert len(found) == len(texts)
    for one in found:
        assert one.score == pytest.approx(texts[one.labels] + scorer.of(one.labels))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def with_blanks(log_probs: Array, certain: float, seed: int) -> Array:
    """About half of the steps with a blank of at least the probability `certain`."""
    chosen = np.random.default_rng(seed).random(len(log_probs)) < 0.5
    log_probs[chosen, 0] = np.log(certain / (1 - certain)) + np.logaddexp.reduce(log_probs[chosen, 1:], axis=1) + 0.1
    return np.asarray(log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("blank_scale", [1.0, 0.7])
def test_certain_blanks_are_steps_without_labels(seed: int, blank_scale: float) -> None:
    """Leaving a step out equals a search in which only its blank is possible; alone and with longer lines."""
    scorer = Bigrams(7, seed)
    lines = [with_blanks(random_log_probs(steps, 7, seed + steps), 0.9, seed) for steps in (22, 40, 1, 9)]
    forced = []
    for line in lines:
        copy = line.copy()
        copy[np.exp(copy[:, 0]) >= 0.9, 1:] = -np.inf
        copy[:, 0] *= blank_scale
        forced.append(copy)
    options = BeamSettings(width=8, certain_blank=0.9, min_probability=0.0, blank_scale=blank_scale)
    shorter = beam_search(lines, options, scorer, results=8)
    for found, expected in zip(shorter, beam_search(forced, only_width(8), scorer, results=8), strict=True):
        assert [one.labels for one in found] == [one.labels for one in expected]
        for field in ("log_probability", "score"):
            assert [getattr(one, field) for one in found] == pytest.approx([getattr(one, field) for one in expected])


def test_blanks_of_any_certainty_stay_when_none_is_certain() -> None:
    line = np.log(np.array([[1.0 - 1e-12, 1e-12]] * 3))
    (found,) = beam_search([line], only_width(4), results=4)
    assert {one.labels: one.log_probability for one in found} == pytest.approx(every_text(line))


@pytest.mark.parametrize("seed", range(6))
def test_impossible_classes(seed: int) -> None:
    log_probs = random_log_probs(5, 3, seed)
    log_probs[np.random.default_rng(seed).random(log_probs.shape) < 0.4] = -np.inf
    possible = {text: value for text, value in every_text(log_probs).items() if value > -np.inf}
    (found,) = beam_search([log_probs], only_width(80), results=80)
    assert {one.labels: one.log_probability for one in found if one.score > -np.inf} == pytest.approx(possible)
    assert len(found) == max(1, len(possible))


class Alternating(Bigrams):
    """Forbids a label after itself."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, 0)
        self.table[:] = np.where(np.eye(classes, dtype=bool), -np.inf, 0.0)
        self.ends[:] = 0.0


def test_a_scorer_may_forbid() -> None:
    log_probs = random_log_probs(6, 3, 1)
    allowed = {
        text: value for text, value in every_text(log_probs).items() if all(a != b for a, b in itertools.pairwise(text))
    }
    (found,) = beam_search([log_probs], only_width(200), Alternating(3), results=200)
    assert {one.labels: one.score for one in found} == pytest.approx(allowed)


def test_a_scorer_is_asked_for_labels_only() -> None:
    class Watched(Bigrams):
        def scores(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> Array:
            assert states.shape == labels.shape[:1]
            assert labels.min() >= 1 and labels.max() < len(self.table)
            return super().scores(states, labels)

        def advance(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
            assert states.shape == labels.shape
            assert labels.min() >= 1 and labels.max() < len(self.table)
            return super().advance(states, labels)

    lines = [random_log_probs(steps, 9, steps, sharpness=5.0) for steps in (20, 3, 11)]
    beam_search(lines, BeamSettings(width=5), Watched(9, 0))


def test_lines_are_read_together_as_alone() -> None:
    lines = [random_log_probs(steps, 12, seed) for seed, steps in enumerate((30, 0, 7, 30, 18))]
    options = only_width(6)
    together = beam_search(lines, options, results=3)
    for line, found in zip(lines, together, strict=True):
        (alone,) = beam_search([line], options, results=3)
        assert [one.labels for one in found] == [one.labels for one in alone]
        assert [one.score for one in found] == pytest.approx([one.score for one in alone])


def test_doubled_letters_stay_double() -> None:
    """`happy`: a blank of middling probability separates the two p, and a run of p is one p."""
    alphabet = Alphabet("ahpy")
    labels = [2, 2, 0, 1, 3, 3, 0, 3, 0, 4]  # h h _ a p p _ p _ y
    log_probs = np.full((len(labels), 5), np.log(0.05))
    for step, label in enumerate(labels):
        log_probs[step, label] = np.log(0.8)
    (found,) = beam_search([log_probs], BeamSettings(width=16))
    assert alphabet.decode(found[0].labels) == "happy" == decode_greedy(log_probs.astype(np.float32), alphabet).text


def test_blanks_and_empty_lines_read_nothing() -> None:
    blank = np.log(np.array([[0.98, 0.01, 0.01]] * 20))
    found = beam_search([blank, np.zeros((0, 3))], only_width(4))
    assert [hypotheses[0].labels for hypotheses in found] == [(), ()]
    assert found[0][0].log_probability == pytest.approx(text_log_probability(blank, ()))
    assert found[1][0].log_probability == 0.0
    assert beam_search([], BeamSettings()) == []


def test_certain_blanks_and_unlikely_labels_may_be_left_out() -> None:
    """On sharp lines, as networks give them, the text stays the same and its probability nearly so."""
    for seed in range(10):
        line = random_log_probs(60, 40, seed, sharpness=6.0)
        line[::2, 0] += 14
        line -= np.logaddexp.reduce(line, axis=1, keepdims=True)
        (exact,) = beam_search([line], only_width(16))
        (pruned,) = beam_search([line], BeamSettings(width=16, certain_blank=0.9999, min_probability=1e-4))
        assert pruned[0].labels == exact[0].labels
        assert pruned[0].log_probability == pytest.approx(exact[0].log_probability, abs=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"min_probability": 1.0},
        {"certain_blank": 0.2},
        {"blank_scale": 0.0},
        {"blank_scale": 1e308},
        {"weight": 1e308},
        {"insertion_bonus": -1e308},
        {"max_labels": 0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(settings))} = "):
        BeamSettings(**settings)  # type: ignore[arg-type]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="the same for all lines"):
        beam_search([random_log_probs(3, 4), random_log_probs(3, 5)], BeamSettings())
