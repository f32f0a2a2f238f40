"""Reports of an evaluation: bounds and whether they were kept, printed tables, JSON, and one row per line."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hwr import __version__
from hwr.evaluate.confidence import CalibrationError, ConfidenceFigures
from hwr.evaluate.evaluation import Evaluation, Figures, SetResult
from hwr.evaluate.intervals import LEVEL, REPLICATES, SEED, Clusters, Interval
from hwr.evaluate.lines import ReadLine, ScoredLine
from hwr.evaluate.provenance import Provenance
from hwr.evaluate.sets import Selection
from hwr.files.texts import spreadsheet_cell
from hwr.text import counted, printable

if TYPE_CHECKING:
    from rich.table import Table

LINE_COLUMNS = ("set", "id", "writer", "edits", "characters", "confidence", "truth", "reading", "error")
LINE_HEADER = "\t".join(LINE_COLUMNS) + "\n"
"""The first row of the table of lines, whose other rows `line_row` makes."""
JSON_HEAD, SVG_HEAD = '{\n  "hwr": "', "<svg "
"""First characters of the JSON and of the drawing, by which an earlier report is recognised."""
SHOWN_DIGITS = 12
"""Digits of each hash in the printed report; the JSON has all 64."""
SHOWN_CHARACTERS = 20
"""Maximum number of characters outside the alphabet in the printed report."""


@dataclass(frozen=True)
class Setting:
    """Model, decoder and lines of an evaluation, with their hashes."""

    model: str
    decoder: str
    selection: Selection
    provenance: Provenance


@dataclass(frozen=True)
class Gate:
    """Highest rates that pass, as fractions; None sets no bound."""

    max_cer: float | None = None
    max_wer: float | None = None


@dataclass(frozen=True)
class GateResult:
    """One bound on one set; `measure` is "cer" or "wer"."""

    set: str
    measure: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Return whether the bound was kept; NaN never passes."""
        return self.value <= self.limit

    def __str__(self) -> str:
        name, option = self.measure.upper(), f"--max-{self.measure}"
        if self.passed:
            return f"{self.set}: {name} {self.value:.4f} is within {option} {self.limit:g}"
        return f"{self.set}: {name} {self.value:.4f} is over {option} {self.limit:g} by {self.value - self.limit:.2g}"


def check_gate(gate: Gate, sets: Sequence[SetResult]) -> list[GateResult]:
    """Return the result of each bound on each set, in the order of the sets."""
    return [
        GateResult(item.source.name, measure, counts.rate, limit)
        for item in sets
        for measure, counts, limit in (
            ("cer", item.figures.characters, gate.max_cer),
            ("wer", item.figures.words, gate.max_wer),
        )
        if limit is not None
    ]


