"""Speed of the beam search next to fast-ctc-decode and flashlight-text, and the effect of its pruning.

    python -m benchmarks.decoding_speed DATA... [-m MODEL] [--lines 64] [--steps 200] [--runs 5]
    python -m benchmarks.decoding_speed DATA... --languages CODE
    python -m benchmarks.decoding_speed DATA... --pruning

DATA are line stores (their `val` split) or Parquet files; missing ones are skipped. The model reads them once. The
`--lines` outputs that are nearest to `--steps` time steps long are decoded by all decoders in turn, so that other work
on the machine slows all alike. Times are medians of CPU time. Memory is by how much a decoder raises the peak of its
own process (Linux). Without a compiled search the benchmark refuses to run.

fast-ctc-decode has no language model and its own pruning: labels below 0.1 % are not tried. flashlight runs without a
language model, adds up the paths of a text as ours does, drops hypotheses 50 below the best, and tries all labels or
the 8 most probable ones of each time step.
"""

import argparse
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import memory_of_process
from hwr.decode import numpy_search
from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.compiled import load_library
from hwr.decode.lexicon import LexiconScorer, make_lexicon
from hwr.decode.search import beam_search
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.lm.model import Model
from hwr.lm.scorer import NgramScorer
from hwr.lm.tokens import token_rules
from hwr.metrics import ErrorCounts, character_errors
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.decoder import AUTO, SHIPPED, Decoder, DecoderOptions, make_decoder
from hwr.recognize.models import find_language_model, load_model
from hwr.store.lines import LineStore
from hwr.text import Alphabet

Line = NDArray[np.float32]
Decode = Callable[[list[Line]], object]

WIDTH = 16
TOGETHER = 16


def read_outputs(path: Path, model: str, limit: int | None) -> tuple[Alphabet, list[str], list[Line]]:
    """Texts of a set and what the network says."""
    runtime = load_model(model, threads=1)
    stored = list(itertools.islice(LineStore(path, "val"), limit))
    inks = [normalise_line(decode_image(line.image, line.id), runtime.info.height) for line in stored]
    return runtime.info.make_alphabet(), [line.text for line in stored], runtime.log_probs(inks)


def ours(
    lines: list[Line], scorer: Scorer | None = None, width: int = WIDTH, results: int = 1, together: int = 1
) -> object:
    """Our search, `together` lines at a time, as it is called by a reader."""
    settings = BeamSettings(width=width)
    return [beam_search(lines[at : at + together], settings, scorer, results) for at in range(0, len(lines), together)]


def in_numpy(lines: list[Line], scorer: Scorer | None = None, width: int = WIDTH, together: int = TOGETHER) -> object:
    """Our search without its library."""
    settings = BeamSettings(width=width)
    parts = (lines[at : at + together] for at in range(0, len(lines), together))
    return [numpy_search.search(part, settings, scorer, 1) for part in parts]


def language_scorer(alphabet: Alphabet) -> NgramScorer:
    """Return the shipped English language model with the weight and bonus of the shipped models."""
    model = language_model()
    return NgramScorer(model, token_rules(model.symbols, alphabet), weight=0.65, insertion_bonus=2.0)


def word_scorer(alphabet: Alphabet) -> LexiconScorer:
    """Return the same with a lexicon of 50,000 invented words of the alphabet's small letters."""
    random = np.random.default_rng(0)
    letters = [character for character in alphabet.characters if character.islower()]
    words = {"".join(random.choice(letters, length)) for length in random.integers(2, 12, 50_000)}
    return LexiconScorer(make_lexicon(words, alphabet), alphabet, language_scorer(alphabet))


@cache
def language_model() -> Model:
    """The English one."""
    return find_language_model("en")


def document(lines: list[Line], alphabet: Alphabet, language: str) -> object:
    """All lines as one document, in a language or in the best of all, alignment included."""
    return document_decoder(alphabet, language).decode(lines)


@cache
def document_decoder(alphabet: Alphabet, language: str) -> Decoder:
    """As `hwr recognize` makes it."""
    options = DecoderOptions(language_models=(SHIPPED,), width=32, weight=0.65, insertion_bonus=2.0, language=language)
    return make_decoder(options, {}, alphabet, "the model")


def print_languages(alphabet: Alphabet, lines: list[Line], language: str, runs: int) -> None:
    """Print the time of a document in its language and with all languages competing, in turn."""
    pairs = []
    for _ in range(runs + 1):
        taken = []
        for code in (language, AUTO):
            start = time.process_time()
            document(lines, alphabet, code)
            taken.append(1000 * (time.process_time() - start) / len(lines))
        pairs.append(taken)
    one, every = (statistics.median(values) for values in zip(*pairs[1:], strict=True))
    ratio = statistics.median(second / first for first, second in pairs[1:])
    print(f"document of {len(lines)} lines, beam 32: {language} {one:.2f} ms a line, all languages {every:.2f} ms")
    print(f"all languages over one: {ratio:.2f} (median of {runs} pairs)")


def fast_ctc_decode(lines: list[Line]) -> object:
    """fast-ctc-decode; it takes probabilities."""
    from fast_ctc_decode import beam_search as search

    characters = [chr(0x4E00 + label) for label in range(lines[0].shape[1])]
    return [search(np.exp(line), characters, beam_size=WIDTH, beam_cut_threshold=1e-3) for line in lines]


