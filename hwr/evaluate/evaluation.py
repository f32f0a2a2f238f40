"""Sets of lines -> pooled CER and WER with intervals, for each set and for all together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from hwr.errors import DataError
from hwr.evaluate.confidence import ConfidenceFigures, ConfidenceTallies
from hwr.evaluate.intervals import Clusters, Interval, LineTallies, Totals, bootstrap_totals, rate_intervals
from hwr.evaluate.lines import OnLine, ReadLine, UnreadableLines, read_set
from hwr.evaluate.sets import EVERY_LINE, EvaluationSet, FailedSet, Selection
from hwr.metrics import ErrorCounts
from hwr.recognize.recognizer import Recognizer


@dataclass(frozen=True)
class Figures:
    """Figures of a set, or of all sets together.

    Attributes:
        lines: lines that were read and scored.
        unreadable: lines that could not be opened; they are in no other figure.
        characters, words: edits and reference lengths, pooled over the lines.
        cer_interval, wer_interval: 95 % intervals; None with fewer than two clusters.
        outside_alphabet: characters of the references that the model cannot write, with their counts.
        seconds: time of decoding, reading and scoring.
        confidence: quality of the confidences.
    """

    lines: int
    unreadable: int
    characters: ErrorCounts
    words: ErrorCounts
    cer_interval: Interval | None
    wer_interval: Interval | None
    outside_alphabet: Mapping[str, int]
    seconds: float
    confidence: ConfidenceFigures

    @property
    def lines_per_second(self) -> float:
        """Return the lines read and scored per second."""
        return self.lines / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class SetResult:
    """One set with its figures and the clusters of its intervals."""

    source: EvaluationSet
    figures: Figures
    clusters: Clusters


@dataclass(frozen=True)
class Evaluation:
    """The sets that were measured, at least one, and those that could not be; `total` pools the lines of `sets`."""

    sets: tuple[SetResult, ...]
    total: Figures
    failed: tuple[FailedSet, ...]
    unreadable: tuple[UnreadableLines, ...]


@dataclass(frozen=True)
class _Measured:
    """A set's result with its bootstrapped counts and its confidences, for the total."""

    result: SetResult
    replicates: Totals
    confidences: ConfidenceTallies


def evaluate(
    reader: Recognizer,
    sets: Sequence[EvaluationSet],
    selection: Selection = EVERY_LINE,
    on_line: OnLine = lambda line: None,
) -> Evaluation:
    """Read all lines of `sets` and measure the reader on them.

    Sets that cannot be measured (unusable file, no line that opens, references without any character) are listed in
    `failed`; the others are measured. `on_line` is called with each line after it was read.

    Raises:
        DataError: no set could be measured.
    """
    measured: list[_Measured] = []
    failed: list[FailedSet] = []
    unreadable: list[UnreadableLines] = []

    def observe(line: ReadLine) -> None:
        if isinstance(line, UnreadableLines):
            unreadable.append(line)
        on_line(line)

    for source in sets:
        try:
            measured.append(_measure(source, reader, selection, observe))
        except DataError as error:
            failed.append(FailedSet(source.path, str(error)))
    if not measured:
        reasons = [item.error for item in failed] or ["there is no set"]
        raise DataError(reasons[0] if len(reasons) == 1 else f"no set could be measured: {'; '.join(reasons)}")
    return Evaluation(tuple(item.result for item in measured), _total(measured), tuple(failed), tuple(unreadable))


def _measure(source: EvaluationSet, reader: Recognizer, selection: Selection, observe: OnLine) -> _Measured:
    started = perf_counter()
    tallies, confidences = LineTallies(), ConfidenceTallies()
    characters, words = ErrorCounts(), ErrorCounts()
    outside: Counter[str] = Counter()
    lines = unreadable = 0
    reason = ""
    for line in read_set(source, reader, selection):
        if isinstance(line, UnreadableLines):
            unreadable += line.count
            reason = reason or line.error
        else:
            lines += 1
            characters += line.characters
            words += line.words
            outside.update(reader.alphabet.missing([line.truth]))
            tallies.add(line.characters, line.words, line.writer, line.page)
            confidences.add(line)
        observe(line)
    seconds = perf_counter() - started
    if not lines:
        raise DataError(f"{source.path}: none of its lines can be read; the first: {reason or 'there is none'}")
    if not characters.reference_length:
        raise DataError(f"{source.path}: the texts of its {lines} lines are empty: there is nothing to measure")
    clusters, totals = tallies.clustered()
    replicates = bootstrap_totals(totals)
    cer, wer = _intervals(replicates, clusters.effective)
    figures = Figures(lines, unreadable, characters, words, cer, wer, dict(outside), seconds, confidences.figures())
    return _Measured(SetResult(source, figures, clusters), replicates, confidences)


def _intervals(replicates: Totals, effective_clusters: float) -> tuple[Interval | None, Interval | None]:
    """Return the intervals of CER and WER, or None if a single cluster leaves nothing to vary."""
    return (None, None) if effective_clusters < 2 else rate_intervals(replicates, effective_clusters)


def _total(measured: Sequence[_Measured]) -> Figures:
    """Return the figures pooled over all lines. The sets are fixed strata: writers are drawn within each."""
    figures = [item.result.figures for item in measured]
    degrees = [item.result.clusters.effective - 1 for item in measured]
    if any(item.cer_interval is None for item in figures):
        cer = wer = None
    else:
        cer, wer = _intervals(sum((item.replicates for item in measured[1:]), measured[0].replicates), sum(degrees) + 1)
    confidences = ConfidenceTallies()
    for item in measured:
        confidences.extend(item.confidences)
    return Figures(
        lines=sum(item.lines for item in figures),
        unreadable=sum(item.unreadable for item in figures),
        characters=sum((item.characters for item in figures), ErrorCounts()),
        words=sum((item.words for item in figures), ErrorCounts()),
        cer_interval=cer,
        wer_interval=wer,
        outside_alphabet=dict(sum((Counter(item.outside_alphabet) for item in figures), Counter())),
        seconds=sum(item.seconds for item in figures),
        confidence=confidences.figures(),
    )
