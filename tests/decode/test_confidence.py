"""Probabilities of lines and words against sums over every path, and calibration against its equations."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from helpers.best_paths import decode_greedy, random_log_probs
from hwr.decode.confidence import (
    UNCALIBRATED,
    Calibration,
    correct,
    find_calibration,
    read_spans,
    temper,
    word_predictions,
)
from hwr.decode.lattice import LabelSpan, alignments, best_path, text_log_probability
from hwr.errors import ModelError
from hwr.text import Alphabet

Array = NDArray[np.float64]
AB = Alphabet(" ab")
BLANK_LABEL, A, B = 1, 2, 3


def likely(path: Sequence[int], classes: int = 4, probability: float = 0.7, seed: int = 0) -> Array:
    """Log-probabilities whose best path is `path`, with noise between the others."""
    random = np.random.default_rng(seed)
    probs = random.dirichlet(np.ones(classes), len(path)) * (1 - probability)
    probs[np.arange(len(path)), list(path)] += probability
    return np.asarray(np.log(probs))


def probability_of(log_probs: Array, text: Sequence[int]) -> float:
    """Sum over all paths that read `text`."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if [label for label, _ in itertools.groupby(path) if label] == list(text):
            total += math.exp(sum(log_probs[step, label] for step, label in enumerate(path)))
    return total


def test_line_and_words_are_sums_over_all_paths() -> None:
    path = [A, 0, BLANK_LABEL, B, B, BLANK_LABEL, 0, A]  # "a b a"
    log_probs = likely(path)
    reading = decode_greedy(log_probs, AB)
    assert reading.text == "a b a"
    assert reading.confidence == pytest.approx(probability_of(log_probs, [A, BLANK_LABEL, B, BLANK_LABEL, A]))
    expected = [
        probability_of(log_probs[:3], [A, BLANK_LABEL]),
        probability_of(log_probs[2:6], [BLANK_LABEL, B, BLANK_LABEL]),
        probability_of(log_probs[5:], [BLANK_LABEL, A]),
    ]
    assert reading.words == pytest.approx(expected)
    assert reading.raw_words == reading.words


def test_the_word_of_a_line_without_blanks_is_as_likely_as_the_line() -> None:
    reading = decode_greedy(likely([0, A, 0, B, 0]), AB)
    assert reading.words == (pytest.approx(reading.confidence),)


def test_blanks_at_the_ends_and_in_runs() -> None:
    path = [BLANK_LABEL, 0, A, BLANK_LABEL, 0, BLANK_LABEL, B, BLANK_LABEL]
    log_probs = likely(path)
    reading = decode_greedy(log_probs, AB)
    assert reading.text == "a b"
    assert reading.words == pytest.approx(
        [
            probability_of(log_probs[0:4], [BLANK_LABEL, A, BLANK_LABEL]),
            probability_of(log_probs[5:8], [BLANK_LABEL, B, BLANK_LABEL]),
        ]
    )


def test_no_text_and_no_time_steps() -> None:
    silent = decode_greedy(likely([0, 0, 0]), AB)
    assert (silent.text, silent.words) == ("", ())
    assert silent.confidence == pytest.approx(probability_of(likely([0, 0, 0]), []))
    only_blank = decode_greedy(likely([0, BLANK_LABEL, 0]), AB)
    assert (only_blank.text, only_blank.words, only_blank.characters) == ("", (), ())
    empty = decode_greedy(np.zeros((0, 4)), AB)
    assert (empty.text, empty.confidence, empty.words) == ("", 1.0, ())
    assert read_spans([], [], AB) == []


def test_many_lines_equal_one_by_one() -> None:
    alphabet = Alphabet(" abcdefgh")
    lines = [random_log_probs(steps, 10, seed=steps) for steps in (40, 3, 77, 0, 20, 20)]
    calibration = Calibration(1.3, (0.8, 0.6, 0.1), (1.2, 1.1, -0.3), clarity=0.7)
    together = read_spans(lines, [best_path(line) for line in lines], alphabet, [calibration] * len(lines))
    for line, reading in zip(lines, together, strict=True):
        alone = decode_greedy(line, alphabet, calibration)
        assert alone.text == reading.text and alone.characters == reading.characters
        assert (alone.confidence, *alone.words) == pytest.approx((reading.confidence, *reading.words))


