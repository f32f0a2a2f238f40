"""Measure how close the edges of word boxes are to the true ones, and the cost of aligning a line.

    python -m benchmarks.alignment [../shared/data/iam-words/train.parquet] [-m small -m base] [--lines 300] [--gaps 1]

Lines are composed of single-word images of one hand (`hwr.synth.words`): words and marks on a wavy baseline, with
random gaps, then sheared and scaled, on grey paper with grain. As each word is pasted separately, its true box, the
extent of its ink, is known. It is compared, in pixels on a line image that is 64 rows high, with:

    aligned   the boxes of `hwr align` with the true text
    read      the boxes of `hwr recognize`, for words that are read right in lines with the right number of words
    spread    the same words with time steps spread evenly over the image

The models were trained on lines and words of these hands: that makes reading easier than it is on other hands, and
says little of where a word is put. Printed are median and 90th percentile of the absolute error of left and right
edges, their median with its sign (a positive one: too far to the right), the share of edges that are off by more than 8
pixels, and the milliseconds a line.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator

from hwr.decode.confidence import read_spans
from hwr.decode.lattice import align, best_path
from hwr.decode.reading import CharacterSpan
from hwr.files.images import GreyImage
from hwr.line import NormalisedLine, normalise_with_places
from hwr.page.geometry import bounding_box
from hwr.page.page import Box
from hwr.recognize.alignment import Aligner, KnownLine
from hwr.recognize.models import load_model
from hwr.recognize.words import find_words
from hwr.synth import words as composing
from hwr.text import normalise_text

WORDS = Path("../shared/data/iam-words/train.parquet")
HEIGHT = 64
PAPER, DEPTH, GRAIN = 225, 0.75, 4.0
VISIBLE = 60
"""Ink of a composed line, 0 to 255, that counts for the true box."""

FAR = 8
"""An edge that is off by more pixels than this is far off."""
TIMED = 100
"""Lines that are timed."""
Edges = list[tuple[float, float]]


@dataclass(frozen=True)
class ComposedLine:
    """A line image with the boxes of the words of its text."""

    image: GreyImage
    text: str
    boxes: tuple[Box, ...]


def compose(composer: composing.WordComposer, generator: Generator, gaps: float) -> ComposedLine:
    """Compose a line in a random hand, with the boxes of its words; gaps between words are `gaps` times as wide."""
    while True:
        hand = composer._hand(composer.writers[int(generator.integers(len(composer.writers)))])
        if len(hand.words) >= composing.FEWEST_WORDS:
            break
    parts = composing._choose(hand, generator)
    groups: list[list[int]] = []
    for number, part in enumerate(parts):
        if groups and part.joined:
            groups[-1].append(number)
        else:
            groups.append([number])
    inks = []
    state = copy.deepcopy(generator)
    for group in groups:
        # the same random numbers, but the ink of one word alone
        alone = [part if number in group else _without_ink(part) for number, part in enumerate(parts)]
        generator = copy.deepcopy(state)
        inks.append(composing._vary(composing._paste(alone, generator), generator))
    inks = move_closer(inks, gaps)
    text = normalise_text(" ".join("".join(parts[number].word.text for number in group) for group in groups))
    grain = generator.normal(0, GRAIN, inks[0].shape)
    image = np.clip(PAPER - DEPTH * np.maximum.reduce(inks) + grain, 0, 255).astype(np.uint8)
    return ComposedLine(image, text, tuple(map(ink_box, inks)))


def move_closer(inks: Sequence[GreyImage], gaps: float) -> list[GreyImage]:
    """Words, each on a canvas of its own, moved to the left so that the gaps between their boxes shrink."""
    boxes = [ink_box(ink) for ink in inks]
    drops = [(1 - gaps) * max(0.0, right[0] - left[2]) for left, right in pairwise(boxes)]
    shifts = np.concatenate(([0], np.cumsum(drops))).round().astype(int).tolist()
    width = inks[0].shape[1] - shifts[-1]
    return [ink[:, shift : shift + width] for ink, shift in zip(inks, shifts, strict=True)]


def _without_ink(part: composing._Part) -> composing._Part:
    return replace(part, word=replace(part.word, ink=np.zeros_like(part.word.ink)))


def ink_box(ink: GreyImage) -> Box:
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
    ink = [normalise_with_places(line.image, info.height).ink for line in lines]
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
        normalised = normalise_with_places(line.image, info.height)
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
    parser.add_argument("--gaps", type=float, default=1.0, help="width of gaps, as a share of what the composer makes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    composer = composing.WordComposer(arguments.words)
    lines = [compose(composer, random, arguments.gaps) for random in generator.spawn(arguments.lines)]
    for model in arguments.model or ["small", "base"]:
        measure(model, lines)


if __name__ == "__main__":
    main()