class WorstLines:
    """The `count` lines with the most edits; of equal ones those with the higher rate, then the earlier ones."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._seen = 0
        self._heap: list[tuple[int, float, int, ScoredLine]] = []

    def add(self, line: ReadLine) -> None:
        """Consider a line; those without an edit and those without a reading are never among the worst."""
        self._seen += 1
        if isinstance(line, ScoredLine) and line.characters.edits:
            heapq.heappush(self._heap, (line.characters.edits, line.characters.rate, -self._seen, line))
            if len(self._heap) > self.count:
                heapq.heappop(self._heap)

    def lines(self) -> list[ScoredLine]:
        """Return the lines, the worst first."""
        return [line for *_, line in sorted(self._heap, key=lambda item: item[:3], reverse=True)]


def line_row(line: ReadLine) -> str:
    """Return the row of a line in the table of lines; one without a reading has the reason in its last column instead.

    The table is tab-separated without quoting: after the text rules no text has a tab or a line break.
    """
    if isinstance(line, ScoredLine):
        counts = line.characters
        numbers = [str(counts.edits), str(counts.reference_length), f"{line.confidence:.4g}"]
        row = [line.set, line.id, line.writer or "", *numbers, line.truth, line.reading, ""]
    else:
        row = [line.set, line.id, "", "", "", "", line.truth, "", line.error]
    return "\t".join(map(spreadsheet_cell, row)) + "\n"


def as_json(
    evaluation: Evaluation, setting: Setting, gate: Sequence[GateResult], worst: Sequence[ScoredLine]
) -> dict[str, Any]:
    """Return the report for programs; its keys are listed in docs/evaluation.md and do not change."""
    return {
        "hwr": __version__,
        "model": setting.model,
        "decoder": setting.decoder,
        "date": setting.provenance.date,
        "model_sha256": setting.provenance.model,
        "decoder_sha256": setting.provenance.decoder,
        "decoder_settings": setting.provenance.settings,
        "limit": setting.selection.limit,
        "interval": {"level": LEVEL, "replicates": REPLICATES, "seed": SEED},
        "sets": [_set_as_json(item, setting.provenance.data) for item in evaluation.sets],
        "total": _figures_as_json(evaluation.total),
        "gate": {
            "passed": all(item.passed for item in gate) if gate else None,
            "checks": [asdict(item) | {"passed": item.passed} for item in gate],
        },
        "failed_sets": [{"path": str(item.path), "error": item.error} for item in evaluation.failed],
        "unreadable_lines": [
            {"set": item.set, "id": item.id, "count": item.count, "error": item.error} for item in evaluation.unreadable
        ],
        "worst_lines": [
            {
                "set": line.set,
                "id": line.id,
                "edits": line.characters.edits,
                "characters": line.characters.reference_length,
                "confidence": line.confidence,
                "truth": line.truth,
                "reading": line.reading,
            }
            for line in worst
        ],
    }


def _set_as_json(item: SetResult, hashes: Mapping[str, str]) -> dict[str, Any]:
    head = {"name": item.source.name, "path": str(item.source.path), "split": item.source.split}
    head["sha256"] = hashes[item.source.name]
    return head | _figures_as_json(item.figures) | {"clusters": asdict(item.clusters)}


def _figures_as_json(figures: Figures) -> dict[str, Any]:
    return {
        "lines": figures.lines,
        "unreadable": figures.unreadable,
        "characters": figures.characters.reference_length,
        "character_edits": figures.characters.edits,
        "cer": figures.characters.rate,
        "cer_interval": figures.cer_interval,
        "words": figures.words.reference_length,
        "word_edits": figures.words.edits,
        "wer": figures.words.rate,
        "wer_interval": figures.wer_interval,
        "outside_alphabet": dict(sorted(figures.outside_alphabet.items())),
        "seconds": figures.seconds,
        "lines_per_second": figures.lines_per_second,
        "confidence": _confidence_as_json(figures.confidence),
    }


def _confidence_as_json(figures: ConfidenceFigures) -> dict[str, Any]:
    return {
        "words_read": figures.words,
        "words_right": figures.right,
        "word_ece": _error_as_json(figures.word_error),
        "word_ece_uncalibrated": _error_as_json(figures.raw_word_error),
        "line_ece": _error_as_json(figures.line_error),
        "reject_area": figures.reject_area,
        "reject_curve": [
            {"kept": point.kept, "min_confidence": point.confidence, "cer": point.cer} for point in figures.reject_curve
        ],
    }


def _error_as_json(error: CalibrationError | None) -> dict[str, float] | None:
    return None if error is None else asdict(error)


def tables(evaluation: Evaluation, setting: Setting) -> "list[Table]":
    """Return the printed report: the error rates of each set, and of all where there are several; then the details.

    The first table needs 80 columns and begins with what is compared most: set, lines, CER, WER.
    """
    rates = figures_table(f"{setting.model}, {setting.decoder}", ("lines", "CER", "WER", "CER, 95 %", "WER, 95 %"))
    details = figures_table("", ("characters", "clusters", "ECE", "uncalibrated", "lines/s"))
    for item in evaluation.sets:
        label = item.source.name + (f" ({item.source.split})" if item.source.split else "")
        rates.add_row(*_rates(label, item.figures))
        details.add_row(*_details(label, item.figures, item.clusters))
    if len(evaluation.sets) > 1:
        for table, row in (
            (rates, _rates("all", evaluation.total)),
            (details, _details("all", evaluation.total, None)),
        ):
            table.add_section()
            table.add_row(*row)
    return [rates, details]


def figures_table(title: str, columns: Sequence[str], rows: str = "set") -> "Table":
    """Return an empty table whose rows are named in a first column, `rows`, and which cuts no figure.

    About six columns of figures fit into 80 columns of text.
    """
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(rows, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _rates(label: str, figures: Figures) -> list[Any]:
    from rich.text import Text

    return [
        Text(label),
        f"{figures.lines:,}",
        f"{figures.characters.rate:.4f}",
        f"{figures.words.rate:.4f}",
        _format_interval(figures.cer_interval),
        _format_interval(figures.wer_interval),
    ]


def _details(label: str, figures: Figures, clusters: Clusters | None) -> list[Any]:
    from rich.text import Text

    return [
        Text(label),
        f"{figures.characters.reference_length:,}",
        counted(clusters.count, clusters.by) if clusters else "",
        _format_error(figures.confidence.word_error),
        _format_error(figures.confidence.raw_word_error),
        f"{figures.lines_per_second:.1f}",
    ]


def _format_interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


def _format_error(error: CalibrationError | None) -> str:
    return "-" if error is None else f"{error.equal_width:.4f}"


def notes(evaluation: Evaluation, setting: Setting) -> Iterator[str]:
    """Yield the notes below the tables: the objects measured, and characters outside the alphabet."""
    facts, shown = setting.provenance, SHOWN_DIGITS
    data = ", ".join(f"{name} {facts.data[name][:shown]}" for name in (item.source.name for item in evaluation.sets))
    yield f"hwr {__version__}, {facts.date}; model {facts.model[:shown]}, decoder {facts.decoder[:shown]}, data: {data}"
    if evaluation.total.outside_alphabet:
        yield f"Outside the model's alphabet: {_format_characters(evaluation.total.outside_alphabet)}"
    if evaluation.total.unreadable:
        yield f"Unreadable lines, left out of all figures above: {evaluation.total.unreadable:,}"


def _format_characters(counts: Mapping[str, int]) -> str:
    """Return the total and the counts, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{character!r} {count:,}" for character, count in ordered[:SHOWN_CHARACTERS])
    more = f", and {len(ordered) - SHOWN_CHARACTERS} others" if len(ordered) > SHOWN_CHARACTERS else ""
    total = sum(counts.values())
    return f"{counted(total, 'character')} of the texts ({shown}{more})"


def describe_reject_curve(figures: ConfidenceFigures) -> str:
    """Return the CER of the most confident lines, as a table."""
    rows = (f"{point.kept:10.0%}  {point.confidence:18.4g}  {point.cer:.4f}" for point in figures.reject_curve)
    return "\n".join(["lines kept  minimum confidence     CER", *rows])


def describe_worst(lines: Sequence[ScoredLine]) -> str:
    """Return the worst lines, truth above reading."""
    return "\n".join(
        f"\n{printable(line.set)} {printable(line.id)}: {counted(line.characters.edits, 'edit')} in "
        f"{counted(line.characters.reference_length, 'character')}\n"
        f"  truth    {printable(line.truth)}\n  reading  {printable(line.reading)}"
        for line in lines
    )
