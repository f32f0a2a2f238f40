"""Line store -> grey images -> readings -> scored lines, as a stream: memory does not grow with the set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import read_spans
from hwr.decode.reading import Reading
from hwr.errors import DataError, InputError
from hwr.evaluate.sets import EVERY_LINE, EvaluationSet, Selection
from hwr.files.images import GreyImage, decode_image
from hwr.metrics import ErrorCounts, character_errors, right_words, word_errors
from hwr.recognize.decoder import DecodedLine
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineGroup, LineStore, StoredLine
from hwr.store.normalised import check_normalised, check_shape
from hwr.text import normalise_text, printable

MAX_BATCH_PIXELS = 64_000_000
"""Maximum number of pixels of decoded images in memory: 256 lines of a good scan, or a few very large ones."""


@dataclass(frozen=True)
class ScoredLine:
    """One line of a set with its reading; both texts are normalised.

    `word_confidences`, the same before calibration, and `right_words` (`hwr.metrics.right_words`) belong to the words
    of the reading.
    """

    set: str
    id: str
    truth: str
    reading: str
    confidence: float
    characters: ErrorCounts
    words: ErrorCounts
    writer: str | None
    page: str | None
    word_confidences: tuple[float, ...] = ()
    raw_word_confidences: tuple[float, ...] = ()
    right_words: tuple[bool, ...] = ()


@dataclass(frozen=True)
class UnreadableLines:
    """One line that could not be opened, or `count` of them in a corrupt part of a file; they are in no figure."""

    set: str
    id: str
    error: str
    truth: str = ""
    count: int = 1


ReadLine = ScoredLine | UnreadableLines
OnLine = Callable[[ReadLine], None]


@dataclass(frozen=True)
class _Batch:
    """Lines of a set with their images, which are normalised or not, and fit into memory."""

    lines: list[StoredLine]
    images: list[GreyImage]
    normalised: bool


def read_set(source: EvaluationSet, reader: Recognizer, selection: Selection = EVERY_LINE) -> Iterator[ReadLine]:
    """Read and score the lines of a set, group by group.

    Lines that cannot be opened come as `UnreadableLines`, before the lines of their group.

    Raises:
        DataError: the file is missing, not Parquet, empty, lacks the columns, or is normalised in another way.
    """
    for batch in _open_batches(source, reader, selection):
        if isinstance(batch, UnreadableLines):
            yield batch
        else:
            read = reader.read_normalised if batch.normalised else reader.read_lines
            yield from _score(source, batch, read(batch.images))


def read_decoded(
    source: EvaluationSet,
    recognizer: Recognizer,
    selection: Selection = EVERY_LINE,
    on_line: OnLine = lambda line: None,
) -> Iterator[tuple[ScoredLine, NDArray[np.float32], DecodedLine]]:
    """Read a set as `read_set` does; yield each line with the network's log-probabilities and the labels chosen.

    `on_line` is called with every line; those that do not open go only there.

    Raises:
        DataError: as `read_set`.
    """
    for batch in _open_batches(source, recognizer, selection):
        if isinstance(batch, UnreadableLines):
            on_line(batch)
            continue
        decode = recognizer.decode_normalised if batch.normalised else recognizer.decode_lines
        log_probs, decoded = decode(batch.images)
        readings = read_spans(log_probs, [line.spans for line in decoded], recognizer.alphabet)
        for line, line_log_probs, chosen in zip(_score(source, batch, readings), log_probs, decoded, strict=True):
            on_line(line)
            yield line, line_log_probs, chosen


def _open_batches(
    source: EvaluationSet, reader: Recognizer, selection: Selection
) -> Iterator[_Batch | UnreadableLines]:
    """Yield the lines of a set with their images, and the lines that cannot be opened."""
    unusable: list[UnreadableLines] = []
    limit = selection.limit

    def report(row: int, reason: str) -> None:
        if limit is None or row < limit:
            unusable.append(UnreadableLines(source.name, f"row {row}", reason))

    file = LineStore(source.path, source.split, selection.columns, report, normalised=True)
    if file.normalised:
        check_normalised(source.path, file.normalised, reader.height)
    remaining = file.count if limit is None else limit
    for group in file.groups:
        if remaining <= 0:
            return
        try:
            lines = file.read_group(group.index)[:remaining]
        except DataError as error:
            yield _corrupt_group(source, file, group, str(error))
            continue
        yield from unusable
        unusable.clear()
        remaining -= len(lines)
        yield from _decode_images(source, lines, file.normalised is not None)


def _corrupt_group(source: EvaluationSet, file: LineStore, group: LineGroup, error: str) -> UnreadableLines:
    offset = sum(other.stop - other.start for other in file.groups[: group.index])
    count = group.stop - group.start
    return UnreadableLines(source.name, f"rows {offset} to {offset + count - 1}", error, count=count)


def _decode_images(
    source: EvaluationSet, lines: Sequence[StoredLine], normalised: bool
) -> Iterator[_Batch | UnreadableLines]:
    """Decode the images of the lines of a group, in batches that fit into memory."""
    batch = _Batch([], [], normalised)
    for line in lines:
        try:
            image = decode_image(line.image, line.path or line.id)
            check_shape(image, line.path or line.id)
        except InputError as error:
            reason = printable(str(error).removeprefix(f"{line.id}: "))  # an id may contain a newline
            yield UnreadableLines(source.name, line.id, reason, normalise_text(line.text))
            continue
        batch.lines.append(line)
        batch.images.append(image)
        if sum(one.size for one in batch.images) >= MAX_BATCH_PIXELS:
            yield batch
            batch = _Batch([], [], normalised)
    if batch.lines:
        yield batch


def _score(source: EvaluationSet, batch: _Batch, readings: Sequence[Reading]) -> Iterator[ScoredLine]:
    for line, reading in zip(batch.lines, readings, strict=True):
        yield ScoredLine(
            set=source.name,
            id=line.id,
            truth=normalise_text(line.text),
            reading=normalise_text(reading.text),
            confidence=reading.confidence,
            characters=character_errors(line.text, reading.text),
            words=word_errors(line.text, reading.text),
            writer=line.writer,
            page=line.page,
            word_confidences=reading.words,
            raw_word_confidences=reading.raw_words,
            right_words=right_words(line.text, reading.text),
        )
