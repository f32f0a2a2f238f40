"""Fitting against data whose calibration is known, torch's optimiser and a grid."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from helpers.line_sets import NumberReader
from hwr.decode.confidence import IDENTITY, Calibration, Curve, read_spans
from hwr.decode.lattice import best_path
from hwr.errors import DataError
from hwr.evaluate.calibration import (
    TEMPERATURES,
    ReadScores,
    confidences,
    equal_shares,
    fit,
    fit_curve,
    logistic_regression,
    measure_in_halves,
    negative_log_likelihood,
    of_one_kind,
    read_scores,
)
from hwr.evaluate.confidence import calibration_error
from hwr.evaluate.sets import find_sets, first_half
from hwr.recognize.decoder import DecodedLine
from hwr.text import Alphabet

Numbers = NDArray[np.float64]


def made_lines(
    count: int = 400, true_temperature: float = 1.4, seed: int = 0, curve: Curve = IDENTITY
) -> list[ReadScores]:
    """Lines of 5 words whose log-probability at temperature T is -s / T for some s, right as often as at the true T."""
    random = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        hardness = random.exponential(0.7, 5) * true_temperature
        scores = -hardness[:, None] / TEMPERATURES
        low, high, shift = curve
        p = np.exp(-hardness / true_temperature)
        chance = 1 / (1 + np.exp(-shift) * p**-low * (1 - p) ** high)
        right = random.random(5) < chance
        lines.append(
            ReadScores(
                "set", str(number), f"w{number % 20}", None, scores.sum(axis=0), bool(right.all()), scores, right
            )
        )
    return lines


def test_the_true_temperature_is_found() -> None:
    for true in (0.8, 1.0, 1.9):
        found = fit(made_lines(4000, true))
        assert found.temperature == pytest.approx(true, rel=0.05)
        assert found.word == found.line == IDENTITY


def test_no_other_temperature_is_more_likely() -> None:
    lines = made_lines(1000, 1.3, seed=1)
    found = fit(lines)
    right = np.concatenate([line.words_right for line in lines])

    def loss(temperature: float) -> float:
        words = confidences(lines, Calibration(temperature)).words
        return negative_log_likelihood(np.log(words), right)

    assert loss(found.temperature) <= min(loss(float(t)) for t in np.linspace(0.55, 2.9, 200)) + 1e-7


def test_likelihood_by_its_definition() -> None:
    p, right = np.array([0.2, 0.7, 0.9]), np.array([True, False, True])
    assert negative_log_likelihood(np.log(p), right) == pytest.approx(-np.mean(np.log([0.2, 0.3, 0.9])))


def test_a_curve_is_fitted_only_where_it_is_needed() -> None:
    lines = made_lines(6000, 1.2, seed=2, curve=(0.3, 1.0, 1.5))
    found = fit(lines)
    assert found.word != IDENTITY and found.temperature == 1.0
    result = confidences(lines, found)
    assert calibration_error(result.words, result.words_right).equal_width < 0.02
    plain = confidences(lines, replace(found, word=IDENTITY))
    assert calibration_error(plain.words, plain.words_right).equal_width > 0.03


def test_the_weights_equal_logistic_regression_by_torch() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, 500)
    right = random.random(500) < 1 / (1 + np.exp(-(0.6 * logits - 0.8)))
    found = logistic_regression(logits[:, None], right)
    positive = int(right.sum())
    targets = torch.where(
        torch.from_numpy(right),
        torch.tensor((positive + 1) / (positive + 2), dtype=torch.float64),
        torch.tensor(1 / (502 - positive), dtype=torch.float64),
    )
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], lr=1, max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        values = weights[0] * torch.from_numpy(logits) + weights[1]
        loss = functional.binary_cross_entropy_with_logits(values, targets, reduction="sum")
        loss.backward()
        return loss

    optimiser.step(closure)
    assert found == pytest.approx(weights.tolist(), abs=1e-4)


def test_shares_equal_repeated_outcomes() -> None:
    random = np.random.default_rng(4)
    features, times = random.normal(0, 1, (300, 2)), random.integers(1, 4, 300)
    right = random.random(300) < 1 / (1 + np.exp(-features @ [1.0, -0.5]))
    repeated = logistic_regression(np.repeat(features, times, axis=0), np.repeat(right, times))
    assert logistic_regression(features, right, times.astype(float)) == pytest.approx(repeated, abs=0.01)


def test_the_true_curve_is_found() -> None:
    random = np.random.default_rng(5)
    values = -random.exponential(2.0, 40_000)
    p = np.exp(values)
    right = random.random(len(p)) < 1 / (1 + np.exp(-0.8) * p**-0.2 * (1 - p) ** 0.9)
    assert fit_curve(values, right) == pytest.approx((0.2, 0.9, 0.8), abs=0.05)


def test_the_true_weight_of_the_clarity_is_found() -> None:
    random = np.random.default_rng(6)
    clear = random.uniform(0.2, 3.0, 4_000)  # some lines are clearer than others
    words = -random.exponential(np.repeat(clear, 10))
    parts = np.split(words, len(clear))
    clarity = np.repeat([np.maximum(part, -2.0).mean() for part in parts], 10)
    p = np.exp(words)
    right = random.random(len(p)) < 1 / (1 + np.exp(-1.4 - 1.1 * clarity) * p**-0.4 * (1 - p) ** 0.8)
    flags = np.split(right, len(clear))
    same = np.ones(len(TEMPERATURES))
    lines = [
        ReadScores("set", str(number), None, None, part.sum() * same, bool(flag.all()), part[:, None] * same, flag)
        for number, (part, flag) in enumerate(zip(parts, flags, strict=True))
    ]
    found = fit(lines)
    assert (*found.word, found.clarity) == pytest.approx((0.4, 0.8, 1.4, 1.1), abs=0.1)


def test_the_true_weight_of_the_language_model_is_found() -> None:
    random = np.random.default_rng(7)
    words, predicted = -random.exponential(1.0, (12_000, 10)), random.uniform(-4.0, -0.5, (12_000, 10))
    length = np.log(random.integers(1, 12, (12_000, 10)))
    p = np.exp(words)
    clarity = np.maximum(words, -2.0).mean(axis=1, keepdims=True)
    right = random.random(words.shape) < 1 / (
        1 + np.exp(-1.5 - 0.5 * clarity - 1.2 * predicted - 0.6 * length) * p**-0.4 * (1 - p) ** 0.8
    )
    same = np.ones(len(TEMPERATURES))
    lines = [
        ReadScores("set", "", None, None, part.sum() * same, bool(flag.all()), part[:, None] * same, flag, known)
        for part, flag, known in zip(words, right, np.stack([predicted, length], axis=-1), strict=True)
    ]
    found = fit(lines)
    assert found.word == pytest.approx((0.4, 0.8, 1.5), abs=0.15)
    assert (found.clarity, found.language, found.length) == pytest.approx((0.5, 1.2, 0.6), abs=0.15)
    result = confidences(lines, found)
    assert calibration_error(result.words, result.words_right).equal_width < 0.02


def test_writers_count_the_same_however_much_they_wrote() -> None:
    def line(name: str, writer: str | None, page: str | None, words: int) -> ReadScores:
        zeros = np.zeros((words, len(TEMPERATURES)))
        return ReadScores(name, "", writer, page, zeros.sum(axis=0), True, zeros, np.ones(words, bool))

    lines = [line("a", "x", "1", 6), line("a", "x", "2", 2), line("a", "y", "1", 4), line("a", None, "1", 0)]
    lines += [line("b", "x", "1", 3), line("b", "x", "2", 9), line("c", None, None, 5), line("c", None, None, 1)]
    shares = equal_shares(lines)
    totals = shares * [len(line.words) for line in lines]
    assert totals.sum() == pytest.approx(30)
    sums = [totals[:2].sum(), totals[2], totals[4], totals[5], totals[6:].sum()]
    assert sums == pytest.approx([6.0] * 5)  # x and y of a, the pages of b, and c, of which nothing is known


def test_one_long_document_does_not_decide() -> None:
    long, short = (
        made_lines(count, 1.2, seed, (0.3, 1.0, shift)) for count, seed, shift in ((9000, 8, 3.0), (900, 9, 0.0))
    )
    lines = [replace(line, writer="long") for line in long]
    lines += [replace(line, id=f"s{line.id}", writer="short") for line in short]
    found = fit(lines)
    words = confidences(lines, found)
    assert found.word != IDENTITY
    far = [float((words.words[part] - words.words_right[part]).mean()) for part in (slice(45_000), slice(45_000, None))]
    assert -far[0] == pytest.approx(far[1], abs=0.02)


def test_lines_without_a_language_model_are_left_out_if_others_have_one() -> None:
    without = made_lines(3)
    read = [replace(line, predictions=np.zeros((5, 2))) for line in made_lines(2)]
    assert of_one_kind([*without, *read]) == read
    assert of_one_kind(without) == without and of_one_kind([]) == []


def test_a_curve_never_turns_the_order_round() -> None:
    values = np.array([-4.0, -3.0, -2.0, -0.5, -0.1, -0.01] * 20)
    right = np.array([True, False, False, True, True, True] * 20)  # the least likely are right
    low, high, _ = fit_curve(values, right)
    assert low == high > 0


def test_the_curve_of_separable_outcomes_is_finite() -> None:
    values = np.array([-30.0, -9.0, -3e-4, -1e-12])
    low, high, shift = fit_curve(values, np.array([False, False, True, True]))
    assert np.isfinite([low, high, shift]).all() and min(low, high) > 0


def test_nothing_to_fit_to() -> None:
    lines = made_lines(5)
    for right in (np.ones(5, bool), np.zeros(5, bool)):
        with pytest.raises(DataError, match="both right and wrong words"):
            fit([replace(line, words_right=right) for line in lines])
    with pytest.raises(DataError, match="both right and wrong words"):
        fit([])


def test_each_half_is_measured_with_the_calibration_of_the_other() -> None:
    lines = made_lines(800, 1.5, seed=4)
    (alone, together) = measure_in_halves(lines)
    assert (alone.name, together.name) == ("set", "") and replace(alone, name="") == together
    inside = first_half(lines)
    first, second = ([line for line, at in zip(lines, inside, strict=True) if at == half] for half in (True, False))
    by_hand = [confidences(half, fit(other)) for half, other in ((second, first), (first, second))]
    words = np.concatenate([part.words for part in by_hand])
    right = np.concatenate([part.words_right for part in by_hand])
    assert together.word_after == calibration_error(words, right)
    assert together.word_after.equal_width < together.word_before.equal_width
    assert (together.words, together.right, together.lines) == (4000, right.sum(), 800)


class NoisyDecoder:
    """Answers every image with log-probabilities drawn for its number."""

    alphabet = Alphabet(" abc")

    def decode_lines(
        self, lines: Sequence[NDArray[np.uint8]], /
    ) -> tuple[list[NDArray[np.float32]], list[DecodedLine]]:
        log_probs = [self.log_probs(int(line[0, 0])) for line in lines]
        return log_probs, [DecodedLine(best_path(line)) for line in log_probs]

    def log_probs(self, number: int) -> NDArray[np.float32]:
        scores = np.random.default_rng(number).normal(0, 3, (20 + number, 5))
        return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True), np.float32)


def test_scores_between_temperatures_are_those_of_readings(tmp_path: Path) -> None:
    decoder = NoisyDecoder()
    store = NumberReader().store(tmp_path / "set", [("ab c", "")] * 12)
    (source,) = find_sets([store], "val")[0]
    lines = list(read_scores(source, decoder))
    assert [line.id for line in lines] == [f"line-{number}" for number in range(12)]
    for calibration in (Calibration(), Calibration(1.23, (0.9, 0.7, 0.2), (1.1, 1.2, -0.1), 0.4), Calibration(2.9)):
        for number, line in enumerate(lines):
            log_probs = decoder.log_probs(number)
            (reading,) = read_spans([log_probs], [best_path(log_probs)], decoder.alphabet, [calibration])
            found = confidences([line], calibration)
            assert found.words == pytest.approx(reading.words, rel=0.02, abs=1e-6)
            assert found.lines == pytest.approx([reading.confidence], rel=0.02, abs=1e-6)
