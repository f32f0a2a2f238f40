"""LineStore: prepared lines in Parquet, read as a stream.

A store is a folder with `train.parquet`, `val.parquet`, `test.parquet` (those that exist) and `manifest.json`, or a
single `.parquet` file. A split may be several shards: `train-00000.parquet`, `train-00001.parquet`, ... The columns
follow the Hugging Face image layout, so that `datasets` can open a store:

    image     struct of `bytes` (the image file as found) and `path` (its name)
    text      string
    id        string
    width, height     int32, pixels
    writer, page, lang, source, licence     string, null if unknown

`hwr.store.writing` writes row groups of at most 256 lines. Files from elsewhere may have a single row group. Their row
groups are divided into groups of at most 256 lines and read batch by batch, so that memory does not grow with the file.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.store.columns import (
    BROKEN,
    DEFAULT_COLUMNS,
    FACTS,
    Columns,
    Normalised,
    check_columns,
    first_line,
    image_size,
    image_values,
    open_parquet,
    plain_values,
    stated_normalisation,
)
from hwr.store.splits import find_split
from hwr.text import counted, has_surrogates

GROUP_LINES = 256
"""Maximum number of lines in a group."""

REPORTED_ROWS = 20
"""Number of unusable rows of a store that are logged individually; `LineStore.unusable` counts them all."""

logger = logging.getLogger(__name__)

Report = Callable[[int, str], None]
"""Function that is called with the number of a row that cannot be used, and the reason."""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One line: its image file, its text, and its origin. Sizes are in pixels."""

    image: bytes
    path: str
    text: str
    id: str
    width: int
    height: int
    writer: str | None = None
    page: str | None = None
    lang: str | None = None
    source: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Rows `start` to `stop` (exclusive) of a row group: all of them, or 256 if there are more.

    `row_group` is counted through all files of the store. Reading is fastest if groups of one row group are read in
    order.
    """

    index: int
    row_group: int
    start: int
    stop: int


@dataclass(frozen=True)
class _RowGroup:
    """A row group: its file, its number in the file, the names of its columns, and its rows in the store."""

    path: Path
    file: Any
    number: int
    names: dict[str, str]
    first: int
    size: int


@dataclass
class _OpenBatches:
    """A batch iterator that stays open inside one row group, and its next row."""

    row_group: int
    next_row: int
    batches: Iterator[Any]
    rest: Any = None
    """Rows of a batch that belong to the next group."""


class LineStore:
    """One split of a store, read group by group. Do not share an object between threads or processes.

    Rows without text or without image bytes cannot be used. They are left out, counted in `unusable`, and passed once
    each to `report`; without `report` they are logged. Rows of a corrupt row group are passed as one.

    Args:
        path: a folder or a `.parquet` file.
        split: the split of a folder to open; not needed for a file.
        normalised: whether the caller accepts normalised images (`normalised` says which). Otherwise a store of them is
            refused, since its images are not photographs.

    Attributes:
        files: the Parquet files, in order.
        normalised: the normalisation of the images; None for images as found.
        count: rows, usable or not.
        groups: parts that are read as a whole.

    Raises:
        DataError: a file is missing, empty, truncated, not Parquet, contains no line, or lacks the columns.
    """

    def __init__(
        self,
        path: Path,
        split: str | None = None,
        columns: Columns = DEFAULT_COLUMNS,
        report: Report | None = None,
        normalised: bool = False,
    ) -> None:
        self.path = Path(path)
        self.files = [self.path] if split is None else find_split(self.path, split)
        self.unusable: dict[int, str] = {}
        self.count = 0
        self._report = report
        self._row_groups: list[_RowGroup] = []
        stated = [self._add_file(file, columns) for file in self.files]
        self.normalised = stated[0]
        for file, other in zip(self.files, stated, strict=True):
            if other != self.normalised:
                raise DataError(f"{file}: its images are not normalised like those of {self.files[0].name}")
        if self.normalised and not normalised:
            raise DataError(
                f"{self.path}: contains lines that are already normalised ({self.normalised}), which this command "
                "cannot use; name the store that it was made from"
            )
        self.groups: tuple[LineGroup, ...] = tuple(_cut_groups([group.size for group in self._row_groups]))
        self._open: _OpenBatches | None = None
        self._corrupt: dict[int, tuple[int, str]] = {}
        """Row group -> its first row that cannot be read, and the reason."""

    def _add_file(self, path: Path, columns: Columns) -> Normalised | None:
        """Add the row groups of a file; return the normalisation that it states."""
        file = open_parquet(path)
        names = check_columns(path, file.schema_arrow, columns)
        if not file.metadata.num_rows:
            raise DataError(f"{path}: contains no line")
        for number in range(file.metadata.num_row_groups):
            size: int = file.metadata.row_group(number).num_rows
            self._row_groups.append(_RowGroup(path, file, number, names, self.count, size))
            self.count += size
        return stated_normalisation(path, file.schema_arrow)

    def read_group(self, index: int) -> list[StoredLine]:
        """Return the lines of group `index`, in the order of the file; see `read_rows`."""
        return [line for _, line in self.read_rows(index)]

    def read_rows(self, index: int) -> list[tuple[int, StoredLine]]:
        """Return the lines of group `index` with the numbers of their rows, in the order of the file.

        In a row group that holds several groups, reading forward continues where the last call stopped; reading
        backward starts again at its first line.

        Raises:
            DataError: the group's bytes are corrupt.
        """
        group = self.groups[index]
        source = self._row_groups[group.row_group]
        lines: list[tuple[int, StoredLine]] = []
        for row, line in _rows(source, self._batches_at(group), source.first + group.start):
            if isinstance(line, str):
                self._leave_out(row, line)
            else:
                lines.append((row, line))
        return lines

    def __iter__(self) -> Iterator[StoredLine]:
        for group in self.groups:
            yield from self.read_group(group.index)

    def rows(self, images: bool = True) -> Iterator[tuple[int, StoredLine | str]]:
        """Yield the number of every row with its line, or with the reason why it cannot be used.

        Without `images`, no image is read: `image` is empty, and sizes that the file does not state are 0. If a row
        group is corrupt, this is the reason for the rest of its rows.
        """
        for source in self._row_groups:
            names = [name for key, name in source.names.items() if images or key != "image"]
            row = source.first
            try:
                for found, line in _rows(source, _batches(source, names), row):
                    yield found, line
                    row = found + 1
            except DataError as error:
                yield from ((lost, str(error)) for lost in range(row, source.first + source.size))

    def texts(self) -> Iterator[str]:
        """Yield the texts without reading any image. Texts of rows without an image are included.

        Texts in a corrupt part of a row group are left out.
        """
        for source in self._row_groups:
            name = source.names["text"]
            read = 0
            try:
                for batch in _batches(source, [name]):
                    read += batch.num_rows
                    yield from (
                        text for text in plain_values(batch.column(name)) if not (text is None or has_surrogates(text))
                    )
            except DataError as error:
                self._leave_out_rows(range(source.first + read, source.first + source.size), str(error))

    def leave_out_group(self, index: int, reason: str) -> None:
        """Count the rows of a group that `read_rows` could not read as unusable."""
        group = self.groups[index]
        first = self._row_groups[group.row_group].first
        self._leave_out_rows(range(first + group.start, first + group.stop), reason)

    def content_hash(self) -> str:
        """Return the SHA-256 of the bytes of all files in order, in hexadecimal.

        Raises:
            DataError: a file cannot be read.
        """
        digest = hashlib.sha256()
        for path in self.files:
            try:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        return digest.hexdigest()

    def _batches_at(self, group: LineGroup) -> list[Any]:
        """Return the record batches of a group."""
        source = self._row_groups[group.row_group]
        readable, reason = self._corrupt.get(group.row_group, (source.size, ""))
        if group.stop > readable:  # each further attempt would begin at the first line of the row group
            raise DataError(reason)
        held = self._open
        if held is None or held.row_group != group.row_group or held.next_row > group.start:
            held = _OpenBatches(group.row_group, 0, _batches(source, list(source.names.values())))
        self._open = None
        batches: list[Any] = []
        while held.next_row < group.stop:
            try:
                batch = held.rest if held.rest is not None else next(held.batches, None)
                if batch is None:
                    raise DataError(
                        f"{source.path}: row group {source.number} ends after {counted(held.next_row, 'line')}"
                    )
            except DataError as error:
                self._corrupt[group.row_group] = held.next_row, str(error)
                raise
            taken = min(batch.num_rows, group.stop - held.next_row)
            held.rest = batch.slice(taken) if taken < batch.num_rows else None
            skipped = min(taken, max(0, group.start - held.next_row))
            if skipped < taken:
                batches.append(batch.slice(skipped, taken - skipped))
            held.next_row += taken
        if group.stop < source.size:
            self._open = held
        return batches

    def _leave_out_rows(self, rows: range, reason: str) -> None:
        """Count rows of a corrupt part as unusable; report the first ones that are not reported yet."""
        fresh = [row for row in rows if row not in self.unusable]
        if fresh:
            after = "row" if len(fresh) == 2 else f"{len(fresh) - 1} rows"
            others = f"and the {after} after it: " if len(fresh) > 1 else ""
            self._leave_out(fresh[0], others + reason)
            self.unusable.update(dict.fromkeys(fresh, reason))

    def _leave_out(self, row: int, reason: str) -> None:
        if row in self.unusable:
            return
        self.unusable[row] = reason
        if self._report is not None:
            self._report(row, reason)
        elif len(self.unusable) <= REPORTED_ROWS:
            logger.warning("%s: row %d left out: %s", self.path, row, reason)


def _cut_groups(sizes: list[int]) -> Iterator[LineGroup]:
    index = 0
    for row_group, size in enumerate(sizes):
        for start in range(0, size, GROUP_LINES):
            yield LineGroup(index, row_group, start, min(start + GROUP_LINES, size))
            index += 1


def _batches(source: _RowGroup, names: list[str]) -> Iterator[Any]:
    """Yield the record batches of a row group, with some of its columns."""
    try:
        yield from source.file.iter_batches(
            batch_size=GROUP_LINES, row_groups=[source.number], columns=names, use_threads=False
        )
    except BROKEN as error:
        raise DataError(f"{source.path}: row group {source.number} cannot be read: {first_line(error)}") from error


def _rows(source: _RowGroup, batches: Iterable[Any], first: int) -> Iterator[tuple[int, StoredLine | str]]:
    for batch in batches:
        values = {key: batch.column(name) for key, name in source.names.items() if name in batch.schema.names}
        images: list[bytes | None] = [b""] * batch.num_rows
        paths: list[str | None] = [None] * batch.num_rows
        if "image" in values:
            images, paths = image_values(values.pop("image"))
        others = {key: plain_values(column) for key, column in values.items()}
        for position in range(batch.num_rows):
            row = {key: column[position] for key, column in others.items()}
            number = first + position
            yield number, _line(f"{source.path.stem}-{number:07d}", images[position], paths[position], row)
        first += batch.num_rows


def _line(name: str, image: bytes | None, path: str | None, values: dict[str, Any]) -> StoredLine | str:
    """Return the line in a row, or the reason why there is none. `name`: its id unless it has one."""
    text = values.get("text")
    if text is None:
        return "no text (null)"
    if has_surrogates(text):
        return "the text is not UTF-8"
    if image is None:
        return "no image bytes (null" + (f", only the path {path!r})" if path else ")")
    width, height = values.get("width"), values.get("height")
    if not (type(width) is int and type(height) is int and width > 0 and height > 0):
        width, height = image_size(image)
    identity = values.get("id")
    return StoredLine(
        image=image,
        path=path or "",
        text=text,
        id=name if identity is None else str(identity),
        width=width,
        height=height,
        **{key: None if values.get(key) is None else str(values[key]) for key in FACTS},
    )
