"""Measure how close the edges of word boxes are to the true ones, and the cost of aligning a line.

    python -m benchmarks.alignment [../shared/data/iam-words/train.parquet] [-m small -m base] [--lines 300] [--gaps 1]

Lines are composed of single-word images of one hand, with random gaps, on grey paper with grain. As each word is pasted
separately, its true box, the extent of its ink, is known. It is compared, in pixels on a line image that is 64 rows
high, with:

    aligned   the boxes of `hwr align` with the true text
    read      the boxes of `hwr recognize`, for words that are read correctly in lines with the right number of words
    spread    the boxes of the same words, with time steps spread evenly over the image

The models were trained on lines and words of these hands, so they read them better than other hands; this says little
about where they place a word. The table gives the median and the 90th percentile of the absolute error of left and
right edges, their signed median (positive: too far to the right), the share of edges that are off by more than 8
pixels, and the milliseconds for a line.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwr.decode.confidence import read_spans
from hwr.decode.lattice import align, best_path
from hwr.decode.reading import CharacterSpan
from hwr.files.images import GreyImage, decode_image
from hwr.line import NormalisedLine, normalise_with_map
from hwr.page.geometry import bounding_box
from hwr.page.page import Box
from hwr.recognize.alignment import Aligner, KnownLine
from hwr.recognize.models import load_model, model_names
from hwr.recognize.words import find_words
from hwr.store.lines import LineStore
from hwr.text import normalise_text

WORDS = Path("../shared/data/iam-words/train.parquet")
HEIGHT = 64
ROWS, MARGIN, MIN_WORDS = 80, 12, 5
"""Rows of a composed line, columns of paper at its ends, words of a hand."""
PAPER, DEPTH, GRAIN, FLOOR = 225, 0.75, 4.0, 12.0
"""Grey level of the paper, darkness of the ink, noise, and depth below which a pixel of a word is paper."""
VISIBLE = 60
"""Ink of a composed line, 0 to 255, that counts for the true box."""

FAR = 8
"""An edge that is off by more pixels than this is far off."""
TIMED = 100
"""Lines that are timed."""
Edges = list[tuple[float, float]]
Ink = NDArray[np.float64]


@dataclass(frozen=True)
class ComposedLine:
    """A line image with the boxes of the words of its text."""

    image: GreyImage
    text: str
    boxes: tuple[Box, ...]


def read_hands(path: Path) -> list[list[tuple[str, Ink]]]:
    """Return the words of each writer with enough of them: the text, and the ink, 0 paper to 255."""
    hands: dict[str, list[tuple[str, Ink]]] = {}
    for row in LineStore(path):
        text = normalise_text(row.text)
        if row.writer is not None and text.isalnum():
            grey = decode_image(row.image, row.id).astype(np.float64)
            ink = np.clip(np.percentile(grey, 75) - grey - FLOOR, 0, 255)
            hands.setdefault(row.writer, []).append((text, ink))
    return [words for words in hands.values() if len(words) >= MIN_WORDS]


def compose(hands: Sequence[list[tuple[str, Ink]]], generator: Generator, gaps: float) -> ComposedLine:
    """Compose a line in a random hand, with the boxes of its words; gaps between words are `gaps` times as wide."""
    hand = hands[int(generator.integers(len(hands)))]
    words = [hand[int(number)] for number in generator.integers(len(hand), size=int(generator.integers(3, 10)))]
    canvas = np.zeros((ROWS, sum(ink.shape[1] + ROWS for _, ink in words)))
    boxes, x, end = [], MARGIN, 0
    for _, ink in words:
        rows, columns = ink.shape
        top = int(np.clip((ROWS - rows) / 2 + generator.normal(0, 2), 0, ROWS - rows))
        box = ink_box(ink)
        canvas[top : top + rows, x : x + columns] = np.maximum(canvas[top : top + rows, x : x + columns], ink)
        boxes.append((x + box[0], top + box[1], x + box[2], top + box[3]))
        end = x + columns + MARGIN
        x += round(columns + gaps * generator.uniform(0.2, 0.7) * HEIGHT)
    image = PAPER - DEPTH * canvas[:, :end] + generator.normal(0, GRAIN, (ROWS, end))
    return ComposedLine(np.clip(image, 0, 255).astype(np.uint8), " ".join(text for text, _ in words), tuple(boxes))


def ink_box(ink: Ink) -> Box:
    """Return the extent of the visible ink."""
    columns, rows = (np.flatnonzero((ink > VISIBLE).any(axis=axis)) for axis in (0, 1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def placed(characters: Sequence[CharacterSpan], line: NormalisedLine, stride: int) -> Edges:
    """Return the left and right edge of each word on the image."""
    boxes = [bounding_box(word.outline) for word in find_words(characters, line, stride)]
    return [(box[0], box[2]) for box in boxes]


def spread(characters: Sequence[CharacterSpan], steps: int, width: int) -> Edges:
    """Return the same from the time steps alone: a word extends half a character's usual distance beyond its
    outer marks.
    """
    usual = (characters[-1].stop - characters[0].start) / len(characters)
    middles = [(span.start + span.stop) / 2 for span in characters]
    edges, first = [], 0
    for number in range(len(characters) + 1):
        if number < len(characters) and characters[number].character != " ":
            continue
        left = max(characters[first].start - usual / 2, middles[first - 1] if first else 0.0)
        right = min(characters[number - 1].stop + usual / 2, middles[number] if number < len(middles) else steps)
        edges.append((left * width / steps, right * width / steps))
        first = number + 1
    return edges


def errors(edges: Edges, line: ComposedLine) -> list[tuple[float, float]]:
    """Return the signed errors of left and right edges in pixels at height 64."""
    scale = HEIGHT / line.image.shape[0]
    return [
        (scale * (left - box[0]), scale * (right - box[2]))
        for (left, right), box in zip(edges, line.boxes, strict=True)
    ]


def print_errors(name: str, found: list[tuple[float, float]]) -> None:
    """Print one row: count, then median and 90th percentile of left and right edges."""
    away = np.array(found)
    figures = []
    for column in (0, 1):
        low, high = np.percentile(np.abs(away[:, column]), [50, 90])
        figures.append(f"{low:8.1f} {high:8.1f} {np.median(away[:, column]):+8.1f}")
    print(f"{name:10} {len(found):7} " + "   ".join(figures) + f" {100 * (np.abs(away) > FAR).mean():8.2f}")


def print_time(aligner: Aligner, lines: Sequence[ComposedLine]) -> None:
    """Print the median milliseconds of processor time for aligning a line, one at a time, and for its parts."""
    known = [KnownLine("line", line.image, line.text, "line") for line in lines]
    info = aligner.info
    runtime = load_model(info.name, threads=1)
    ink = [normalise_with_map(line.image, info.height).ink for line in lines]
    log_probs = [runtime.log_probs([line])[0] for line in ink]
    labels = [aligner.alphabet.encode(line.text) for line in lines]
    parts: dict[str, Callable[[int], object]] = {
        "a line": lambda number: aligner.align_lines([known[number]]),
        "network": lambda number: runtime.log_probs([ink[number]]),
        "path": lambda number: align(log_probs[number], labels[number]),
    }
    figures = []
    for name, work in parts.items():
        seconds = []
        for number in range(len(lines)):
            start = time.process_time()
            work(number)
            seconds.append(time.process_time() - start)
        figures.append(f"{name} {1000 * statistics.median(seconds):.1f}")
    print(f"milliseconds of processor time, line by line on one thread (median): {', '.join(figures)}")


def measure(model: str, lines: Sequence[ComposedLine]) -> None:
    """Print the figures of one model."""
    runtime = load_model(model, threads=1)
    info, alphabet = runtime.info, runtime.info.make_alphabet()
    found: dict[str, list[tuple[float, float]]] = {"aligned": [], "read": [], "spread": []}
    usable = [line for line in lines if not alphabet.missing([line.text])]
    for line in usable:
        normalised = normalise_with_map(line.image, info.height)
        log_probs = runtime.log_probs([normalised.ink])[0]
        labels = alphabet.encode(line.text)
        spans = [
            CharacterSpan(character, 1.0, span.start, span.stop)
            for character, span in zip(line.text, align(log_probs, labels), strict=True)
        ]
        found["aligned"] += errors(placed(spans, normalised, info.stride), line)
        reading = read_spans([log_probs], [best_path(log_probs)], alphabet)[0]
        found_words, true_words = reading.text.split(), line.text.split()
        if len(found_words) != len(true_words):
            continue
        right = [a == b for a, b in zip(found_words, true_words, strict=True)]
        width = line.image.shape[1]
        for name, edges in (
            ("read", placed(reading.characters, normalised, info.stride)),
            ("spread", spread(reading.characters, len(log_probs), width)),
        ):
            found[name] += [pair for pair, good in zip(errors(edges, line), right, strict=True) if good]
    print(f"\n{model}: {len(usable)} lines, edges in pixels at height {HEIGHT}")
    heads = "   ".join(f"{side:>8} {'90 %':>8} {'bias':>8}" for side in ("left", "right"))
    print(f"{'':10} {'words':>7} {heads} {'far %':>8}")
    for name, pairs in found.items():
        print_errors(name, pairs)
    print_time(Aligner(model, threads=1), usable[:TIMED])


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="?", type=Path, default=WORDS)
    parser.add_argument("-m", "--model", action="append")
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--gaps", type=float, default=1.0, help="factor of the gaps between words")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    hands = read_hands(arguments.words)
    lines = [compose(hands, random, arguments.gaps) for random in generator.spawn(arguments.lines)]
    for model in arguments.model or model_names():
        measure(model, lines)


if __name__ == "__main__":
    main()
