"""Fit a model's calibration to lines whose truth is known.

The temperature maximises the likelihood of the right and wrong words (Guo et al. 2017, section 4.2). If the calibration
error of words is then still above `GOOD_ENOUGH`, the temperature is 1, and a curve is fitted for words and, by the same
rule, for lines (Kull et al. 2017; with the targets of Platt 1999, by Newton's method). The curve of words has more
terms: the clarity of the line and, for lines that were read with a language model, what that model predicts of the
word. With a temperature below 1, which the beam search would get, no such curve fits as well. All writers count the
same in the fit of this curve: otherwise the few who wrote most decide, and the words of the others are overrated.

Scores are computed on a grid of temperatures while the lines are read, and interpolated between its points, so that the
lines need not be kept in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import (
    IDENTITY,
    UNCALIBRATED,
    Calibration,
    Curve,
    correct,
    find_clarity,
    logit,
    score_lines,
    score_words,
    temper,
    with_complement,
    word_predictions,
)
from hwr.decode.lattice import LabelSpan
from hwr.errors import DataError
from hwr.evaluate.confidence import CalibrationError, calibration_error
from hwr.evaluate.lines import OnLine, read_decoded
from hwr.evaluate.sets import EVERY_LINE, EvaluationSet, Origin, Selection, first_half
from hwr.recognize.recognizer import Recognizer
from hwr.text import Alphabet

Numbers = NDArray[np.float64]

TEMPERATURES: Numbers = np.geomspace(0.5, 3.0, 25)
GOOD_ENOUGH = 0.03
"""Maximum calibration error at which no curve is fitted."""
MIN_OUTCOMES = 60
"""Minimum number of right words, and of wrong words, for a calibration to be reliable: ten for each of the six
parameters that words have (Peduzzi et al. 1996, on events per variable in logistic regression)."""
MIN_LOG_PROBABILITY = -1e6
"""Lower bound of log-probabilities, so that they can be interpolated."""
NEWTON_STEPS = 50
RATIO = (5**0.5 - 1) / 2
TOLERANCE = 1e-4
"""Width of the interval at which the search for a minimum ends."""
DIGITS = 5
"""Decimal places of stored numbers."""


@dataclass(frozen=True)
class ReadScores(Origin):
    """A line that was read, with log-probabilities at the temperatures of the grid.

    Attributes:
        line: log-probabilities of the whole line, shape (temperatures,).
        line_right: the line was read without an edit.
        words: shape (words, temperatures).
        words_right: shape (words,).
        predictions: of each word by the language model (`word_predictions`), shape (words, 2); None without one.
    """

    line: Numbers
    line_right: bool
    words: Numbers
    words_right: NDArray[np.bool_]
    predictions: Numbers | None = None


@dataclass(frozen=True)
class Confidences:
    """Confidences of words and of lines, and which of them are right."""

    words: Numbers
    words_right: NDArray[np.bool_]
    lines: Numbers
    lines_right: NDArray[np.bool_]


def read_scores(
    source: EvaluationSet,
    recognizer: Recognizer,
    selection: Selection = EVERY_LINE,
    on_line: OnLine = lambda line: None,
) -> Iterator[ReadScores]:
    """Read the lines of a set; arguments and errors as in `hwr.evaluate.lines.read_decoded`."""
    for line, log_probs, chosen in read_decoded(source, recognizer, selection, on_line):
        whole, words = _scores(log_probs, chosen.spans, recognizer.alphabet)
        right = np.array(line.right_words, dtype=bool)
        edits = line.characters.edits
        predictions = word_predictions(chosen.predictions, chosen.spans, recognizer.alphabet)
        yield ReadScores(line.set, line.id, line.writer, line.page, whole, edits == 0, words, right, predictions)


def _scores(log_probs: NDArray[np.float32], spans: Sequence[LabelSpan], alphabet: Alphabet) -> tuple[Numbers, Numbers]:
    """Return the log-probabilities of a line, (temperatures,), and of its words, (words, temperatures)."""
    tempered = [temper(log_probs, float(temperature)) for temperature in TEMPERATURES]
    chosen = [spans] * len(tempered)
    whole, words = score_lines(tempered, chosen), np.stack(score_words(tempered, chosen, alphabet), axis=1)
    return np.maximum(whole, MIN_LOG_PROBABILITY), np.maximum(words, MIN_LOG_PROBABILITY)


def confidences(lines: Sequence[ReadScores], calibration: Calibration) -> Confidences:
    """Return the confidences of lines under a calibration; its temperature must be within the grid."""
    words, lines_scores = _at(lines, calibration.temperature)
    return Confidences(
        np.concatenate(
            [
                calibration.correct_words(of_line, line.predictions)
                for of_line, line in zip(_by_line(words, lines), lines, strict=True)
            ]
        ),
        np.concatenate([line.words_right for line in lines]),
        correct(lines_scores, calibration.line),
        np.array([line.line_right for line in lines]),
    )


@dataclass(frozen=True)
class Trust:
    """Calibration errors of a set before and after calibrating; `name` is empty for all sets together."""

    name: str
    words: int
    right: int
    word_before: CalibrationError
    word_after: CalibrationError
    lines: int
    line_before: CalibrationError
    line_after: CalibrationError


def measure_in_halves(lines: Sequence[ReadScores]) -> list[Trust]:
    """Return the calibration errors of each set and of all; each half of the lines has the calibration of the other.

    Sets in which no word was read are left out.

    Raises:
        DataError: a half cannot be fitted to, see `fit`.
    """
    inside = first_half(lines)
    first, second = ([line for line, at in zip(lines, inside, strict=True) if at == half] for half in (True, False))
    fitted = [(second, fit(first)), (first, fit(second))]
    reports = []
    for name in [*dict.fromkeys(line.set for line in lines), ""]:
        parts = [([line for line in half if name in (line.set, "")], calibration) for half, calibration in fitted]
        parts = [(half, calibration) for half, calibration in parts if half]
        before = _joined([confidences(half, UNCALIBRATED) for half, _ in parts])
        after = _joined([confidences(half, calibration) for half, calibration in parts])
        if len(before.words):
            reports.append(
                Trust(
                    name,
                    len(before.words),
                    int(before.words_right.sum()),
                    calibration_error(before.words, before.words_right),
                    calibration_error(after.words, after.words_right),
                    len(before.lines),
                    calibration_error(before.lines, before.lines_right),
                    calibration_error(after.lines, after.lines_right),
                )
            )
    return reports


def _joined(parts: Sequence[Confidences]) -> Confidences:
    return Confidences(
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.words_right for part in parts]),
        np.concatenate([part.lines for part in parts]),
        np.concatenate([part.lines_right for part in parts]),
    )


def _at(lines: Sequence[ReadScores], temperature: float) -> tuple[Numbers, Numbers]:
    """Return log-probabilities of words and lines, interpolated linearly in the logarithm of the temperature."""
    words = np.concatenate([line.words for line in lines])
    whole = np.stack([line.line for line in lines])
    grid = np.log(TEMPERATURES)
    upper = int(np.clip(np.searchsorted(grid, np.log(temperature)), 1, len(grid) - 1))
    share = (np.log(temperature) - grid[upper - 1]) / (grid[upper] - grid[upper - 1])
    words, whole = ((1 - share) * scores[:, upper - 1] + share * scores[:, upper] for scores in (words, whole))
    return words, whole


def _by_line(words: Numbers, lines: Sequence[ReadScores]) -> list[Numbers]:
    return np.split(words, np.cumsum([len(line.words) for line in lines])[:-1])


def of_one_kind(lines: Sequence[ReadScores]) -> list[ReadScores]:
    """Return the lines that were read with a language model; if there are none, all lines."""
    return [line for line in lines if line.predictions is not None] or list(lines)


def count_outcomes(lines: Sequence[ReadScores]) -> tuple[int, int]:
    """Return the number of right words in lines, and of wrong words; see `MIN_OUTCOMES`."""
    right = sum(int(line.words_right.sum()) for line in lines)
    return right, sum(len(line.words_right) for line in lines) - right


def fit(lines: Sequence[ReadScores]) -> Calibration:
    """Return the calibration that makes the observed right and wrong words most likely.

    Args:
        lines: all read with a language model, or all without.

    Raises:
        DataError: all words are right, or all are wrong.
    """
    right = np.concatenate([line.words_right for line in lines]) if lines else np.zeros(0, bool)
    if right.all() or not right.any():
        raise DataError("calibration needs both right and wrong words; give it more lines")
    grid = np.log(TEMPERATURES)
    best = _golden_section(
        lambda value: negative_log_likelihood(_at(lines, np.exp(value))[0], right), grid[0], grid[-1]
    )
    temperature = round(float(np.exp(best)), DIGITS)
    if not _good_enough(_at(lines, temperature)[0], right):
        temperature = 1.0
    words, whole = _at(lines, temperature)
    lines_right = np.array([line.line_right for line in lines])
    clarity = np.concatenate([np.full(len(part), find_clarity(part)) for part in _by_line(words, lines)])
    predictions = [line.predictions for line in lines if line.predictions is not None]
    more = [clarity, np.concatenate(predictions)] if predictions else [clarity]
    counts = [len(line.words) for line in lines]
    word, weights = _curve_of_words(words, right, np.column_stack(more), np.repeat(equal_shares(lines), counts))
    return Calibration(temperature, word, _curve_if_needed(whole, lines_right), *weights)


def negative_log_likelihood(log_probabilities: Numbers, right: NDArray[np.bool_]) -> float:
    """Return the mean of -log p over right items and -log(1 - p) over wrong ones."""
    logits = logit(np.minimum(log_probabilities, 0.0))
    return float(np.logaddexp(0.0, np.where(right, -logits, logits)).mean())


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the position of a function's only minimum, by golden-section search (Kiefer 1953)."""
    left, right = high - RATIO * (high - low), low + RATIO * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > TOLERANCE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - RATIO * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + RATIO * (high - low)
            at_right = function(right)
    return (low + high) / 2


