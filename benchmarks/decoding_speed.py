"""How fast the beam search is, what its pruning changes, and how it stands against fast-ctc-decode and flashlight.

    python -m benchmarks.decoding_speed DATA... [-m MODEL] [--lines 64] [--steps 200] [--runs 5]
    python -m benchmarks.decoding_speed DATA... --pruning [--text TEXT]      what pruning changes
    python -m benchmarks.decoding_speed DATA... --profile                    where the time goes

DATA are line stores (their `val` split) or Parquet files; those that are missing are left out. The model reads them
once. Of its outputs the `--lines` that are nearest to `--steps` time steps long are timed: every decoder on one line
after the other, and ours also on 16 together; in turns, so that other work on the machine slows all alike, and the
medians are printed. Memory is by how much a decoder raises the peak of a process of its own (Linux). All beams are 16
wide.

fast-ctc-decode has no language model, and its own pruning: labels below 0.1 % are not tried. flashlight runs without a
language model too, adds up the paths of a text as ours does, drops hypotheses 50 below the best, and tries all labels
or the 8 likeliest of each time step. Ours is timed with the shipped English
language model as well, whose table of states is empty at the start of each run.
"""

import argparse
import cProfile
import itertools
import multiprocessing
import pstats
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Scorer, beam_search
from hwr.decode.lattice import greedy_text
from hwr.files.images import decode_image
from hwr.files.texts import read_text
from hwr.line import normalise_line
from hwr.lm.model import Model
from hwr.lm.scorer import NgramScorer
from hwr.lm.tokens import token_rules
from hwr.metrics import ErrorCounts, character_errors
from hwr.recognize.models import DEFAULT_MODEL, find_language_model, load_model
from hwr.store.lines import LineStore
from hwr.text import Alphabet

Line = NDArray[np.float32]
Decoder = Callable[[list[Line]], object]

WIDTH = 16
TOGETHER = 16


