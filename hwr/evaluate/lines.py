"""Line store -> grey images -> readings -> scored lines, as a stream: memory does not grow with the set."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import read_spans
from hwr.decode.lattice import LabelSpan
from hwr.decode.reading import Reading
from hwr.errors import DataError, InputError
from hwr.evaluate.sets import EVERY_LINE, EvaluationSet, Selection
from hwr.files.images import GreyImage, decode_image
from hwr.metrics import ErrorCounts, character_errors, right_words, word_errors
from hwr.recognize.recognizer import Decoded, Recognizer
from hwr.store.lines import LineGroup, LineStore, StoredLine
from hwr.store.normalised import check_normalised, check_shape
from hwr.text import normalise_text

MAX_BATCH_PIXELS = 64_000_000
"""Maximum number of pixels of decoded images in memory: 256 lines of a good scan, or a few very large ones."""


class LineReader(Protocol):
    """The part of a recognizer that reads lines."""

    @property
    def height(self) -> int:
        """Height of normalised lines, in pixels."""
        ...

    def read_lines(self, lines: Sequence[GreyImage], /) -> Sequence[Reading]:
        """Read grey images of lines, (H, W) each; the readings come in their order."""
        ...

    def read_normalised(self, lines: Sequence[GreyImage], /) -> Sequence[Reading]:
        """Read lines that are normalised already, (height, W) each; the readings come in their order."""
        ...


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


def read_set(source: EvaluationSet, reader: LineReader, selection: Selection = EVERY_LINE) -> Iterator[ReadLine]:
    """Read and score the lines of a set, group by group.

    Lines that cannot be opened come as `UnreadableLines`, before the lines of their group.

    Raises:
        DataError: the file is missing, not Parquet, empty, lacks the columns, or is normalised in another way.
    """
    unusable: list[UnreadableLines] = []
    limit = selection.limit

    def report(row: int, reason: str) -> None:
        if limit is None or row < limit:
            unusable.append(UnreadableLines(source.name, f"row {row}", reason))

    file = LineStore(source.path, source.split, selection.columns, report, normalised=True)
    if file.normalised:
        check_normalised(source.path, file.normalised, reader.height)
    read = reader.read_normalised if file.normalised else reader.read_lines
    remaining = file.count if limit is None else limit
    corrupt = -1
    for group in file.groups:
        if remaining <= 0:
            return
        try:
            # After a corrupt place a row group cannot be read further, and each attempt would begin at its first line.
            if group.row_group == corrupt:
                raise DataError(f"row group {corrupt} is corrupt")
            lines = file.read_group(group.index)[:remaining]
        except DataError as error:
            corrupt = group.row_group
            yield _corrupt_group(source, file, group, str(error))
            continue
        yield from unusable
        unusable.clear()
        remaining -= len(lines)
        yield from _read_lines(source, lines, read)


def read_decoded(
    source: EvaluationSet,
    recognizer: Recognizer,
    selection: Selection = EVERY_LINE,
    on_line: OnLine = lambda line: None,
) -> Iterator[tuple[ScoredLine, NDArray[np.float32], tuple[LabelSpan, ...]]]:
    """Read a set as `read_set` does; yield each line with the network's log-probabilities and the labels chosen.

    `on_line` is called with every line; those that do not open go only there.

    Raises:
        DataError: as `read_set`.
    """
    keeper = _Keeper(recognizer)
    for line in read_set(source, keeper, selection):
        on_line(line)
        if isinstance(line, ScoredLine):
            yield line, *keeper.kept.popleft()


class _Keeper:
    """Reads lines, and keeps the network's output and the labels of each until they are taken."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer
        self.kept: deque[tuple[NDArray[np.float32], tuple[LabelSpan, ...]]] = deque()

    @property
    def height(self) -> int:
        return self.recognizer.height

    def read_lines(self, lines: Sequence[GreyImage], /) -> list[Reading]:
        return self._read(self.recognizer.decode_lines(lines))

    def read_normalised(self, lines: Sequence[GreyImage], /) -> list[Reading]:
        return self._read(self.recognizer.decode_normalised(lines))

    def _read(self, decoded: Decoded) -> list[Reading]:
        log_probs, spans = decoded
        self.kept.extend(zip(log_probs, spans, strict=True))
        return read_spans(log_probs, spans, self.recognizer.alphabet)


def _corrupt_group(source: EvaluationSet, file: LineStore, group: LineGroup, error: str) -> UnreadableLines:
    offset = sum(other.stop - other.start for other in file.groups[: group.index])
    count = group.stop - group.start
    return UnreadableLines(source.name, f"rows {offset} to {offset + count - 1}", error, count=count)


def _read_lines(
    source: EvaluationSet, lines: Sequence[StoredLine], read: Callable[[Sequence[GreyImage]], Sequence[Reading]]
) -> Iterator[ReadLine]:
    """Decode, read and score the lines of a group, in batches that fit into memory."""
    batch: list[StoredLine] = []
    images: list[GreyImage] = []
    pixels = 0
    for line in lines:
        try:
            image = decode_image(line.image, line.path or line.id)
            check_shape(image, line.path or line.id)
        except InputError as error:
            yield UnreadableLines(source.name, line.id, str(error), normalise_text(line.text))
            continue
        batch.append(line)
        images.append(image)
        pixels += image.size
        if pixels >= MAX_BATCH_PIXELS:
            yield from _score(source, batch, read(images))
            batch, images, pixels = [], [], 0
    if batch:
        yield from _score(source, batch, read(images))


def _score(source: EvaluationSet, lines: Sequence[StoredLine], readings: Sequence[Reading]) -> Iterator[ScoredLine]:
    for line, reading in zip(lines, readings, strict=True):
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
