"""`hwr calibrate`: make a model's confidences true on data whose text is known."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.decoder_options import decoder_options, make_options
from hwr.cli.eval import column_options, complain, find
from hwr.cli.sets import read_sets
from hwr.errors import EXIT_OK, EXIT_PARTIAL, DataError, MissingDependency, UsageError

if TYPE_CHECKING:
    from hwr.decode.confidence import Calibration
    from hwr.evaluate.calibration import ReadScores

SUFFIXES = (".safetensors", ".onnx")


@click.command(name="calibrate")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATA...")
@click.option("-m", "--model", metavar="NAME|FILE", help="Installed model or model file.  [default: small]")
@click.option("--split", default="val", show_default=True, help="The part of a folder: FOLDER/SPLIT.parquet.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read the first N lines of each set only.")
@decoder_options
@click.option("--write", is_flag=True, help="Store the calibration in the model's files.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Store it in copies of the files, of this name.")
@column_options
@click.pass_context
def command(
    context: click.Context,
    /,
    data: tuple[Path, ...],
    model: str | None,
    split: str,
    limit: int | None,
    decoding: dict[str, Any],
    write: bool,
    output: Path | None,
    **columns: str,
) -> None:
    """Fit the confidences of a model to DATA that it was not trained on: folders with SPLIT.parquet, or .parquet files.

    Prints the calibration error (ECE) of words and lines before and after. "After" is measured on lines that were not
    fitted to: each set is cut in two by writer (by page, where there is one writer), and each half is measured with
    the calibration of the other. What is stored is fitted to all lines.
    """
    from hwr.evaluate.calibration import fit, read_scores
    from hwr.evaluate.evaluation import EvaluationOptions
    from hwr.recognize.models import DEFAULT_MODEL
    from hwr.recognize.recognizer import Recognizer
    from hwr.store.columns import Columns

    model = model or DEFAULT_MODEL
    source = model_file(model)
    check_output(source, write, output)
    names = Columns(**{option.removesuffix("_column"): name for option, name in columns.items()})
    found, missing = find(data, split)
    options = EvaluationOptions(limit, names)
    reader = Recognizer(model, decoder=make_options(decoding))
    lines, complete = read_sets(
        lambda source, on_line: read_scores(source, reader, options.columns, options.limit, on_line), found, options
    )
    calibration = fit(lines)
    print_report(lines)
    click.echo(describe(calibration))
    if write or output is not None:
        store(source, reader.decoder.name, calibration, output)
        click.echo(f"stored in {output or source}")
    context.exit(EXIT_OK if complete and not missing else EXIT_PARTIAL)


def model_file(model: str) -> Path:
    """The file that holds the model's facts."""
    from hwr.recognize.models import find_model

    files = find_model(model)
    path = files.safetensors or files.onnx
    assert path is not None
    return path


def check_output(source: Path, write: bool, output: Path | None) -> None:
    """Find what keeps the result from being stored before the reading, which takes minutes."""
    from hwr.recognize.models import find_model

    if write and output is not None:
        raise UsageError("--write changes the model's own files, -o makes new ones: give one of them")
    if output is not None and output.suffix not in SUFFIXES:
        raise UsageError(f"{output}: name a model file, {' or '.join(SUFFIXES)}")
    network = find_model(str(source)).onnx
    if (write or output) and network is not None and importlib.util.find_spec("onnx") is None:
        raise MissingDependency("to change an ONNX file, onnx is needed, which is not installed; run: pip install onnx")


def print_report(lines: "Sequence[ReadScores]") -> None:
    """Calibration errors before, and after with the calibration of the other half."""
    from rich.console import Console
    from rich.table import Table

    from hwr.evaluate.calibration import measure_in_halves

    try:
        reports = measure_in_halves(lines)
    except DataError:
        complain("too few right or wrong words to measure halves; the calibration is not checked")
        return
    table = Table()
    table.add_column("set", overflow="fold")
    for name in ("words", "right", "ECE", "after", "by mass", "after", "lines", "ECE", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in reports:
        errors = (item.word_before.equal_width, item.word_after.equal_width, item.word_before.equal_mass)
        row = [f"{item.words:,}", f"{item.right / item.words:.1%}", *(f"{value:.4f}" for value in errors)]
        row += [f"{item.word_after.equal_mass:.4f}", f"{item.lines:,}"]
        row += [f"{item.line_before.equal_width:.4f}", f"{item.line_after.equal_width:.4f}"]
        table.add_row(item.name or "all", *row)
    Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False).print(table)


def describe(calibration: "Calibration") -> str:
    """The fitted numbers, on one line."""
    from hwr.decode.confidence import IDENTITY

    parts = [f"temperature {calibration.temperature:.4f}"]
    for name, curve in (("words", calibration.word), ("lines", calibration.line)):
        if curve != IDENTITY:
            low, high, shift = curve
            parts.append(f"{name}: {low:.4f} log p - {high:.4f} log(1 - p) {shift:+.4f}")
    return "; ".join(parts)


def store(source: Path, decoder: str, calibration: "Calibration", output: Path | None) -> None:
    """Write the calibration into the model's files or copies of them."""
    from hwr.decode.confidence import SETTINGS_KEY
    from hwr.model.metadata import update_decoder

    update_decoder(source, {SETTINGS_KEY: {decoder: calibration.settings()}}, output)
