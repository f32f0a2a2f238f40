"""Careful reading: the views of a line, and the choice among the texts found in them, against slow twins."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.tiny_model import ALPHABET, expected_log_probs, painted_line, write_tiny_model
from hwr.decode.beam import BeamSettings, Hypothesis
from hwr.decode.lattice import align, best_path
from hwr.decode.search import beam_search
from hwr.files.images import GreyImage
from hwr.recognize.decoder import DecodedLine, DecoderOptions, GreedyDecoder
from hwr.recognize.recognizer import Recognizer
from hwr.recognize.views import CANDIDATES, VIEWS, View, decode_views

CLASSES = 4
LogProbs = NDArray[np.floating]


def ink(seed: int = 0, width: int = 60) -> GreyImage:
    return np.random.default_rng(seed).integers(0, 256, (24, width), dtype=np.uint8)


def log_probs(seed: int, steps: int) -> LogProbs:
    scores = np.random.default_rng(seed).normal(0, 1.5, (steps, CLASSES))
    return np.asarray(scores - np.log(np.exp(scores).sum(1, keepdims=True)))


def by_listing(values: LogProbs, text: Sequence[int]) -> float:
    """The probability of a text, as the sum over all paths that read as it."""
    total = 0.0
    for path in product(range(values.shape[1]), repeat=len(values)):
        merged = [label for t, label in enumerate(path) if t == 0 or label != path[t - 1]]
        if [label for label in merged if label] == list(text):
            total += float(np.exp(values[range(len(values)), path].sum()))
    return total


class SearchWithScores:
    """A search whose scorer prefers texts with many labels 2."""

    name = "beam"

    def decode(self, log_probs: Sequence[LogProbs], results: int = 1, /) -> list[DecodedLine]:
        found = beam_search(log_probs, BeamSettings(width=8), results=results)
        lines = zip(log_probs, found, strict=True)
        return [DecodedLine(align(line, texts[0].labels), "xx", tuple(texts)) for line, texts in lines]

    def score(self, line: DecodedLine, labels: Sequence[int], /) -> float:
        assert line.language == "xx"
        return 0.7 * list(labels).count(2)

    def predict(self, language: str, labels: Sequence[int], /) -> tuple[float, ...]:
        assert language == "xx"
        return (*map(float, labels), 0.0)


class Network:
    """Answers each view with log-probabilities of its own, and keeps the lines that it was given."""

    def __init__(self, *answers: LogProbs) -> None:
        self.answers = answers
        self.seen: list[GreyImage] = []

    def __call__(self, lines: Sequence[GreyImage]) -> list[LogProbs]:
        self.seen += lines
        return [self.answers[len(self.seen) - 1] for _ in lines]


def test_a_line_without_a_change_is_the_same() -> None:
    line = ink()
    assert View().of(line) is line
    np.testing.assert_array_equal(View(pen=1e-9).of(line), line)


@pytest.mark.parametrize("width", [1, 2, 7, 60, 333])
def test_the_views_keep_the_height_and_change_the_width_by_their_factors(width: int) -> None:
    for view in VIEWS:
        seen = view.of(ink(width=width))
        assert seen.dtype == np.uint8 and seen.shape == (24, max(1, round(view.width * width)))


def test_a_slanted_stroke_keeps_its_middle_and_moves_its_ends() -> None:
    line = np.zeros((21, 60), np.uint8)
    line[:, 30] = 200
    columns = (View(slant=0.2).of(line) * np.arange(60.0)).sum(1) / View(slant=0.2).of(line).sum(1)
    np.testing.assert_allclose(columns, 30 + 0.2 * (np.arange(21) - 10), atol=0.05)


def test_the_pen_gets_thicker_and_thinner() -> None:
    line = np.zeros((24, 60), np.uint8)
    line[5:9, 10:50] = 200
    thin, same, thick = (int(View(pen=pen).of(line).astype(int).sum()) for pen in (-0.5, 0.0, 0.5))
    assert thin < same < thick
    all_ink = View(pen=1.0).of(line)
    assert (all_ink[5:9, 10:50] == 200).all() and set(np.unique(all_ink)) == {0, 200}


@pytest.mark.parametrize("seed", range(5))
def test_the_text_that_fits_all_views_best_is_chosen(seed: int) -> None:
    """Among the texts of all views: the greatest mean log-probability plus the score, by listing all paths."""
    views = [log_probs(10 * seed + number, steps) for number, steps in enumerate((6, 5, 7))]
    network, decoder = Network(*views), SearchWithScores()
    first, (chosen,) = decode_views(network, decoder, [ink(seed)], results=3)
    assert first[0] is views[0]
    for view, seen in zip(VIEWS, network.seen, strict=True):
        np.testing.assert_array_equal(seen, view.of(ink(seed)))

    texts = {text.labels for view in views for text in decoder.decode([view], CANDIDATES)[0].texts}
    with np.errstate(divide="ignore"):
        scores = {
            text: float(np.mean([np.log(by_listing(view, text)) for view in views])) + 0.7 * text.count(2)
            for text in texts
        }
    expected = sorted(scores, key=lambda text: -scores[text])[:3]
    assert [text.labels for text in chosen.texts] == expected
    np.testing.assert_allclose([text.score for text in chosen.texts], [scores[text] for text in expected], atol=1e-9)
    assert chosen.spans == align(views[0], expected[0]) and chosen.language == "xx"
    assert chosen.predictions == (*expected[0], 0.0)


def test_two_views_outvote_the_line_as_it_is() -> None:
    right, wrong = np.log([[0.1, 0.5, 0.3, 0.1]]), np.log([[0.1, 0.3, 0.5, 0.1]])
    _, (chosen,) = decode_views(Network(wrong, right, right), GreedyDecoder(), [ink()])
    assert [span.label for span in chosen.spans] == [1]
    _, (alone,) = decode_views(Network(wrong, wrong, right), GreedyDecoder(), [ink()])
    assert [span.label for span in alone.spans] == [span.label for span in best_path(wrong)] == [2]


def test_a_text_that_is_too_long_for_a_narrow_view_is_not_chosen() -> None:
    wide, narrow = np.log(np.eye(CLASSES)[[1, 2, 1, 2]] * 0.96 + 0.01), log_probs(3, 2)
    _, (chosen,) = decode_views(Network(wide, narrow, wide), GreedyDecoder(), [ink()], results=2)
    assert chosen.texts[0] == Hypothesis(
        tuple(span.label for span in best_path(narrow)), chosen.texts[0].score, chosen.texts[0].score
    )
    assert np.isfinite(chosen.texts[0].score) and chosen.texts[1].score == -np.inf


def test_a_recognizer_that_reads_carefully(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path)
    lines = [painted_line("abc", 3), painted_line("cab é", 4), painted_line("")]
    plain, careful = (
        Recognizer(weights, threads=1),
        Recognizer(weights, threads=1, decoder=DecoderOptions(careful=True)),
    )
    assert (plain.careful, careful.careful) == (False, True)
    readings = careful.read_normalised(lines)
    network = [[expected_log_probs(view.of(line)) for line in lines] for view in VIEWS]
    answers = iter(network)
    _, expected = decode_views(lambda _: next(answers), GreedyDecoder(), lines)
    texts = ["".join(ALPHABET[span.label - 1] for span in line.spans) for line in expected]
    assert [reading.text for reading in readings] == texts == [reading.text for reading in plain.read_normalised(lines)]
    found, decoded = careful.decode_normalised(lines)
    assert [line.spans for line in decoded] == [line.spans for line in expected]
    np.testing.assert_allclose(found[1], network[0][1], atol=1e-5)
    assert careful.read_normalised([]) == []
