"""Prefix beam search against two decoders by others: flashlight-text (through torchaudio) and fast-ctc-decode.

Beams of the three are not pruned alike. So short lines are searched in full, where every text must have the same
probability; lines of the shipped model with wide beams, where the best must be the same; and on long flat lines ours
must not find a less likely text.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings
from hwr.decode.lattice import text_log_probability
from hwr.decode.search import beam_search
from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.recognize.models import load_model

Line = NDArray[np.float32]
Texts = dict[tuple[int, ...], float]

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
ROUNDING = 1e-3
"""Both decoders take floats of 32 bits."""
PRUNED = 0.01
"""What pruning may take from the probability of a text of a whole line."""


def random_line(steps: int, classes: int, seed: int) -> Line:
    random = np.random.default_rng(seed)
    scores = random.normal(0, 3, (steps, classes))
    scores[:, 0] += random.choice([0, 3], steps)
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def sample_lines() -> list[Line]:
    runtime = load_model("small", threads=1)
    images = [to_grey(path) for path in sorted(SAMPLES.glob("line-*.png"))]
    assert images
    return runtime.log_probs([normalise_line(image, runtime.info.height) for image in images])


def ours(line: Line, width: int) -> Texts:
    options = BeamSettings(width=width, certain_blank=2.0, min_probability=0.0, max_labels=1000)
    return {one.labels: one.log_probability for one in beam_search([line], options, results=width)[0]}


def flashlight(line: Line, width: int) -> Texts:
    torch = pytest.importorskip("torch")
    pytest.importorskip("flashlight.lib.text.decoder")
    from torchaudio.models.decoder import ctc_decoder

    tokens = [chr(0x4E00 + label) for label in range(line.shape[1])]
    decoder = ctc_decoder(
        lexicon=None,
        tokens=tokens,
        nbest=width,
        beam_size=width,
        beam_threshold=1e6,
        log_add=True,
        blank_token=tokens[0],
        sil_token=tokens[0],
    )
    # Prefixes that end in a blank and in a label are hypotheses of their own there.
    texts: Texts = defaultdict(lambda: -np.inf)
    for one in decoder(torch.from_numpy(line)[None])[0]:
        text = tuple(one.tokens.tolist())
        texts[text] = np.logaddexp(texts[text], one.score)
    return texts


def fast_ctc_decode(line: Line, width: int) -> tuple[int, ...]:
    library = pytest.importorskip("fast_ctc_decode")
    characters = [chr(0x4E00 + label) for label in range(line.shape[1])]
    text, _ = library.beam_search(np.exp(line), characters, beam_size=width, beam_cut_threshold=0.0)
    return tuple(ord(character) - 0x4E00 for character in text)


def best_of(texts: Texts) -> tuple[int, ...]:
    return max(texts, key=lambda text: texts[text])


@pytest.mark.parametrize("seed", range(8))
def test_flashlight_gives_every_text_the_same_probability(seed: int) -> None:
    line = random_line(6, 4, seed)
    expected = flashlight(line, 4000)
    found = ours(line, 1500)
    assert len(found) > 100
    assert found == pytest.approx(dict(expected), abs=ROUNDING)


@pytest.mark.slow
def test_flashlight_reads_sample_lines_the_same(sample_lines: list[Line]) -> None:
    for line in sample_lines:
        expected, found = flashlight(line, 400), ours(line, 200)
        best = best_of(expected)
        assert best_of(found) == best
        assert found[best] == pytest.approx(expected[best], abs=PRUNED)


def test_fast_ctc_decode_reads_the_same(sample_lines: list[Line]) -> None:
    """A different text must be as likely, summed over all its paths."""
    for line in [*sample_lines, *(random_line(7, 4, seed) for seed in range(20))]:
        expected, found = fast_ctc_decode(line, 100), best_of(ours(line, 100))
        if expected != found:
            probability = text_log_probability(line, expected)
            assert text_log_probability(line, found) == pytest.approx(probability, abs=ROUNDING)


@pytest.mark.parametrize("seed", range(10))
def test_on_flat_lines_no_less_likely_a_text_is_found(seed: int) -> None:
    line = random_line(20 + seed, 8, seed)
    found = text_log_probability(line, best_of(ours(line, 100)))
    for text in (best_of(flashlight(line, 100)), fast_ctc_decode(line, 100)):
        assert found >= text_log_probability(line, text) - ROUNDING
