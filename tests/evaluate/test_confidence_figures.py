"""Calibration error and reject curve against their definitions, written out."""

import numpy as np
import pytest

from hwr.evaluate.confidence import SHARES, ConfidenceTallies, calibration_error, reject_area, reject_curve
from hwr.evaluate.lines import ScoredLine
from hwr.metrics import ErrorCounts


def slow_error(confidence: list[float], right: list[bool], bins: int) -> float:
    """Guo et al. 2017, equation 3, bin by bin; the last bin holds 1 too."""
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [i for i, p in enumerate(confidence) if low <= p < high or (number == bins - 1 and p == 1)]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(mean - share)
    return total


def test_calibration_error_by_its_definition() -> None:
    random = np.random.default_rng(0)
    for count in (1, 7, 500):
        confidence = np.append(random.random(count), 1.0)
        right = random.random(count + 1) < confidence
        found = calibration_error(confidence, right)
        assert found.equal_width == pytest.approx(slow_error(confidence.tolist(), right.tolist(), 15))


def test_equal_mass_has_as_many_in_each_bin() -> None:
    random = np.random.default_rng(1)
    confidence = random.random(300) ** 6  # most of them near 0
    right = random.random(300) < 0.3
    order = np.argsort(confidence)
    expected = 0.0
    for start in range(0, 300, 20):
        part = order[start : start + 20]
        expected += abs(confidence[part].mean() - right[part].mean()) * 20 / 300
    assert calibration_error(confidence, right).equal_mass == pytest.approx(expected)


def test_calibrated_probabilities_have_a_small_error_and_others_a_large_one() -> None:
    random = np.random.default_rng(2)
    true = random.random(200_000)
    right = random.random(200_000) < true
    assert calibration_error(true, right).equal_width < 0.005
    # of p**2 where p is true: the mean of p - p**2 is 1/6
    assert calibration_error(true**2, right).equal_width == pytest.approx(1 / 6, abs=0.005)
    assert calibration_error(true**2, right).equal_mass == pytest.approx(1 / 6, abs=0.005)


def test_reject_curve_line_by_line() -> None:
    random = np.random.default_rng(3)
    confidence = random.random(137)
    lengths = random.integers(0, 60, 137)
    edits = random.integers(0, 9, 137)
    lines = sorted(zip(confidence, edits, lengths, strict=True), reverse=True)
    rates = []
    for count in range(1, 138):
        kept = lines[:count]
        rates.append(sum(line[1] for line in kept) / max(1, sum(line[2] for line in kept)))
    assert reject_area(confidence, edits, lengths) == pytest.approx(np.mean(rates))
    curve = reject_curve(confidence, edits, lengths)
    assert [point.kept for point in curve] == list(SHARES)
    for point in curve:
        count = -(-round(point.kept * 100) * 137 // 100)
        assert point.cer == pytest.approx(rates[count - 1])
        assert point.confidence == lines[count - 1][0]


def test_a_good_order_rejects_bad_lines_first() -> None:
    edits, lengths = np.array([0, 1, 5, 20]), np.full(4, 20)
    good, bad = np.array([0.9, 0.8, 0.3, 0.1]), np.array([0.1, 0.3, 0.8, 0.9])
    assert reject_area(good, edits, lengths) < reject_area(bad, edits, lengths)
    (half,) = (point for point in reject_curve(good, edits, lengths) if point.kept == 0.5)
    assert half.cer == 1 / 40


def line(confidence: float, words: tuple[float, ...], right: tuple[bool, ...], edits: int = 0) -> ScoredLine:
    counts = ErrorCounts(edits, 10)
    return ScoredLine("s", "i", "", "", confidence, counts, counts, None, None, words, words, right)


def test_tallies_add_up() -> None:
    one, other, both = ConfidenceTallies(), ConfidenceTallies(), ConfidenceTallies()
    first, second = line(0.5, (0.25, 1.0), (False, True), 3), line(0.75, (0.5,), (True,))
    one.add(first)
    other.add(second)
    for item in (first, second):
        both.add(item)
    one.extend(other)
    assert one.figures() == both.figures()
    assert (one.figures().words, one.figures().right) == (3, 2)


def test_words_without_confidences_do_not_count() -> None:
    tallies = ConfidenceTallies()
    tallies.add(line(0.5, (), (True, False)))
    figures = tallies.figures()
    assert (figures.words, figures.word_error, figures.line_error.equal_width) == (0, None, 0.5)
