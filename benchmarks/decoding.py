"""Measure beam search and language models on lines that they were not tuned on.

    python -m benchmarks.decoding DATA... [-m MODEL]... [--limit N]

For each model, weights and bonuses are tried on all lines. Each set is split in two by writer (by page, if there is one
writer), and each half is read with the best settings of the other. Prints CER and WER, greedy and beam, and of a beam
without a language model. It takes as long as `hwr lm tune`, but stores nothing.

    python -m benchmarks.decoding --leaks TEXT... --validation DATA...

Counts the validation lines of 25 characters or more that occur as a whole in the texts of a language model.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hwr.decode.beam import BeamSettings
from hwr.evaluate.lines import ReadLine, UnreadableLines
from hwr.evaluate.sets import find_sets
from hwr.evaluate.tuning import by_set, judge_in_halves, measure, read_network_lines, tune
from hwr.lm.corpus import clean, load_text
from hwr.recognize.decoder import BEAM, DecoderOptions, make_decoder
from hwr.recognize.models import language_model_names
from hwr.recognize.recognizer import Recognizer
from hwr.settings import to_dict
from hwr.store.columns import open_parquet
from hwr.store.splits import find_split

LONG = 25
"""Minimum characters of a line: shorter ones occur in any long text."""


def name_unreadable(line: ReadLine) -> None:
    """Print a line that could not be opened."""
    if isinstance(line, UnreadableLines):
        print(f"{line.set}: {line.id}: {line.error}")


def change(before: float, after: float) -> str:
    """Return the relative change in per cent."""
    return f"{after / before - 1:+.1%}" if before > 0 else "-"


def measure_model(data: Sequence[Path], model: str, limit: int | None) -> None:
    """Print the gain of tuning on one half for the other."""
    recognizer = Recognizer(model, decoder=DecoderOptions("greedy"))
    sets, _ = find_sets(data, "val")
    lines = [line for one in sets for line in read_network_lines(one, recognizer, limit=limit, on_line=name_unreadable)]
    start = BeamSettings(language_models=tuple(language_model_names()))

    def make(settings: BeamSettings):  # type: ignore[no-untyped-def]
        return make_decoder(DecoderOptions(BEAM), {BEAM: to_dict(settings)}, recognizer.alphabet, model)

    tuning = tune(lines, start, make, recognizer.alphabet)
    print(f"\n{model}, language models {', '.join(start.language_models)}")
    for item in judge_in_halves(tuning)[0]:
        rates = [("CER", item.greedy.cer, item.beam.cer), ("WER", item.greedy.wer, item.beam.wer)]
        shown = [
            f"{name} greedy {before:.4f}, beam {after:.4f} ({change(before, after)})" for name, before, after in rates
        ]
        print(f"{item.name}, {item.lines} lines: {'; '.join(shown)}")
    alone = measure(lines, make(BeamSettings(weight=0.0, insertion_bonus=0.0)), recognizer.alphabet)
    for name, members in by_set(lines).items():
        greedy, beam = tuning.greedy[members].cer, alone[members].cer
        print(f"{name}: beam without a language model {beam:.4f} ({change(greedy, beam)})")


def count_leaks(texts: Sequence[Path], validation: Sequence[Path]) -> None:
    """Print the validation lines that occur in the texts."""
    corpus = "\n".join(" ".join(load_text(path, wrap=0).lines) for path in texts if not path.is_dir())
    corpus += "\n".join("\n".join(load_text(path).lines) for path in texts if path.is_dir())
    for path in validation:
        column = open_parquet(find_split(path, "val")[0]).read(columns=["text"])["text"]
        lines = [clean(text or "", plain=True) for text in column.to_pylist()]
        long = [line for line in lines if len(line) >= LONG]
        found = sum(line in corpus for line in long)
        print(f"{path.name}: {found} of {len(long)} long lines occur in the texts")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("-m", "--model", action="append", dest="models")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--leaks", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--validation", nargs="+", type=Path, default=[], metavar="DATA")
    arguments = parser.parse_args()
    if arguments.leaks:
        count_leaks(arguments.leaks, arguments.validation)
        return
    if not arguments.data:
        parser.error("name the sets to measure on")
    for model in arguments.models or ["small"]:
        measure_model(arguments.data, model, arguments.limit)


if __name__ == "__main__":
    main()
