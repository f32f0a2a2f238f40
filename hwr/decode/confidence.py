"""Confidences: calibrated probabilities under CTC that a line and its words are right.

    line    P(text | image): the sum over all paths that spell the chosen labels (the forward algorithm; Graves et al.
            2006, section 4.1).
    word    the same for the word with the spaces before and after it, on the time steps from the first of the space
            before to the last of the space after it; at an end of the line, from or to that end. So it includes the
            probability that the word ends there: without its spaces, half of the uncertainty would be missing.

Networks are often over- or under-confident (Guo et al. 2017, "On calibration of modern neural networks"): the
log-probabilities are divided by a temperature before the sum, and normalised again. A curve with three parameters can
correct words and lines further: logit p' = a log p - b log(1 - p) + c (Kull, Silva Filho and Flach 2017, "Beta
calibration"); with a = b it is Platt's sigmoid. Language models need it: words that they chose against the ink are
right far more often than the ink suggests, and a curve that lifts these with a single slope would make certain words
uncertain. How often they are right depends on the writing and on the word, so the curve of words has more terms:

    clarity     d times the mean log-probability of the line's words;
    language    e times the natural logarithm of the language model's probability of the word, with the space or the
                end of the line after it; a long word is less probable for its length alone, so there is also
    length      f times the natural logarithm of the number of its characters.

Everything is fitted on validation data (`hwr.evaluate.calibration`) and stored in the model file: for lines that the
network read alone, and for those that it read with a language model.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.decode.lattice import LabelSpan, text_log_probabilities
from hwr.decode.reading import Reading, find_characters, logical_words
from hwr.errors import ModelError
from hwr.text import Alphabet

Numbers = NDArray[np.float64]
Curve = tuple[float, float, float]
"""Parameters a, b, c of logit p' = a log p - b log(1 - p) + c."""

SETTINGS_KEY = "calibration"
"""The key of `ModelInfo.decoder` for calibrations, by decoder."""
WEIGHTS = ("clarity", "language", "length")
"""Names of the further weights of the curve of words, in this order."""
IDENTITY: Curve = (1.0, 1.0, 0.0)
MIN_CLARITY = -2.0
"""Lower limit on a word's log-probability in the clarity of its line, so that one hopeless word does not decide."""
MIN_PREDICTION = -20.0
"""Lower limit on the logarithm of a word's probability by the language model: beyond it, names and wrong words look
alike."""
CERTAIN = -1e-12
"""Maximum log-probability, so that every probability has a logit."""


@dataclass(frozen=True)
class Calibration:
    """Mapping from the network's probabilities to confidences.

    Attributes:
        temperature: divides the log-probabilities; above 1 it makes a network less certain.
        word, line: further corrections of the sums.
        clarity: weight of the line's clarity in the correction of words (`find_clarity`).
        language, length: weights of what the language model predicts of a word (`word_predictions`).

    Raises:
        ValueError: not finite, or the temperature or a slope is not above 0.
    """

    temperature: float = 1.0
    word: Curve = IDENTITY
    line: Curve = IDENTITY
    clarity: float = 0.0
    language: float = 0.0
    length: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.temperature, *self.word, *self.line, self.clarity, self.language, self.length)
        if not all(isfinite(number) for number in numbers):
            raise ValueError(f"not a finite number in {numbers}")
        if min(self.temperature, *self.word[:2], *self.line[:2]) <= 0:
            raise ValueError("the temperature and the slopes must be above 0")

    def settings(self) -> dict[str, Any]:
        """Return the calibration as it is stored in the model file."""
        curves = {"word": list(self.word), "line": list(self.line)}
        weights = {name: getattr(self, name) for name in WEIGHTS}
        return {"temperature": self.temperature, **curves, **weights}

    def correct_words(self, log_probabilities: Numbers, predictions: Numbers | None = None) -> Numbers:
        """Return the confidences of the words of one line, shape (words,).

        Args:
            log_probabilities: of the words, by the network.
            predictions: of the words, (words, 2), if there is a language model (`word_predictions`).
        """
        shift: Numbers | float = self.clarity * find_clarity(log_probabilities)
        if predictions is not None:
            shift = shift + predictions @ np.array([self.language, self.length])
        return correct(log_probabilities, self.word, shift)