def flashlight(labels: int | None, lines: list[Line]) -> object:
    """Return flashlight-text without a lexicon, with this many of the most probable labels at each time step;
    None: all.
    """
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


def decoders(alphabet: Alphabet) -> dict[str, Decode]:
    """Return all that are timed; the first is the one that others are compared with."""
    return {
        "ours": ours,
        "ours, language model": partial(ours, scorer=language_scorer(alphabet)),
        "ours, language model, beam 32": partial(ours, scorer=language_scorer(alphabet), width=32),
        "ours, language model, lexicon, beam 32, 5 best": partial(
            ours, scorer=word_scorer(alphabet), width=32, results=5
        ),
        "NumPy, language model, beam 32, alone": partial(
            in_numpy, scorer=language_scorer(alphabet), width=32, together=1
        ),
        f"NumPy, language model, beam 32, {TOGETHER} together": partial(
            in_numpy, scorer=language_scorer(alphabet), width=32
        ),
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
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    before = memory_of_process("VmHWM")
    decode(lines)
    return memory_of_process("VmHWM") - before


def print_speed(alphabet: Alphabet, lines: list[Line], runs: int) -> None:
    """Median milliseconds a line, in turns."""
    steps = statistics.mean(len(line) for line in lines)
    print(f"{len(lines)} lines of {steps:.0f} time steps, {lines[0].shape[1]} classes, beam {WIDTH}")
    every = decoders(alphabet)
    seconds: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(runs + 1):
        for name, decode in every.items():
            start = time.process_time()
            decode(lines)
            seconds[name].append(time.process_time() - start)
    print(f"{'':48} {'CPU ms a line':>10} {'ratio':>7} {'least':>7} {'memory':>10}")
    first = None
    for name, taken in seconds.items():
        median, least = (1000 * value / len(lines) for value in (statistics.median(taken[1:]), min(taken[1:])))
        first = first or median
        print(
            f"{name:48} {median:10.2f} {median / first:7.2f} {least:7.2f} {memory_of(name, alphabet, lines):6.1f} MiB"
        )


def decode_all(lines: list[Line], options: BeamSettings, scorer: Scorer | None) -> tuple[list[tuple[int, ...]], float]:
    """Return the best text of each line as labels, and milliseconds per line; lines of similar length are searched
    together.
    """
    order = sorted(range(len(lines)), key=lambda index: len(lines[index]))
    texts: list[tuple[int, ...]] = [()] * len(lines)
    start = time.process_time()
    for at in range(0, len(order), TOGETHER):
        chosen = order[at : at + TOGETHER]
        for index, found in zip(chosen, beam_search([lines[i] for i in chosen], options, scorer), strict=True):
            texts[index] = found[0].labels
    return texts, 1000 * (time.process_time() - start) / len(lines)


def cer(texts: list[str], found: list[str]) -> float:
    """CER over all lines."""
    return sum((character_errors(*pair) for pair in zip(texts, found, strict=True)), ErrorCounts()).rate


def print_pruning(alphabet: Alphabet, texts: list[str], lines: list[Line]) -> None:
    """Print lines that read differently without pruning, CER and time, without and with the language model."""
    settings = [(2.0, 0.0, lines[0].shape[1]), (0.999, 1e-3, 16), (0.99, 1e-2, 16)]
    print(f"{'model':8} {'blank':>6} {'least':>6} {'labels':>6} {'changed':>8} {'CER':>7} {'ms':>10}")
    for scorer in (None, language_scorer(alphabet)):
        reference = None
        for blank, least, labels in settings:
            pruned = BeamSettings(width=WIDTH, certain_blank=blank, min_probability=least, max_labels=labels)
            found, taken = decode_all(lines, pruned, scorer)
            reference = reference or found
            changed = sum(a != b for a, b in zip(reference, found, strict=True))
            rate = cer(texts, [alphabet.decode(text) for text in found])
            name = "none" if scorer is None else "en"
            print(f"{name:8} {blank:6} {least:6} {labels:6} {changed:8} {rate:7.2%} {taken:10.2f}", flush=True)


def main() -> None:
    """Read the sets and print the requested figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, help="lines of a set that are read")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--languages", metavar="CODE", help="time documents in this language and in all instead")
    parser.add_argument("--pruning", action="store_true")
    arguments = parser.parse_args()
    if load_library() is None:
        parser.error(
            "the compiled search is not there (hwr models says which runs); times of NumPy would not be those of hwr"
        )
    for path in arguments.data:
        if not path.exists():
            print(f"{path}: not there, left out")
            continue
        alphabet, texts, outputs = read_outputs(path, arguments.model, arguments.limit)
        print(f"\n{path.name}, model {arguments.model}")
        if arguments.pruning:
            print_pruning(alphabet, texts, outputs)
            continue
        if arguments.languages:
            print_languages(alphabet, outputs, arguments.languages, arguments.runs)
            continue
        nearest = sorted(outputs, key=lambda line: abs(len(line) - arguments.steps))[: arguments.lines]
        print_speed(alphabet, nearest, arguments.runs)


if __name__ == "__main__":
    main()
