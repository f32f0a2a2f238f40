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

from benchmarks.decoding_speed import Line, decode_all, read_outputs
from benchmarks.shared import memory_of_process
from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.lexicon import Lexicon, LexiconScorer, make_lexicon
from hwr.files.texts import read_text
from hwr.metrics import ErrorCounts, character_errors, word_errors
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.models import load_model
from hwr.text import Alphabet

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


def print_row(
    name: str, references: Sequence[str], lines: list[Line], alphabet: Alphabet, scorer: Scorer | None
) -> None:
    """Search all lines; print CER, WER and CPU time."""
    found, taken = decode_all(lines, BeamSettings(), scorer)
    pairs = [(text, alphabet.decode(labels)) for text, labels in zip(references, found, strict=True)]
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
    alphabet = load_model(arguments.model).info.make_alphabet()
    words = frequent_words(arguments.text, arguments.words)
    before, start = memory_of_process("VmRSS"), time.perf_counter()
    lexicon = make_lexicon(words, alphabet)
    taken, grown = time.perf_counter() - start, memory_of_process("VmRSS") - before
    nodes = len(lexicon.tree.other)
    print(f"{lexicon.words} words ({lexicon.skipped} skipped), {nodes} nodes; {taken:.1f} s, {grown:.0f} MiB")
    for path in arguments.data:
        _, texts, outputs = read_outputs(path, arguments.model, None)
        unknown = unknown_share(lexicon, alphabet, texts)
        print(f"\n{path.name}, model {arguments.model}: {len(texts)} lines, {unknown:.1%} unknown")
        print(f"{'cost':>14} {'CER':>8} {'WER':>8} {'ms a line':>10}")
        print_row("no list", texts, outputs, alphabet, None)
        for cost in arguments.costs:
            scorer = LexiconScorer(lexicon, alphabet, unknown_cost=cost)
            print_row(f"{cost:g}", texts, outputs, alphabet, scorer)


if __name__ == "__main__":
    main()
