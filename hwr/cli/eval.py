"""`hwr eval`: measure a model on line stores."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command
from hwr.cli.common import (
    COLUMN_NAMES,
    COLUMNS,
    DECODER,
    ModelChoice,
    column_options,
    decoder_options,
    make_columns,
    make_decoder_options,
    model_option,
    precision_option,
    set_options,
    text_file,
)
from hwr.cli.sets import find_sets, watch_lines
from hwr.cli.terminal import say, show, show_table
from hwr.cli.values import FILE, NEW, NewName, Rate
from hwr.errors import Outcome, UsageError
from hwr.text import counted

if TYPE_CHECKING:
    from hwr.evaluate.evaluation import Evaluation
    from hwr.evaluate.lines import OnLine, ReadLine
    from hwr.evaluate.report import Gate, GateResult, Setting, WorstLines
    from hwr.evaluate.sets import EvaluationSet, FailedSet, Selection
    from hwr.recognize.models import Precision

STDOUT = "-"
DRAWING = NewName(ending=".svg")


@dataclass(frozen=True)
class ReportOptions:
    """Reports to print and write in addition to the table.

    Raises:
        UsageError: a file of the wrong kind.
    """

    json_file: Path | None
    per_line: Path | None
    reject: bool
    reject_curve: Path | None
    worst: int

    def __post_init__(self) -> None:
        files = [path.resolve() for path in (self.json_file, self.per_line, self.reject_curve) if path is not None]
        if len(set(files)) < len(files):
            raise UsageError("--json, --per-line and --reject-curve need files of their own")
        if self.reject and self.prints_json:
            raise UsageError(
                "--reject prints a table, and --json - prints JSON instead; the JSON has the same curve as reject_curve"
            )

    @property
    def prints_json(self) -> bool:
        """True if the JSON goes to stdout, instead of the table."""
        return str(self.json_file) == STDOUT


@click.command(
    "eval",
    cls=Command,
    sections={
        "Data": ("split", "limit"),
        "Model": ("model", "precision", *DECODER),
        "Bounds": ("max_cer", "max_wer"),
        "Reports": ("json_file", "per_line", "reject", "reject_curve", "worst"),
        "Parquet files from elsewhere": COLUMN_NAMES,
    },
    examples=[
        ("hwr eval data/iam --model base", "Print CER and WER on the validation lines of a store."),
        ("hwr eval forms --max-cer 0.05 --json report.json", "Exit with 1 if the CER is above 5 %; keep the figures."),
    ],
)
@click.argument("data", nargs=-1, required=True, type=FILE, metavar="DATA...")
@model_option
@precision_option
@set_options()
@decoder_options
@click.option("--max-cer", type=Rate(), metavar="RATE", help="Exit with 1 if a set's CER is higher; 0.05 is 5 %.")
@click.option("--max-wer", type=Rate(), metavar="RATE", help="Exit with 1 if a set's WER is higher.")
@click.option(
    "--json", "json_file", type=FILE, metavar="FILE|-", help="Write the figures as JSON; - prints them, not the table."
)
@click.option("--per-line", type=NEW, metavar="FILE", help="Write edits, truth and reading of each line (TSV).")
@click.option("--reject", is_flag=True, help="Print the CER of the most confident lines, for shares from 100 % to 5 %.")
@click.option(
    "--reject-curve",
    type=DRAWING,
    metavar="FILE.svg",
    help="Draw the CER of each set's most confident lines.",
)
@click.option("--worst", type=click.IntRange(0), default=0, metavar="N", help="Print the N lines with the most edits.")
@column_options(*COLUMNS)
def command(
    data: tuple[Path, ...],
    model: str,
    precision: "Precision | None",
    split: str,
    limit: int | None,
    decoding: dict[str, Any],
    max_cer: float | None,
    max_wer: float | None,
    **values: Any,
) -> Outcome:
    """Measure CER and WER of a model on DATA: folders with SPLIT.parquet, or single .parquet files.

    The bounds --max-cer and --max-wer apply to each set separately. Exit codes: 0 everything was measured and every
    bound was kept; 1 a bound was exceeded; 2 nothing could be measured; 3 some lines or sets could not be read.
    """
    from hwr.evaluate.report import Gate
    from hwr.evaluate.sets import Selection

    selection = Selection(limit, make_columns(values))
    reports = ReportOptions(**{name: value for name, value in values.items() if not name.endswith("_column")})
    sets = find_sets(data, split)
    choice = ModelChoice(model, make_decoder_options(decoding), precision)
    return report(choice, sets, selection, Gate(max_cer, max_wer), reports)


def report(
    choice: ModelChoice,
    sets: "tuple[list[EvaluationSet], list[FailedSet]]",
    selection: "Selection",
    bounds: "Gate",
    reports: ReportOptions,
) -> Outcome:
    """Measure the sets, write and print the reports, and check the bounds of CER and WER."""
    from hwr.evaluate.report import JSON_HEAD, LINE_HEADER, SVG_HEAD, WorstLines, as_json, check_gate, line_row

    found, missing = sets
    worst = WorstLines(reports.worst)
    with ExitStack() as stack:
        # Opened first: a folder that cannot be written is found before the reading.
        write_json = stack.enter_context(text_file(None if reports.prints_json else reports.json_file, head=JSON_HEAD))
        write_drawing = stack.enter_context(text_file(reports.reject_curve, head=SVG_HEAD))
        write_row = stack.enter_context(text_file(reports.per_line, head=LINE_HEADER))
        watch = stack.enter_context(watch_lines(found, selection))
        write_row(LINE_HEADER)

        def on_line(line: "ReadLine") -> None:
            watch(line)
            worst.add(line)
            write_row(line_row(line))

        evaluation, setting = measure(choice, found, selection, on_line)
        evaluation = replace(evaluation, failed=(*missing, *evaluation.failed))
        gate = check_gate(bounds, evaluation.sets)
        text = json.dumps(as_json(evaluation, setting, gate, worst.lines()), ensure_ascii=False, indent=2) + "\n"
        write_json(text)
        if reports.reject_curve is not None:
            write_drawing(draw(evaluation, f"{setting.model}, {setting.decoder}"))
    if reports.prints_json:
        show(text.removesuffix("\n"))
    else:
        print_report(evaluation, setting, reports, worst)
    return judge(evaluation, gate)


def measure(
    choice: ModelChoice,
    sets: "Sequence[EvaluationSet]",
    selection: "Selection",
    on_line: "OnLine",
) -> "tuple[Evaluation, Setting]":
    """Load the model and read the sets; sets that turn out to be unusable are named."""
    from hwr.evaluate.evaluation import evaluate
    from hwr.evaluate.provenance import find_provenance
    from hwr.evaluate.report import Setting

    reader = choice.load()
    evaluation = evaluate(reader, sets, selection, on_line)
    for item in evaluation.failed:
        say(item.error)
    provenance = find_provenance(
        choice.model, reader.decoder, choice.decoder, [item.source for item in evaluation.sets]
    )
    return evaluation, Setting(choice.model, reader.decoder.name, selection, provenance)


def print_report(evaluation: "Evaluation", setting: "Setting", reports: ReportOptions, worst: "WorstLines") -> None:
    """Print the tables that the options ask for."""
    from hwr.evaluate import report

    for table in report.tables(evaluation, setting):
        show_table(table)
    for note in report.notes(evaluation, setting):
        show(note)
    if reports.reject:
        show(report.describe_reject_curve(evaluation.total.confidence))
    if text := report.describe_worst(worst.lines()):
        show(text)


def draw(evaluation: "Evaluation", title: str) -> str:
    """Return the reject curves of all sets, and of several sets together, as SVG."""
    from hwr.evaluate.confidence import draw_reject_curves

    curves = [(item.source.name, item.figures.confidence.reject_curve) for item in evaluation.sets]
    if len(curves) > 1:
        curves.append(("all", evaluation.total.confidence.reject_curve))
    return draw_reject_curves(title, curves)


def judge(evaluation: "Evaluation", gate: "Sequence[GateResult]") -> Outcome:
    """Return the outcome, after printing the reasons on stderr."""
    if count := evaluation.total.unreadable:
        say(f"left out of all figures: {counted(count, 'unreadable line')}")
    for check in gate:
        say(f"{'bound kept' if check.passed else 'bound exceeded'}: {check}")
    failed = len(evaluation.failed) + len(evaluation.unreadable)
    return Outcome(len(evaluation.sets), failed, all(check.passed for check in gate))