def equal_shares(lines: Sequence[ReadScores]) -> Numbers:
    """Return the weight of the words of each line, (lines,), with which all writers count the same; its mean is 1.

    The mean is that over all words. A set of one writer is divided by page. All lines of a set of which the writer (or
    page) is unknown count as one writer.
    """
    writers = defaultdict(set)
    for line in lines:
        writers[line.set].add(line.writer)
    keys = [(line.set, line.writer if len(writers[line.set]) > 1 else line.page) for line in lines]
    words: Counter[tuple[str, str | None]] = Counter()
    for key, line in zip(keys, lines, strict=True):
        words[key] += len(line.words)
    mean = words.total() / sum(count > 0 for count in words.values())
    return np.array([mean / max(1, words[key]) for key in keys])


def _curve_of_words(
    words: Numbers, right: NDArray[np.bool_], more: Numbers, shares: Numbers
) -> tuple[Curve, list[float]]:
    """Return the curve and the weights of more features, (words, features); no weights if a slope would be below 0.

    `shares` are the weights of the words in the fit.
    """
    plain = _curve_if_needed(words, right)
    if plain == IDENTITY:
        return plain, []
    log_p, log_not_p = with_complement(words)
    fitted = logistic_regression(np.column_stack([log_p, -log_not_p, more]), right, shares)
    a, b, *weights, c = (round(number, DIGITS) for number in fitted)
    return ((a, b, c), weights) if min(a, b) > 0 else (plain, [])