def test_each_line_has_its_own_calibration_and_predictions() -> None:
    lines = [likely([A, BLANK_LABEL, B], seed=seed) for seed in range(3)]
    spans = [best_path(line) for line in lines]
    calibrations = [Calibration(1.4, language=0.9), UNCALIBRATED, Calibration(word=(0.8, 0.6, 0.1), language=0.9)]
    predictions = [(-1.0, -2.0, -3.0, -0.5), (), (-0.1, -0.2, -9.0, -90.0)]
    found = read_spans(lines, spans, AB, calibrations, predictions)
    for number, reading in enumerate(found):
        part = slice(number, number + 1)
        assert [reading] == read_spans(lines[part], spans[part], AB, calibrations[part], predictions[part])
    expected = calibrations[0].correct_words(
        np.log(decode_greedy(temper(lines[0], 1.4), AB).words), np.array([[-3.0, 0.0], [-3.5, 0.0]])
    )
    assert found[0].words == pytest.approx(expected)
    assert found[1] == decode_greedy(lines[1], AB)


def test_predictions_of_words_are_sums_up_to_the_next_word() -> None:
    labels = [BLANK_LABEL, A, B, BLANK_LABEL, BLANK_LABEL, A, BLANK_LABEL, B]
    spans = [LabelSpan(label, step, step + 1) for step, label in enumerate(labels)]
    found = word_predictions((-9.0, -1.0, 2.0, -4.5, -9.0, 6.0, 5.0, -np.inf, -1.0), spans, AB)
    np.testing.assert_allclose(found, [[-3.5, np.log(2)], [11.0, 0.0], [-20.0, 0.0]])
    np.testing.assert_allclose(word_predictions((-1.0, 2.5), spans[1:2], AB), [[1.5, 0.0]])
    assert len(word_predictions((-1.0, -2.0), spans[:1], AB)) == len(word_predictions((-2.0,), [], AB)) == 0
    assert word_predictions((), spans, AB) is None


def test_labels_of_the_best_path_give_its_reading() -> None:
    alphabet = Alphabet(" abc\u0301")
    lines = [random_log_probs(steps, 6, seed=steps) for steps in (15, 31, 64)]
    labels = [[span.label for span in best_path(line)] for line in lines]
    assert read_spans(lines, alignments(lines, labels), alphabet) == [decode_greedy(line, alphabet) for line in lines]


def test_other_labels_follow_the_text_rules() -> None:
    alphabet = Alphabet(" e\u0301x\u00a0")
    log_probs = random_log_probs(30, 6, seed=4, sharpness=0.5)
    labels = [1, 2, 3, 1, 5, 1, 4, 4, 1]
    (reading,) = read_spans([log_probs], alignments([log_probs], [labels]), alphabet)
    assert reading.text == "\u00e9 xx" == "".join(span.character for span in reading.characters)
    assert len(reading.words) == 2
    assert reading.confidence == pytest.approx(math.exp(text_log_probability(log_probs, labels)))
    assert all(0 <= span.confidence <= 1 for span in reading.characters)


def test_a_more_certain_network_gives_more_certain_words() -> None:
    path = [A, BLANK_LABEL, B, 0, A]
    values = [decode_greedy(likely(path, probability=p), AB) for p in (0.5, 0.8, 0.95, 0.9999)]
    for number in range(2):
        words = [reading.words[number] for reading in values]
        assert words == sorted(words) and words[-1] > 0.999