UNCALIBRATED = Calibration()


def find_calibration(settings: Mapping[str, Any], decoder: str, where: object) -> Calibration:
    """Return the calibration of `decoder` in the decoder settings of a model; `UNCALIBRATED` if there is none.

    That of "greedy" is for all lines that the network read alone.

    Raises:
        ModelError: the entry is not a valid calibration; `where` names the model.
    """
    known = settings.get(SETTINGS_KEY, {})
    entry = known.get(decoder) if isinstance(known, Mapping) else known
    if entry is None:
        return UNCALIBRATED
    try:
        word, line = (_curve(entry[name]) for name in ("word", "line"))
        weights = (float(entry.get(name, 0.0)) for name in WEIGHTS)
        return Calibration(float(entry["temperature"]), word, line, *weights)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{where}: the calibration of decoder {decoder!r} cannot be used ({error}); `hwr calibrate` makes a new one"
        ) from None


def _curve(numbers: Iterable[float]) -> Curve:
    a, b, c = map(float, numbers)
    return a, b, c


def read_spans(
    log_probs: Sequence[NDArray[np.floating]],
    spans: Sequence[Sequence[LabelSpan]],
    alphabet: Alphabet,
    calibrations: Sequence[Calibration] | None = None,
    predictions: Sequence[Sequence[float]] | None = None,
) -> list[Reading]:
    """Return readings of the labels that a decoder chose for each line; lines of similar length together are fastest.

    Args:
        log_probs: for each line, natural logarithms of shape (T, classes), T >= 0; class 0 is the blank.
        spans: for each line, its labels with their time steps, without CTC's blanks.
        calibrations: for each line; `UNCALIBRATED` if not given.
        predictions: for each line, the natural logarithms of the language model's probabilities of its labels and of
            its end; empty without a language model.

    Raises:
        ValueError: a shape or label does not fit.
    """
    for line in log_probs:
        if line.ndim != 2 or line.shape[1] != alphabet.classes:
            raise ValueError(f"log_probs of shape (T, {alphabet.classes}) expected, {line.shape} found")
    if calibrations is None:
        calibrations = [UNCALIBRATED] * len(log_probs)
    if predictions is None:
        predictions = [()] * len(log_probs)
    tempered = [temper(line, own.temperature) for line, own in zip(log_probs, calibrations, strict=True)]
    lines = score_lines(tempered, spans)
    raw = words = score_words(tempered, spans, alphabet)
    if any(own.temperature != 1 for own in calibrations):
        raw = score_words(log_probs, spans, alphabet)
    readings = []
    for index, (line, line_spans, own) in enumerate(zip(log_probs, spans, calibrations, strict=True)):
        characters = find_characters(line, line_spans, alphabet)
        predicted = word_predictions(predictions[index], line_spans, alphabet)
        text, order = logical_words("".join(span.character for span in characters), alphabet.direction)
        readings.append(
            Reading(
                text=text,
                confidence=float(correct(lines[index], own.line)),
                characters=tuple(characters),
                words=tuple(own.correct_words(words[index], predicted)[order].tolist()),
                raw_words=tuple(correct(raw[index], IDENTITY)[order].tolist()),
            )
        )
    return readings


def score_lines(log_probs: Sequence[NDArray[np.floating]], spans: Sequence[Sequence[LabelSpan]]) -> Numbers:
    """Return the log-probability of each line's labels, shape (lines,); arguments as in `read_spans`."""
    return text_log_probabilities(log_probs, [[span.label for span in line] for line in spans])