def _curve_if_needed(log_probabilities: Numbers, right: NDArray[np.bool_]) -> Curve:
    if _good_enough(log_probabilities, right) or right.all() or not right.any():
        return IDENTITY
    a, b, c = fit_curve(np.minimum(log_probabilities, 0.0), right)
    # A slope below 0 would reverse the order: the confidences then carry no information, and no curve helps.
    if min(a, b) <= 10**-DIGITS:
        return IDENTITY
    return round(a, DIGITS), round(b, DIGITS), round(c, DIGITS)


def _good_enough(log_probabilities: Numbers, right: NDArray[np.bool_]) -> bool:
    return calibration_error(np.exp(np.minimum(log_probabilities, 0.0)), right).equal_width <= GOOD_ENOUGH


def fit_curve(log_probabilities: Numbers, right: NDArray[np.bool_]) -> Curve:
    """Return the curve that makes the outcomes most likely.

    If one of its slopes would be below 0, both are equal, as in Platt's sigmoid.
    """
    log_p, log_not_p = with_complement(log_probabilities)
    a, b, c = logistic_regression(np.stack([log_p, -log_not_p], axis=1), right)
    if min(a, b) > 0:
        return a, b, c
    slope, c = logistic_regression((log_p - log_not_p)[:, None], right)
    return slope, slope, c


def logistic_regression(
    features: Numbers, right: NDArray[np.bool_], shares: Numbers | float = 1.0
) -> tuple[float, ...]:
    """Return the weights of the features (N, F), and a shift, that make the outcomes most likely.

    `shares`, (N,), say how much each outcome counts. Newton's method with halved steps. The targets are those of Platt
    (1999), slightly inside 0 and 1, so that the best weights are always finite.
    """
    positive = int(right.sum())
    targets = np.where(right, (positive + 1) / (positive + 2), 1 / (len(right) - positive + 2))
    design = np.column_stack([features, np.ones(len(features))])

    def loss(weights: Numbers) -> float:
        values = design @ weights
        return float((shares * (np.logaddexp(0.0, values) - targets * values)).sum())

    weights = np.ones(design.shape[1])
    weights[-1] = 0.0
    for _ in range(NEWTON_STEPS):
        fitted = np.exp(-np.logaddexp(0.0, -(design @ weights)))
        gradient = design.T @ (shares * (fitted - targets))
        curvature = (design * (shares * fitted * (1 - fitted))[:, None]).T @ design + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        before = loss(weights)
        while loss(weights - step) > before and np.abs(step).max() > 1e-10:
            step /= 2
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return tuple(weights.tolist())