class Trigrams:
    """A stand-in for a language model: scores for every three labels (C, C, C); the state holds the last two labels."""

    start = 0

    def __init__(self, table: NDArray[np.float32]) -> None:
        self.classes = len(table)
        self.table = table.ravel()

    def scores(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.table.take(states[:, None] * self.classes + labels).astype(np.float64)

    def advance(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return states % self.classes * self.classes + labels

    def finish(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.zeros(len(states))


def random_trigrams(classes: int) -> Trigrams:
    """Random scores."""
    return Trigrams(np.random.default_rng(0).normal(-1.5, 1.0, (classes,) * 3).astype(np.float32))


def count_trigrams(alphabet: Alphabet, path: Path, weight: float = 0.4) -> Trigrams:
    """Scores from a text, smoothed as by Witten and Bell (1991) and weighted as suits the shipped models."""
    labels = np.zeros(0x110000, np.int64)
    labels[[ord(character) for character in alphabet.characters]] = np.arange(1, alphabet.classes)
    text = labels[np.frombuffer(read_text(path).decode().encode("utf-32-le"), np.uint32)]
    text = text[text > 0]
    keys = (text[:-2] * alphabet.classes + text[1:-1]) * alphabet.classes + text[2:]
    counts = np.bincount(keys, minlength=alphabet.classes**3).reshape((alphabet.classes,) * 3).astype(np.float32)
    smoothed = np.full(alphabet.classes, 1 / alphabet.classes, np.float32)
    for level in (counts.sum(axis=(0, 1)), counts.sum(axis=0), counts):
        kinds = (level > 0).sum(axis=-1, keepdims=True) + 1
        smoothed = (level + kinds * smoothed) / (level.sum(axis=-1, keepdims=True) + kinds)
    return Trigrams(weight * np.log(smoothed))


def read_outputs(path: Path, model: str, limit: int | None) -> tuple[Alphabet, list[str], list[Line]]:
    """Texts of a set and what the network says."""
    runtime = load_model(model, threads=1)
    stored = list(itertools.islice(LineStore(path, "val"), limit))
    inks = [normalise_line(decode_image(line.image, line.id), runtime.info.height) for line in stored]
    return runtime.info.make_alphabet(), [line.text for line in stored], runtime.log_probs(inks)


def ours(together: int, scorer: Scorer | None, lines: list[Line]) -> object:
    """Our search, `together` lines at a time."""
    options = BeamSettings(width=WIDTH)
    return [beam_search(lines[at : at + together], options, scorer) for at in range(0, len(lines), together)]


def with_model(together: int, width: int, alphabet: Alphabet, lines: list[Line]) -> object:
    """Our search with the shipped English language model, whose table of states is empty at the start."""
    model = language_model()
    scorer = NgramScorer(model, token_rules(model.symbols, alphabet), weight=0.65, insertion_bonus=1.5)
    options = BeamSettings(width=width)
    return [beam_search(lines[at : at + together], options, scorer) for at in range(0, len(lines), together)]


@cache
def language_model() -> Model:
    """The English one."""
    return find_language_model("en")


def fast_ctc_decode(lines: list[Line]) -> object:
    """fast-ctc-decode; it takes probabilities."""
    from fast_ctc_decode import beam_search as search

    characters = [chr(0x4E00 + label) for label in range(lines[0].shape[1])]
    return [search(np.exp(line), characters, beam_size=WIDTH, beam_cut_threshold=1e-3) for line in lines]


def flashlight(labels: int | None, lines: list[Line]) -> object:
    """flashlight-text without a lexicon, with so many of the likeliest labels at each time step; None: all."""
    from flashlight.lib.text import decoder

    classes = lines[0].shape[1]
    options = decoder.LexiconFreeDecoderOptions(
        beam_size=WIDTH,
        beam_size_token=labels or classes,
        beam_threshold=50,
        lm_weight=0,
        sil_score=0,
        log_add=True,
        criterion_type=decoder.CriterionType.CTC,
    )
    search = decoder.LexiconFreeDecoder(options, decoder.ZeroLM(), 0, 0, [])
    return [search.decode(line.ctypes.data, *line.shape)[0].tokens for line in map(np.ascontiguousarray, lines)]


def decoders(alphabet: Alphabet) -> dict[str, Decoder]:
    """All that are timed; the first is the one that others are compared with."""
    return {
        f"ours, {TOGETHER} together": partial(ours, TOGETHER, None),
        "ours, alone": partial(ours, 1, None),
        f"language model, {TOGETHER} together": partial(with_model, TOGETHER, WIDTH, alphabet),
        "language model, alone": partial(with_model, 1, WIDTH, alphabet),
        f"language model, beam {2 * WIDTH}, {TOGETHER} together": partial(with_model, TOGETHER, 2 * WIDTH, alphabet),
        "fast-ctc-decode": fast_ctc_decode,
        "flashlight, all labels": partial(flashlight, None),
        "flashlight, 8 labels a step": partial(flashlight, 8),
    }


def memory_of(name: str, alphabet: Alphabet, lines: list[Line]) -> float:
    """MiB by which a decoder raises the peak of a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (name, alphabet, lines))


def _growth(name: str, alphabet: Alphabet, lines: list[Line]) -> float:
    decode = decoders(alphabet)[name]
    decode(lines[:1])  # imports and first use are not counted
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _peak()
    decode(lines)
    return (_peak() - before) / 1024


def _peak() -> int:
    """Peak of the resident memory in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def print_speed(alphabet: Alphabet, lines: list[Line], runs: int) -> None:
    """Median milliseconds a line, in turns."""
    steps = statistics.mean(len(line) for line in lines)
    print(f"{len(lines)} lines of {steps:.0f} time steps, {lines[0].shape[1]} classes, beam {WIDTH}")
    every = decoders(alphabet)
    seconds: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(runs + 1):
        for name, decode in every.items():
            start = time.perf_counter()
            decode(lines)
            seconds[name].append(time.perf_counter() - start)
    print(f"{'':40} {'ms a line':>10} {'ratio':>7} {'least':>7} {'memory':>10}")
    first = None
    for name, taken in seconds.items():
        median, least = (1000 * value / len(lines) for value in (statistics.median(taken[1:]), min(taken[1:])))
        first = first or median
        print(
            f"{name:40} {median:10.2f} {median / first:7.2f} {least:7.2f} {memory_of(name, alphabet, lines):6.1f} MiB"
        )


def decode_all(lines: list[Line], options: BeamSettings, scorer: Scorer | None) -> tuple[list[tuple[int, ...]], float]:
    """The best text of each line as labels, and milliseconds a line; lines of like length are searched together."""
    order = sorted(range(len(lines)), key=lambda index: len(lines[index]))
    texts: list[tuple[int, ...]] = [()] * len(lines)
    start = time.perf_counter()
    for at in range(0, len(order), TOGETHER):
        chosen = order[at : at + TOGETHER]
        for index, found in zip(chosen, beam_search([lines[i] for i in chosen], options, scorer), strict=True):
            texts[index] = found[0].labels
    return texts, 1000 * (time.perf_counter() - start) / len(lines)


def cer(texts: list[str], found: list[str]) -> float:
    """CER over all lines."""
    return sum((character_errors(*pair) for pair in zip(texts, found, strict=True)), ErrorCounts()).rate


def print_pruning(trigrams: Scorer, alphabet: Alphabet, texts: list[str], lines: list[Line]) -> None:
    """How many texts differ from those without pruning, CER and time, by the options that prune."""
    greedy = [greedy_text(line, alphabet) for line in lines]
    print(f"{len(lines)} lines; CER of the best path {cer(texts, greedy):.2%}")
    print(f"{'scorer':8} {'blank':>6} {'least':>6} {'labels':>6} {'changed':>8} {'CER':>7} {'ms a line':>10}")
    settings = [(2.0, 0.0, alphabet.classes), *itertools.product((0.99, 0.999, 2.0), (1e-2, 1e-3, 1e-4), (16,))]
    settings += [(0.999, 1e-3, labels) for labels in (8, alphabet.classes)]
    for scorer in (None, trigrams):
        reference = None
        for blank, least, labels in settings:
            pruned = BeamSettings(width=WIDTH, certain_blank=blank, min_probability=least, max_labels=labels)
            found, taken = decode_all(lines, pruned, scorer)
            reference = reference or found
            changed = sum(a != b for a, b in zip(reference, found, strict=True))
            rate = cer(texts, [alphabet.decode(text) for text in found])
            name = "trigrams" if scorer else "none"
            print(f"{name:8} {blank:6} {least:6} {labels:6} {changed:8} {rate:7.2%} {taken:10.2f}", flush=True)


def print_profile(alphabet: Alphabet, lines: list[Line]) -> None:
    """The functions that take longest, with the language model, 16 lines together."""
    with_model(TOGETHER, WIDTH, alphabet, lines[:1])  # the file is mapped, its suffixes are found
    profile = cProfile.Profile()
    profile.runcall(with_model, TOGETHER, WIDTH, alphabet, lines)
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(20)


def main() -> None:
    """Read the sets and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, help="lines of a set that are read")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pruning", action="store_true")
    parser.add_argument("--text", type=Path, help="text for the stand-in of --pruning; random scores without")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    for path in arguments.data:
        if not path.exists():
            print(f"{path}: not there, left out")
            continue
        alphabet, texts, outputs = read_outputs(path, arguments.model, arguments.limit)
        print(f"\n{path.name}, model {arguments.model}")
        if arguments.pruning:
            trigrams = count_trigrams(alphabet, arguments.text) if arguments.text else random_trigrams(alphabet.classes)
            print_pruning(trigrams, alphabet, texts, outputs)
            continue
        nearest = sorted(outputs, key=lambda line: abs(len(line) - arguments.steps))[: arguments.lines]
        if arguments.profile:
            print_profile(alphabet, nearest)
        else:
            print_speed(alphabet, nearest, arguments.runs)


if __name__ == "__main__":
    main()