class TestCalibration:
    def test_temperature_is_that_of_softmax(self) -> None:
        log_probs = random_log_probs(9, 5)
        for temperature in (0.5, 1.0, 1.7):
            expected = functional.log_softmax(torch.from_numpy(log_probs) / temperature, dim=1)
            np.testing.assert_allclose(temper(log_probs, temperature), expected.numpy(), atol=1e-6)

    def test_confidences_are_those_of_the_tempered_network(self) -> None:
        log_probs = likely([A, BLANK_LABEL, B, 0, A])
        hot = decode_greedy(log_probs, AB, Calibration(2.0))
        expected = decode_greedy(temper(log_probs, 2.0), AB)
        assert hot.confidence == pytest.approx(expected.confidence) and hot.words == pytest.approx(expected.words)
        assert hot.raw_words == decode_greedy(log_probs, AB).words
        assert hot.characters == decode_greedy(log_probs, AB).characters

    def test_the_curve_by_its_formula(self) -> None:
        probabilities = np.array([1e-9, 0.2, 0.5, 0.9, 1 - 1e-9])
        for low, high, shift in ((0.7, 0.7, -0.4), (0.2, 0.9, 0.8)):
            odds = np.exp(shift) * probabilities**low / (1 - probabilities) ** high
            found = correct(np.log(probabilities), (low, high, shift))
            np.testing.assert_allclose(found, odds / (1 + odds), rtol=1e-6)

    def test_the_curve_keeps_order_and_range(self) -> None:
        values = np.array([-np.inf, -1e4, -700.0, -3.0, -1e-3, -1e-9, 0.0, 1e-7])
        for curve in ((1.0, 1.0, 0.0), (0.5, 0.5, 1.0), (3.0, 3.0, -2.0), (0.2, 0.9, 0.8)):
            found = correct(values, curve)
            assert np.isfinite(found).all() and (np.diff(found) >= 0).all() and found.min() == 0 <= found.max() <= 1

    def test_the_clarity_of_the_line_by_its_formula(self) -> None:
        words = np.array([-0.2, -1.0, -80.0])
        found = Calibration(word=(0.7, 0.9, -0.4), clarity=0.5).correct_words(words)
        mean = (-0.2 - 1.0 - 2.0) / 3
        odds = np.exp(-0.4 + 0.5 * mean + 0.7 * words) / (1 - np.exp(words)) ** 0.9
        np.testing.assert_allclose(found, odds / (1 + odds), rtol=1e-6)
        assert Calibration(clarity=0.5).correct_words(np.zeros(0)).shape == (0,)

    def test_the_language_model_by_its_formula(self) -> None:
        words, predicted, lengths = np.array([-0.2, -1.0]), np.array([-0.5, -4.0]), np.array([3, 8])
        features = np.column_stack([predicted, np.log(lengths)])
        found = Calibration(word=(0.7, 0.9, -0.4), language=0.6, length=1.1).correct_words(words, features)
        odds = lengths**1.1 * np.exp(-0.4 + 0.6 * predicted + 0.7 * words) / (1 - np.exp(words)) ** 0.9
        np.testing.assert_allclose(found, odds / (1 + odds), rtol=1e-6)
        without = Calibration(word=(0.7, 0.9, -0.4)).correct_words(words)
        np.testing.assert_allclose(Calibration(word=(0.7, 0.9, -0.4), language=0.6).correct_words(words), without)

    def test_settings_and_back(self) -> None:
        calibration = Calibration(1.25, (0.9, 0.5, 0.1), (1.1, 1.0, -0.2), clarity=-0.3, language=0.7, length=1.2)
        settings = {"calibration": {"greedy": calibration.settings()}, "beam": {"width": 3}}
        assert find_calibration(settings, "greedy", "m") == calibration
        assert find_calibration(settings, "beam", "m") == find_calibration({}, "greedy", "m") == UNCALIBRATED

    @pytest.mark.parametrize(
        "entry",
        [
            3,
            {},
            {"temperature": 1.0},
            {"temperature": "hot", "word": [1, 1, 0], "line": [1, 1, 0]},
            {"temperature": 10**400, "word": [1, 1, 0], "line": [1, 1, 0]},
            {"temperature": 0, "word": [1, 1, 0], "line": [1, 1, 0]},
            {"temperature": float("nan"), "word": [1, 1, 0], "line": [1, 1, 0]},
            {"temperature": 1, "word": [1], "line": [1, 0]},
            {"temperature": 1, "word": [-1, 0], "line": [1, 0]},
            {"temperature": 1, "word": 1, "line": [1, 0]},
            {"temperature": 1, "word": [1, None], "line": [1, 0]},
        ],
    )
    def test_what_is_not_a_calibration_is_one_line(self, entry: object) -> None:
        with pytest.raises(ModelError, match=r"^tiny: the calibration of decoder 'greedy'"):
            find_calibration({"calibration": {"greedy": entry}}, "greedy", "tiny")
        with pytest.raises(ModelError, match=r"^tiny: "):
            find_calibration({"calibration": [1]}, "greedy", "tiny")


def test_a_reading_of_hebrew_is_in_the_order_in_which_it_is_read() -> None:
    """On paper, from left to right: 12 and two words, the second of which is read first."""
    alphabet = Alphabet(" 12\u05d0\u05d1\u05d2", "rtl")
    text = "\u05d0\u05d1 \u05d2 12"
    labels = alphabet.encode(text)
    assert "".join(alphabet.characters[label - 1] for label in labels) == "12 \u05d2 \u05d1\u05d0"
    path = [label for position in labels for label in (position, 0)]
    log_probs = likely(path, classes=7)
    reading = decode_greedy(log_probs, alphabet)
    assert reading.text == text
    assert "".join(span.character for span in reading.characters) == "12 \u05d2 \u05d1\u05d0"
    shown = decode_greedy(log_probs, Alphabet(" 12abc"))
    assert reading.words == shown.words[::-1] and len(set(reading.words)) == 3
