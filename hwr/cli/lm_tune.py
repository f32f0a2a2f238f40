"""`hwr lm tune`: find the best decoder settings for a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import (
    COLUMN_NAMES,
    COLUMNS,
    check_settings_target,
    column_options,
    make_columns,
    model_option,
    set_options,
    settings_options,
)
from hwr.cli.completion import complete_language, complete_language_model
from hwr.cli.sets import find_sets, read_sets
from hwr.cli.terminal import say, show, show_table
from hwr.cli.values import FILE
from hwr.errors import Outcome
from hwr.settings import to_dict
from hwr.text import counted

if TYPE_CHECKING:
    from collections import Counter

    from hwr.decode.beam import BeamSettings
    from hwr.evaluate.sets import Selection
    from hwr.evaluate.tuning import Trial, Tuning

MIN_LINES = 100
"""Lines that are enough to tune on; with fewer, a warning."""


@click.command(
    "tune",
    cls=Command,
    sections={
        "Data": ("split", "limit"),
        "Model": ("model", "names", "language"),
        "Result": ("write", "output", "force"),
        "Parquet files from elsewhere": COLUMN_NAMES,
    },
    examples=[
        ("hwr lm tune data/iam -m base", "Print what the search gains with each setting; store nothing."),
        ("hwr lm tune letters -m my.safetensors --lm fr --write", "Store the best settings for French."),
    ],
    rules=[Rule("force", needs=("output",))],
)
@click.argument("data", nargs=-1, required=True, type=FILE, metavar="DATA...")
@model_option
@click.option(
    "--lm",
    "names",
    multiple=True,
    metavar="NAME|FILE",
    shell_complete=complete_language_model,
    help="Language model to search with. Repeat it to let several compete; shipped: all that ship.  [default: shipped]",
)
@click.option(
    "--language",
    default="auto",
    show_default=True,
    metavar="CODE|auto",
    shell_complete=complete_language,
    help="Language of DATA; auto detects it for each set, and for lines that differ.",
)
@set_options()
@settings_options("settings")
@column_options(*COLUMNS)
def command(
    data: tuple[Path, ...],
    model: str,
    names: tuple[str, ...],
    language: str,
    split: str,
    limit: int | None,
    write: bool,
    output: Path | None,
    force: bool,
    **columns: str,
) -> Outcome:
    """Find language-model weight, insertion bonus, beam width and blank scale on DATA that is new to the model.

    Prints the CER for each weight and bonus, and the gain of the search on lines that it was not tuned on: each set is
    split in two by writer (by page, if there is one writer), and each half is read with the best settings of the other.
    The stored settings are tuned on all lines; `hwr recognize` and `hwr eval` then use them by default.
    """
    from hwr.evaluate.sets import Selection
    from hwr.model.files import update_decoder
    from hwr.recognize.decoder import BEAM

    source = check_settings_target(model, write, output, force)
    tuning, outcome = search(data, split, Selection(limit, make_columns(columns)), model, names, language)
    print_surface(tuning)
    print_halves(tuning)
    for name, counts in tuning.languages.items():
        show(f"{name}: {describe_languages(counts)}")
    if len(tuning.lines) < MIN_LINES:
        lines = counted(len(tuning.lines), "line")
        say(f"the settings are unreliable: they are tuned on {lines}; {MIN_LINES} are enough")
    chosen = tuning.chosen.settings
    show(f"best on all lines: {describe(chosen)}")
    if write or output is not None:
        update_decoder(source, {BEAM: to_dict(chosen)}, output)
        show(f"stored in {output or source}")
    return outcome


def search(
    data: Sequence[Path],
    split: str,
    selection: "Selection",
    model: str,
    names: Sequence[str],
    language: str,
) -> "tuple[Tuning, Outcome]":
    """Read the sets with the network once, and try the settings on its output."""
    from hwr.decode.beam import BeamSettings
    from hwr.evaluate.tuning import read_network_lines, tune
    from hwr.recognize.decoder import BEAM, SHIPPED, Decoder, DecoderOptions, make_decoder
    from hwr.recognize.recognizer import Recognizer

    found, missing = find_sets(data, split)
    recognizer = Recognizer(model, decoder=DecoderOptions("greedy"))

    def make(settings: BeamSettings) -> Decoder:
        return make_decoder(
            DecoderOptions(BEAM, language=language), {BEAM: to_dict(settings)}, recognizer.alphabet, model
        )

    # A file is stored with its absolute path: the model is used from other folders too.
    files = tuple(str(Path(name).resolve()) if Path(name).is_file() else name for name in names)
    start = BeamSettings(language_models=files or (SHIPPED,))
    make(start)  # fails now, not after the reading, if a language model cannot be used
    lines, failed = read_sets(
        lambda item, chosen, on_line: read_network_lines(item, recognizer, chosen, on_line), found, selection
    )
    tuning = tune(lines, start, make, recognizer.alphabet, on_trial=report)
    return tuning, Outcome(len(lines), failed + len(missing))


def describe(settings: "BeamSettings") -> str:
    """Return the tuned settings, on one line."""
    return (
        f"weight {settings.weight:g}, insertion bonus {settings.insertion_bonus:g}, "
        f"width {settings.width}, blank scale {settings.blank_scale:g}"
    )


def describe_languages(counts: "Counter[str]") -> str:
    """Return the languages in which the lines were read, each with its share, the most frequent first."""
    total = counts.total()
    return ", ".join(f"{code or 'no language'} {count / total:.0%}" for code, count in counts.most_common())


def report(trial: "Trial", value: float) -> None:
    """Print a trial on stderr."""
    say(f"{describe(trial.settings)}: {value:.4f} of the greedy CER")


def print_surface(tuning: "Tuning") -> None:
    """Print the CER for each weight and bonus as a share of the greedy decoder's, mean over the sets."""
    from hwr.evaluate.report import figures_table
    from hwr.evaluate.tuning import by_set, objective

    sets = list(by_set(tuning.lines).values())
    values = {
        (trial.settings.weight, trial.settings.insertion_bonus): objective(trial.edits, tuning.greedy, sets)
        for trial in tuning.surface
    }
    bonuses = sorted({bonus for _, bonus in values})
    columns = [f"{bonus:g}" for bonus in bonuses]
    table = figures_table("CER relative to greedy, mean of the sets", columns, rows="weight \\ bonus")
    for weight in sorted({weight for weight, _ in values}):
        table.add_row(f"{weight:g}", *(f"{values[weight, bonus]:.3f}" for bonus in bonuses))
    show_table(table)


def print_halves(tuning: "Tuning") -> None:
    """Print each set, read greedily and with the settings that were chosen on lines of other writers."""
    from hwr.evaluate.report import figures_table
    from hwr.evaluate.tuning import judge_in_halves

    judged, chosen = judge_in_halves(tuning)
    cer, wer = (figures_table(rate, ("lines", "greedy", "beam", "change")) for rate in ("CER", "WER"))
    for item in judged:
        for table, greedy, beam in ((cer, item.greedy.cer, item.beam.cer), (wer, item.greedy.wer, item.beam.wer)):
            table.add_row(item.name, f"{item.lines:,}", f"{greedy:.4f}", f"{beam:.4f}", change(greedy, beam))
    show("tuned on one half and measured on the other, in both directions:")
    show_table(cer)
    show_table(wer)
    for number, settings in enumerate(chosen, start=1):
        show(f"chosen on half {number}: {describe(settings)}")


def change(before: float, after: float) -> str:
    """Return the relative change in per cent."""
    return f"{after / before - 1:+.1%}" if before > 0 else "-"
