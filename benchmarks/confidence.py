"""Compare ways to compute the confidence of a greedily read word or line.

    python -m benchmarks.confidence DATA... [-m MODEL] [--every N] [--beam W]

For words, the table gives the calibration error (ECE), the log loss, and the AUC: how often a right word has a higher
confidence than a wrong one. For lines, it gives the area under the reject curve (mean CER over all shares of lines
kept) over all sets and for each set, the same by shares of characters, and the AUC for lines without an edit.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings
from hwr.decode.confidence import read_spans, score_lines, score_words
from hwr.decode.lattice import LabelSpan, text_log_probabilities
from hwr.decode.reading import Reading
from hwr.decode.search import beam_search
from hwr.evaluate.calibration import negative_log_likelihood
from hwr.evaluate.confidence import calibration_error, reject_area
from hwr.files.images import decode_image
from hwr.metrics import character_errors, right_words
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore

Numbers = NDArray[np.float64]
FLOOR = 1e-12


@dataclass
class Read:
    """A line as it was read, with the candidates of its words: name -> probability of each."""

    set: str
    reading: Reading
    edits: int
    length: int
    forward: float
    right: tuple[bool, ...]
    words: dict[str, Numbers]


def read(path: Path, recognizer: Recognizer, every: int, beam: int) -> list[Read]:
    """Return every N-th line of a set."""
    file, alphabet, lines = LineStore(path, "val"), recognizer.alphabet, []
    for group in file.groups:
        stored = file.read_group(group.index)[::every]
        log_probs, decoded = recognizer.decode_lines([decode_image(line.image, line.id) for line in stored])
        spans = [line.spans for line in decoded]
        readings = read_spans(log_probs, spans, alphabet)
        forward, words = score_lines(log_probs, spans), score_words(log_probs, spans, alphabet)
        for index, (line, reading) in enumerate(zip(stored, readings, strict=True)):
            errors = character_errors(line.text, reading.text)
            candidates = {
                "geometric mean of maxima": geometric_means(reading),
                "forward, word alone": np.exp(alone(log_probs[index], spans[index], alphabet.characters)),
                "forward, with its spaces": np.exp(words[index]),
            }
            if beam:
                candidates[f"share of the {beam} best texts"] = posterior(log_probs[index], reading, recognizer, beam)
            right = right_words(line.text, reading.text)
            lines.append(
                Read(
                    path.name, reading, errors.edits, errors.reference_length, float(forward[index]), right, candidates
                )
            )
    return lines


def geometric_means(reading: Reading) -> Numbers:
    """Return, for each word, the geometric mean of its characters' clearest time steps."""
    words: list[list[float]] = [[]]
    for span in reading.characters:
        if span.character == " ":
            words.append([])
        else:
            words[-1].append(span.confidence)
    return np.array([np.exp(np.log(np.maximum(word, FLOOR)).mean()) for word in words if word])


def alone(log_probs: NDArray[np.float32], spans: Sequence[LabelSpan], characters: str) -> Numbers:
    """Return the log-probability of each word's labels between the spaces around it."""
    steps, texts, start = [], [], 0
    labels: list[int] = []
    for span in [*spans, None]:
        if span is not None and not characters[span.label - 1].isspace():
            labels.append(span.label)
            continue
        if labels:
            steps.append(log_probs[start : span.start if span else len(log_probs)])
            texts.append(labels)
        labels, start = [], span.stop if span else 0
    return text_log_probabilities(steps, texts)


def posterior(log_probs: NDArray[np.float32], reading: Reading, recognizer: Recognizer, width: int) -> Numbers:
    """Return, for each word, the probability of the most probable texts that contain it too."""
    options = BeamSettings(width=width, certain_blank=0.999, min_probability=1e-3)
    (found,) = beam_search([log_probs], options, results=width)
    scores = np.array([item.log_probability for item in found])
    shares = np.exp(scores - np.logaddexp.reduce(scores))
    total = np.zeros(len(reading.text.split()))
    for item, share in zip(found, shares, strict=True):
        total += share * np.array(right_words(recognizer.alphabet.decode(item.labels), reading.text), dtype=float)
    return np.minimum(total, 1.0)


def auc(values: Numbers, right: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a right and a wrong item in which the right one has the higher value (Mann and
    Whitney).
    """
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    count = int(right.sum())
    return float((ranks[right].sum() - count * (count + 1) / 2) / (count * (len(right) - count)))


def area_by_characters(values: Numbers, edits: NDArray[np.int64], lengths: NDArray[np.int64]) -> float:
    """Return the mean CER over the shares of characters kept."""
    order = np.argsort(-values, kind="stable")
    kept = np.cumsum(lengths[order])
    rates = np.cumsum(edits[order]) / np.maximum(1, kept)
    return float((rates * lengths[order]).sum() / kept[-1])


def line_candidates(lines: Sequence[Read]) -> dict[str, Numbers]:
    """Return numbers for each line; higher means more certain."""
    forward = np.array([line.forward for line in lines])
    words = [line.words["forward, with its spaces"] for line in lines]
    sizes = np.array([max(1, len(line.reading.text)) for line in lines])
    return {
        "geometric mean of maxima": np.array(
            [np.mean([np.log(max(FLOOR, c.confidence)) for c in line.reading.characters] or [0.0]) for line in lines]
        ),
        "forward": forward,
        "forward, per character": forward / sizes,
        "mean of words": np.array([word.mean() if len(word) else 0.0 for word in words]),
        "geometric mean of words": np.array(
            [np.log(np.maximum(word, FLOOR)).mean() if len(word) else 0.0 for word in words]
        ),
        "least of words": np.array([word.min() if len(word) else 0.0 for word in words]),
        "(edits, if they were known)": np.array([-line.edits / max(1, line.length) for line in lines]),
    }


def main() -> None:
    """Read the sets and print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--every", type=int, default=1, help="take each N-th line")
    parser.add_argument("--beam", type=int, default=0, help="with shares of the W best texts")
    options = parser.parse_args()
    recognizer = Recognizer(options.model, threads=1, decoder=DecoderOptions("greedy"))
    lines = [line for path in options.data for line in read(path, recognizer, options.every, options.beam)]
    right = np.array([is_right for line in lines for is_right in line.right])
    print(f"{options.model}: {len(lines):,} lines, {len(right):,} words, {right.mean():.1%} of them right\n")
    print(f"{'words':32}    ECE  by mass  log loss    AUC")
    for name in lines[0].words:
        values = np.concatenate([line.words[name] for line in lines])
        error = calibration_error(values, right)
        loss = negative_log_likelihood(np.log(np.maximum(values, FLOOR)), right)
        print(f"{name:32} {error.equal_width:.4f}   {error.equal_mass:.4f}    {loss:.4f} {auc(values, right):.4f}")
    edits, lengths = np.array([line.edits for line in lines]), np.array([line.length for line in lines])
    owners = np.array([line.set for line in lines])
    names = list(dict.fromkeys(owners.tolist()))
    print(f"\n{'lines':32}   area  by chars    AUC  " + "  ".join(f"{name:>15}" for name in names))
    for name, values in line_candidates(lines).items():
        own = [
            reject_area(values[owners == owner], edits[owners == owner], lengths[owners == owner]) for owner in names
        ]
        print(
            f"{name:32} {reject_area(values, edits, lengths):.4f}    {area_by_characters(values, edits, lengths):.4f} "
            f"{auc(values, edits == 0):.4f}  " + "  ".join(f"{value:15.4f}" for value in own)
        )


if __name__ == "__main__":
    main()
