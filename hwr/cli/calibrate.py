"""`hwr calibrate`: calibrate a model's confidences on data whose text is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import (
    COLUMN_NAMES,
    COLUMNS,
    DECODER,
    check_settings_target,
    column_options,
    decoder_options,
    make_columns,
    make_decoder_options,
    model_option,
    set_options,
    settings_options,
)
from hwr.cli.sets import find_sets, read_sets
from hwr.cli.terminal import say, show, show_table
from hwr.cli.values import FILE
from hwr.errors import DataError, Outcome
from hwr.text import counted

if TYPE_CHECKING:
    from hwr.decode.confidence import Calibration
    from hwr.evaluate.calibration import ReadScores


@click.command(
    "calibrate",
    cls=Command,
    sections={
        "Data": ("split", "limit"),
        "Model": ("model", *DECODER),
        "Result": ("write", "output", "force"),
        "Parquet files from elsewhere": COLUMN_NAMES,
    },
    examples=[
        ("hwr calibrate data/iam -m base", "Print the calibration error before and after; store nothing."),
        ("hwr calibrate letters -m my.safetensors --write", "Store the calibration in the model's files."),
    ],
    rules=[Rule("force", needs=("output",))],
)
@click.argument("data", nargs=-1, required=True, type=FILE, metavar="DATA...")
@model_option
@set_options()
@decoder_options
@settings_options("calibration")
@column_options(*COLUMNS)
def command(
    data: tuple[Path, ...],
    model: str,
    split: str,
    limit: int | None,
    decoding: dict[str, Any],
    write: bool,
    output: Path | None,
    force: bool,
    **columns: str,
) -> Outcome:
    """Calibrate confidences on DATA that the model was not trained on: folders with SPLIT.parquet, or .parquet files.

    Prints the calibration error (ECE) of words and lines before and after. "After" is measured on lines that the
    calibration was not fitted to: each set is split in two by writer (by page, if there is one writer), and each half
    is measured with the calibration of the other. The stored calibration is fitted to all lines.

    The beam search is calibrated on the lines in which it used a language model. Lines in no language are left out:
    they get the confidences that --decoder greedy calibrates.
    """
    from hwr.evaluate.calibration import fit, of_one_kind, read_scores
    from hwr.evaluate.sets import Selection
    from hwr.recognize.decoder import GREEDY
    from hwr.recognize.recognizer import Recognizer

    source = check_settings_target(model, write, output, force)
    found, missing = find_sets(data, split)
    selection = Selection(limit, make_columns(columns))
    reader = Recognizer(model, decoder=make_decoder_options(decoding))
    read, failed = read_sets(lambda item, chosen, on_line: read_scores(item, reader, chosen, on_line), found, selection)
    lines = of_one_kind(read)
    calibration = fit(lines)
    if len(lines) < len(read):
        left_out = f"{len(read) - len(lines)} of {len(read)} lines left out"
        say(f"{left_out}: they are in no language; --decoder greedy calibrates them")
    print_report(lines)
    warn_of_few_words(lines)
    show(describe(calibration))
    if write or output is not None:
        store(source, GREEDY if lines[0].predictions is None else reader.decoder.name, calibration, output)
        show(f"stored in {output or source}")
    return Outcome(len(read), failed + len(missing))


def print_report(lines: "Sequence[ReadScores]") -> None:
    """Print the calibration errors before, and after with the calibration of the other half."""
    from hwr.evaluate.calibration import measure_in_halves
    from hwr.evaluate.report import figures_table

    try:
        reports = measure_in_halves(lines)
    except DataError:
        say("too few right or wrong words to measure the halves; the calibration was not checked")
        return
    words = figures_table("calibration error (ECE) of words", ("words", "right", "ECE", "after", "by mass", "after"))
    whole = figures_table("calibration error (ECE) of lines", ("lines", "ECE", "after"))
    for item in reports:
        name, before, after = item.name or "all", item.word_before, item.word_after
        errors = (before.equal_width, after.equal_width, before.equal_mass, after.equal_mass)
        words.add_row(name, f"{item.words:,}", f"{item.right / item.words:.1%}", *(f"{value:.4f}" for value in errors))
        errors_of_lines = (item.line_before.equal_width, item.line_after.equal_width)
        whole.add_row(name, f"{item.lines:,}", *(f"{value:.4f}" for value in errors_of_lines))
    show_table(words)
    show_table(whole)


def warn_of_few_words(lines: "Sequence[ReadScores]") -> None:
    """Say so if the lines have too few right or wrong words for a reliable calibration."""
    from hwr.evaluate.calibration import MIN_OUTCOMES, count_outcomes

    right, wrong = count_outcomes(lines)
    if min(right, wrong) < MIN_OUTCOMES:
        found = f"{counted(right, 'right word')} and {counted(wrong, 'wrong word')}"
        say(f"the calibration is unreliable: it is fitted to {found}; at least {MIN_OUTCOMES} of each are needed")


def describe(calibration: "Calibration") -> str:
    """Return the fitted numbers, on one line."""
    from hwr.decode.confidence import IDENTITY

    parts = [f"temperature {calibration.temperature:.4f}"]
    for name, curve in (("words", calibration.word), ("lines", calibration.line)):
        if curve != IDENTITY:
            a, b, c = curve
            parts.append(f"{name}: {a:.4f} log p - {b:.4f} log(1 - p) {c:+.4f}")
    if calibration.clarity:
        parts.append(f"clarity of the line {calibration.clarity:+.4f}")
    if calibration.language:
        parts.append(f"language model {calibration.language:+.4f}, length {calibration.length:+.4f}")
    return "; ".join(parts)


def store(source: Path, decoder: str, calibration: "Calibration", output: Path | None) -> None:
    """Write the calibration into the model's files or copies of them."""
    from hwr.decode.confidence import SETTINGS_KEY
    from hwr.model.files import update_decoder

    update_decoder(source, {SETTINGS_KEY: {decoder: calibration.settings()}}, output)