def score_words(
    log_probs: Sequence[NDArray[np.floating]], spans: Sequence[Sequence[LabelSpan]], alphabet: Alphabet
) -> list[Numbers]:
    """Return the log-probability of each word of each line, as defined above. Arguments as in `read_spans`."""
    spaces = space_labels(alphabet)
    steps: list[NDArray[np.floating]] = []
    texts: list[list[int]] = []
    counts = [0]
    for line, line_spans in zip(log_probs, spans, strict=True):
        for first, last, window in find_windows(line_spans, spaces, len(line)):
            steps.append(line[window])
            texts.append([span.label for span in line_spans[first : last + 1]])
        counts.append(len(steps))
    return np.split(text_log_probabilities(steps, texts), counts[1:])[:-1]


def word_predictions(predictions: Sequence[float], spans: Sequence[LabelSpan], alphabet: Alphabet) -> Numbers | None:
    """Return what the language model predicts of each word of a line: shape (words, 2); None without one.

    The first column is ln p of the word with the space or the end of the line after it, at least `MIN_PREDICTION`; the
    second is the natural logarithm of the number of its characters. Arguments as in `read_spans`.
    """
    if not predictions:
        return None
    spaces = space_labels(alphabet)
    is_space = np.array([span.label in spaces for span in spans] + [True])
    before = np.concatenate(([True], is_space[:-1]))
    firsts, ends = np.flatnonzero(before & ~is_space), np.flatnonzero(is_space & ~before)
    bounds = np.column_stack([firsts, ends + 1])
    sums = np.add.reduceat(np.append(predictions, 0.0), bounds.ravel())[::2]
    return np.column_stack([np.maximum(sums, MIN_PREDICTION), np.log(ends - firsts)])


def space_labels(alphabet: Alphabet) -> frozenset[int]:
    """Return the labels of characters that separate words."""
    return frozenset(label for label, character in enumerate(alphabet.characters, 1) if character.isspace())


def temper(log_probs: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    """Divide log-probabilities by a temperature and normalise them again; shape (T, classes)."""
    if temperature == 1:
        return log_probs
    cooled = log_probs / np.float32(temperature)
    normal: NDArray[np.floating] = cooled - np.log(np.exp(cooled).sum(axis=1, keepdims=True))
    return normal


def find_windows(spans: Sequence[LabelSpan], spaces: frozenset[int], steps: int) -> Iterator[tuple[int, int, slice]]:
    """Yield the first and last label of each word, including adjacent spaces, and the time steps that it covers."""
    first = None
    for index, span in enumerate([*spans, None]):
        if span is not None and span.label not in spaces:
            first = index if first is None else first
        elif first is not None:
            begin, end = max(0, first - 1), min(index, len(spans) - 1)
            start = spans[begin].start if spans[begin].label in spaces else 0
            stop = spans[end].stop if spans[end].label in spaces else steps
            yield begin, end, slice(start, stop)
            first = None


def find_clarity(log_probabilities: Numbers) -> float:
    """Return the mean log-probability of a line's words, each at least `MIN_CLARITY` and at most 0."""
    return float(np.clip(log_probabilities, MIN_CLARITY, 0.0).mean()) if len(log_probabilities) else MIN_CLARITY


def correct(log_probabilities: Numbers, curve: Curve, shift: Numbers | float = 0.0) -> Numbers:
    """Return probabilities from 0 to 1, corrected by a curve; `shift` is added to c; see the module."""
    values = np.minimum(log_probabilities, 0.0)
    if curve == IDENTITY and not np.any(shift):
        return np.exp(values)
    a, b, c = curve
    log_p, log_not_p = with_complement(values)
    logits = a * log_p - b * log_not_p + c + shift
    corrected: Numbers = np.exp(-np.logaddexp(0.0, -logits))  # the inverse of the logit
    return corrected


def logit(log_probabilities: Numbers) -> Numbers:
    """Return log p - log(1 - p), with p slightly below 1."""
    log_p, log_not_p = with_complement(log_probabilities)
    return log_p - log_not_p


def with_complement(log_probabilities: Numbers) -> tuple[Numbers, Numbers]:
    """Return log p and log(1 - p), with p slightly below 1."""
    values = np.minimum(log_probabilities, CERTAIN)
    return values, np.log(-np.expm1(values))
