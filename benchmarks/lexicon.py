"""Measure the effect of a list of words: CER and WER by the cost of an unknown word; time and memory of the list.

    python -m benchmarks.lexicon DATA... --text TEXT... [--words 50000] [-m MODEL] [--costs 1 3 5 7]

DATA are line stores (their `val` split) or Parquet files. The list is made of the `--words` most frequent words of the
texts; a word that is found in small letters too counts as that. Lines are searched with a beam of 16, 16 lines
together, without a language model. `unknown` is the share of the words of DATA, without the signs around them, that the
list does not have.
"""

import argparse
import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.lexicon import Lexicon, LexiconScorer, make_lexicon
from hwr.decode.search import beam_search
from hwr.files.images import decode_image
from hwr.files.texts import read_text
from hwr.line import normalise_line
from hwr.metrics import ErrorCounts, character_errors, word_errors
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.models import load_model
from hwr.store.lines import LineStore
from hwr.text import Alphabet, normalise_text

TOGETHER = 16
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def frequent_words(paths: Sequence[Path], count: int) -> list[str]:
    """Return the most frequent words, in small letters if they occur so."""
    counts: Counter[str] = Counter()
    for path in paths:
        counts.update(WORD.findall(read_text(path).decode()))
    folded: Counter[str] = Counter()
    for word, number in counts.items():
        folded[word.lower() if word.lower() in counts else word] += number
    return [word for word, _ in folded.most_common(count)]


def memory() -> float:
    """Resident MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def unknown_share(lexicon: Lexicon, alphabet: Alphabet, texts: Sequence[str]) -> float:
    """Return the share of words that are charged."""
    scorer = LexiconScorer(lexicon, alphabet, unknown_cost=1.0)
    words = [word for text in texts for word in WORD.findall(text) if not alphabet.missing([word])]
    charged = 0.0
    for word in words:
        state = np.array([scorer.start])
        for label in alphabet.encode(word):
            charged -= float(scorer.scores(state, np.array([[label]]))[0, 0])
            state = scorer.advance(state, np.array([label]))
        charged -= float(scorer.finish(state)[0])
    return charged / max(1, len(words))


def read_all(
    lines: Sequence[NDArray[np.float32]], alphabet: Alphabet, scorer: Scorer | None
) -> tuple[list[str], float]:
    """Return texts, and milliseconds per line; lines of similar length are searched together."""
    order = sorted(range(len(lines)), key=lambda index: len(lines[index]))
    texts = [""] * len(lines)
    start = time.perf_counter()
    for at in range(0, len(order), TOGETHER):
        chosen = order[at : at + TOGETHER]
        for index, found in zip(chosen, beam_search([lines[i] for i in chosen], BeamSettings(), scorer), strict=True):
            texts[index] = normalise_text(alphabet.decode(found[0].labels))
    return texts, 1000 * (time.perf_counter() - start) / len(lines)


def print_row(name: str, references: Sequence[str], found: Sequence[str], taken: float) -> None:
    """Print CER and WER over all lines."""
    pairs = list(zip(references, found, strict=True))
    characters = sum((character_errors(*pair) for pair in pairs), ErrorCounts())
    words = sum((word_errors(*pair) for pair in pairs), ErrorCounts())
    print(f"{name:>14} {characters.rate:8.2%} {words.rate:8.2%} {taken:10.2f}", flush=True)


def main() -> None:
    """Make the list, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--text", nargs="+", type=Path, required=True)
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--costs", nargs="+", type=float, default=[1, 2, 3, 4, 5, 6, 8, 10, math.inf])
    arguments = parser.parse_args()
    runtime = load_model(arguments.model)
    alphabet = runtime.info.make_alphabet()
    words = frequent_words(arguments.text, arguments.words)
    before, start = memory(), time.perf_counter()
    lexicon = make_lexicon(words, alphabet)
    taken, grown = time.perf_counter() - start, memory() - before
    nodes = len(lexicon.tree.other)
    print(f"{lexicon.words} words ({lexicon.skipped} skipped), {nodes} nodes; {taken:.1f} s, {grown:.0f} MiB")
    for path in arguments.data:
        stored = list(LineStore(path, "val"))
        inks = [normalise_line(decode_image(line.image, line.id), runtime.info.height) for line in stored]
        outputs, texts = runtime.log_probs(inks), [line.text for line in stored]
        unknown = unknown_share(lexicon, alphabet, texts)
        print(f"\n{path.name}, model {arguments.model}: {len(texts)} lines, {unknown:.1%} unknown")
        print(f"{'cost':>14} {'CER':>8} {'WER':>8} {'ms a line':>10}")
        print_row("no list", texts, *read_all(outputs, alphabet, None))
        for cost in arguments.costs:
            scorer = LexiconScorer(lexicon, alphabet, unknown_cost=cost)
            print_row(f"{cost:g}", texts, *read_all(outputs, alphabet, scorer))


if __name__ == "__main__":
    main()
