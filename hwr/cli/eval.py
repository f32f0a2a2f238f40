"""`hwr eval`: measure a model on line stores."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.decoder_options import decoder_options, make_options
from hwr.errors import EXIT_GATE_FAILED, EXIT_OK, EXIT_PARTIAL, DataError, OutputError, UsageError
from hwr.files.atomic import atomic_write

if TYPE_CHECKING:
    from hwr.evaluate.evaluation import Evaluation, EvaluationOptions
    from hwr.evaluate.gate import GateResult
    from hwr.evaluate.lines import ReadLine
    from hwr.evaluate.sets import EvaluationSet, FailedSet
    from hwr.recognize.decoder import DecoderOptions

    OnLine = Callable[[ReadLine], None]

COLUMNS = ("image", "text", "id", "writer", "page")
STDOUT = "-"


class Rate(click.FloatRange):
    """A rate from 0 to 1; "nan", which would compare with nothing, is refused too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        rate = super().convert(value, param, ctx)
        if rate != rate:
            self.fail(f"{value} is not a rate.", param, ctx)
        return rate


def column_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each column that a file from elsewhere may call otherwise."""
    for name in reversed(COLUMNS):
        text = f"Parquet column of the {name}."
        command = click.option(f"--{name}-column", default=name, show_default=True, metavar="NAME", help=text)(command)
    return command


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATA...")
@click.option("-m", "--model", metavar="NAME|FILE", help="Installed model or model file.  [default: small]")
@click.option("--split", default="val", show_default=True, help="The part of a folder: FOLDER/SPLIT.parquet.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read the first N lines of each set only.")
@decoder_options
@click.option("--max-cer", type=Rate(0, 1), metavar="RATE", help="Exit 1 if a set's CER is higher; 0.05 is 5 %.")
@click.option("--max-wer", type=Rate(0, 1), metavar="RATE", help="Exit 1 if a set's WER is higher.")
@click.option("--json", "json_file", metavar="FILE|-", help="Write the figures as JSON; - prints them, not the table.")
@click.option("--per-line", metavar="FILE", help="Write edits, truth and reading of each line (TSV).")
@click.option("--reject", is_flag=True, help="Show the CER of the surest lines, for shares from 100 % to 5 %.")
@click.option("--reject-curve", metavar="FILE.svg", help="Draw the CER of the surest lines of each set (SVG).")
@click.option("--worst", type=click.IntRange(0), default=0, metavar="N", help="Show the N lines with the most edits.")
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
    max_cer: float | None,
    max_wer: float | None,
    json_file: str | None,
    per_line: str | None,
    reject: bool,
    reject_curve: str | None,
    worst: int,
    **columns: str,
) -> None:
    """Measure CER and WER of a model on DATA: folders with SPLIT.parquet, or single .parquet files.

    --max-cer and --max-wer hold for each set alone. Exit codes: 0 all measured and all limits kept; 1 a limit was
    exceeded; 2 nothing could be measured; 3 measured, but some lines or sets could not be read: each is named.
    """
    from hwr.evaluate.evaluation import EvaluationOptions
    from hwr.evaluate.gate import Gate, check_gate
    from hwr.evaluate.report import Setting, WorstLines, as_json, print_reject_curve, print_table, print_worst
    from hwr.recognize.models import DEFAULT_MODEL
    from hwr.store.columns import Columns

    model = model or DEFAULT_MODEL
    names = Columns(**{option.removesuffix("_column"): name for option, name in columns.items()})
    options = EvaluationOptions(limit, names)
    if reject_curve is not None and Path(reject_curve).suffix.lower() != ".svg":
        raise UsageError(f"--reject-curve {reject_curve}: the drawing is an SVG file; name it FILE.svg")
    if reject and json_file == STDOUT:
        raise UsageError("--reject shows a table; with --json - the curve lies in the JSON, as reject_curve")
    found, missing = find(data, split)
    worst_lines = WorstLines(worst)
    with ExitStack() as stack:
        write_line = stack.enter_context(line_writer(per_line))
        json_target = stack.enter_context(output_file(json_file))
        drawing = stack.enter_context(output_file(reject_curve))
        progress = stack.enter_context(progress_bar(found, options))

        def on_line(line: "ReadLine") -> None:
            for observe in (name_unreadable, worst_lines.add, write_line, progress):
                observe(line)

        evaluation, decoder = measure(model, make_options(decoding), found, options, on_line)
        evaluation = replace(evaluation, failed=(*missing, *evaluation.failed))
        gate = check_gate(Gate(max_cer, max_wer), evaluation.sets)
        setting = Setting(model, decoder, options)
        report = as_json(evaluation, setting, gate, worst_lines.lines())
        text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if json_target is not None:
            json_target.write_text(text, encoding="utf-8")
        if drawing is not None:
            drawing.write_text(draw(evaluation, f"{model}, {decoder}"), encoding="utf-8")
    if json_file == STDOUT:
        click.echo(text, nl=False)
    else:
        print_table(evaluation, setting, sys.stdout)
        if reject:
            print_reject_curve(evaluation.total.confidence, sys.stdout)
        print_worst(worst_lines.lines(), sys.stdout)
    context.exit(exit_code(evaluation, gate))


def find(data: Sequence[Path], split: str) -> "tuple[list[EvaluationSet], list[FailedSet]]":
    """The sets that are there, and those that are not: these are named at once when others go on without them."""
    from hwr.evaluate.sets import find_sets

    found, missing = find_sets(data, split)
    if not found:
        raise DataError("; ".join(item.error for item in missing))
    for item in missing:
        complain(item.error)
    return found, missing


def measure(
    model: str,
    decoder: "DecoderOptions",
    sets: "Sequence[EvaluationSet]",
    options: "EvaluationOptions",
    on_line: "OnLine",
) -> "tuple[Evaluation, str]":
    """Load the model and read the sets; sets that turn out unusable are named. Also the name of the decoder."""
    from hwr.evaluate.evaluation import evaluate
    from hwr.recognize.recognizer import Recognizer

    reader = Recognizer(model, decoder=decoder)
    evaluation = evaluate(reader, reader.alphabet, sets, options, on_line)
    for item in evaluation.failed:
        complain(item.error)
    return evaluation, reader.decoder.name


def draw(evaluation: "Evaluation", title: str) -> str:
    """The reject curves of all sets, and of them together where there are several."""
    from hwr.evaluate.curve import draw_reject_curves

    curves = [(item.source.name, item.figures.confidence.reject_curve) for item in evaluation.sets]
    if len(curves) > 1:
        curves.append(("all", evaluation.total.confidence.reject_curve))
    return draw_reject_curves(title, curves)


def exit_code(evaluation: "Evaluation", gate: "Sequence[GateResult]") -> int:
    """The exit code; what stands behind it goes to stderr. A failed gate weighs more than a line that did not open."""
    if evaluation.total.unreadable:
        count = evaluation.total.unreadable
        complain(f"{count} line{'s' if count != 1 else ''} could not be opened, in no figure")
    for check in gate:
        if not check.passed:
            complain(f"gate failed: {check}")
    if not all(check.passed for check in gate):
        return EXIT_GATE_FAILED
    return EXIT_OK if evaluation.complete else EXIT_PARTIAL


def complain(text: str) -> None:
    """One line on stderr."""
    click.echo(f"hwr: {text}", err=True)


def name_unreadable(line: "ReadLine") -> None:
    """Name a line that could not be opened."""
    from hwr.evaluate.lines import UnreadableLines

    if isinstance(line, UnreadableLines):
        complain(f"{line.set}: {line.id}: {line.error}")


@contextmanager
def output_file(name: str | None) -> Iterator[Path | None]:
    """A file that is written aside; it is made now, so that a folder that refuses it is found before the reading."""
    if name is None or name == STDOUT:
        yield None
        return
    if Path(name).is_dir():
        raise OutputError(f"{name}: a folder; name a file")
    with atomic_write(Path(name)) as temporary:
        temporary.touch()
        yield temporary


@contextmanager
def line_writer(name: str | None) -> "Iterator[OnLine]":
    """What writes each line to the table of lines; nothing without a name."""
    from hwr.evaluate.report import write_line, write_line_header

    if name == STDOUT:
        raise UsageError("--per-line needs the name of a file")
    with output_file(name) as path:
        if path is None:
            yield lambda line: None
            return
        with path.open("w", encoding="utf-8", newline="\n") as file:
            write_line_header(file)

            def write(line: "ReadLine") -> None:
                try:
                    write_line(file, line)
                except OSError as error:  # said here, where it is known which file it is
                    raise OutputError(f"{name}: cannot be written: {error.strerror or error}") from error

            yield write


@contextmanager
def progress_bar(sets: "Sequence[EvaluationSet]", options: "EvaluationOptions") -> "Iterator[OnLine]":
    """What moves a bar on stderr; nothing where that is no terminal."""
    from hwr.evaluate.lines import UnreadableLines
    from hwr.evaluate.sets import count_lines

    if not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=count_lines(sets, options.columns, options.limit))

        def advance(line: "ReadLine") -> None:
            count = line.count if isinstance(line, UnreadableLines) else 1
            progress.update(task, advance=count, description=line.set)

        yield advance
