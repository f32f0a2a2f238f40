"""LineStore: prepared lines in Parquet, read as a stream.

A store is a directory with `train.parquet`, `val.parquet`, `test.parquet` (those that exist) and `manifest.json`, or a
single `.parquet` file. The columns are those of the Hugging Face image layout, so that `datasets` opens it too:

    image     struct of `bytes` (the image file as found) and `path` (its name)
    text      string
    id        string
    width, height     int32, pixels
    writer, page, lang, source, licence     string, null where unknown

Files that this module writes have row groups of at most 256 lines. Files from elsewhere may have one row group for
everything: their row groups are cut into virtual groups of at most 256 lines and read batch by batch, so that memory
does not grow with the file.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.files.atomic import atomic_write
from hwr.store.columns import (
    DEFAULT_COLUMNS,
    Columns,
    check_columns,
    first_line,
    image_values,
    measure,
    open_parquet,
    schema,
)

__all__ = [
    "DEFAULT_COLUMNS",
    "Columns",
    "LineFile",
    "LineGroup",
    "StoredLine",
    "Written",
    "resolve_split",
    "write_lines",
]

GROUP_LINES = 256
"""Most lines in a group."""

GROUP_BYTES = 32 * 2**20
"""A row group that is written ends early when its images reach this many bytes."""

FACTS = ("writer", "page", "lang", "source", "licence")
"""Columns that say where a line comes from; null where unknown."""

COMPRESSION = {"image.bytes": "none"} | dict.fromkeys(("image.path", "text", "id", "width", "height", *FACTS), "zstd")
"""Image files are compressed already."""

REPORTED_ROWS = 20
"""Most unusable rows of one file that are logged one by one; the rest is counted in `LineFile.unusable`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One line: the image file as found, what is written on it, and where it comes from. Sizes in pixels."""

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
    """Rows `start` to `stop` (exclusive) of one row group; at most 256. The whole row group unless that is larger."""

    index: int
    row_group: int
    start: int
    stop: int


@dataclass(frozen=True)
class Written:
    """What `write_lines` wrote.

    `sha256` is taken over the values of all lines in order, not over the bytes of the Parquet file: it does not change
    with the version of the Parquet library.
    """

    count: int
    sha256: str


@dataclass
class _OpenBatches:
    """A batch iterator that stays open inside one row group, and the row that it stands at."""

    row_group: int
    next_row: int
    batches: Iterator[Any]
    rest: Any = None
    """Rows of a batch that belong to the next group."""


def resolve_split(path: Path, split: str) -> Path:
    """The Parquet file of `split`: `path` itself where it is a `.parquet` file, else `path/SPLIT.parquet`.

    Raises:
        DataError: it does not exist; the message names the splits that do.
    """
    if path.is_dir():
        file = path / f"{split}.parquet"
        if file.is_file():
            return file
        there = ", ".join(sorted(found.stem for found in path.glob("*.parquet")))
        advice = f"there is: {there}" if there else f"not a line store; `hwr prepare {path} -o DIR` makes one"
        raise DataError(f"{path}: no {split}.parquet here; {advice}")
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if path.suffix != ".parquet":
        raise DataError(f"{path}: neither a folder with {split}.parquet nor a .parquet file")
    return path


class LineFile:
    """One Parquet file of lines, read group by group. Not to be shared between threads or processes.

    Rows without text or without image bytes cannot be used: they are left out, counted in `unusable`, and given to
    `report` (row, reason) once each; without `report` they are logged.

    Raises:
        DataError: the file is missing, empty, truncated, not Parquet, holds no line, or lacks the columns.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns = DEFAULT_COLUMNS,
        report: Callable[[int, str], None] | None = None,
    ) -> None:
        self.path = Path(path)
        self.columns = columns
        self.unusable: dict[int, str] = {}
        self._report = report
        self._file = open_parquet(self.path)
        self._names = check_columns(self.path, self._file.schema_arrow, columns)
        metadata = self._file.metadata
        self.count: int = metadata.num_rows
        self._sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._first_rows = [0]
        for size in self._sizes:
            self._first_rows.append(self._first_rows[-1] + size)
        self.groups: tuple[LineGroup, ...] = tuple(_cut_groups(self._sizes))
        self._open: _OpenBatches | None = None
        if not self.count:
            raise DataError(f"{self.path}: holds no line")

    def read_group(self, index: int) -> list[StoredLine]:
        """The lines of group `index`, in the order of the file.

        Inside a row group that holds several groups, reading forward goes on where the last call stopped; reading
        backward starts again at the row group's first line.

        Raises:
            DataError: the group's bytes are corrupt.
        """
        group = self.groups[index]
        batches = self._batches_at(group.row_group, group.start, group.stop)
        first = self._first_rows[group.row_group] + group.start
        lines: list[StoredLine] = []
        for row, line in self._rows(batches, first):
            if isinstance(line, str):
                self._leave_out(row, line)
            else:
                lines.append(line)
        return lines

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[StoredLine]:
        for group in self.groups:
            yield from self.read_group(group.index)

    def rows(self, images: bool = True) -> Iterator[tuple[int, StoredLine | str]]:
        """Every row's number with its line, or with the reason why it cannot be used.

        Without `images` no image is read: `image` is empty, and the sizes are 0 where the file does not state them.
        Where a row group is corrupt, the rest of its rows get that as the reason.
        """
        names = [name for key, name in self._names.items() if images or key != "image"]
        for row_group in range(len(self._sizes)):
            row, stop = self._first_rows[row_group], self._first_rows[row_group + 1]
            try:
                for found, line in self._rows(self._new_batches(row_group, names), row):
                    yield found, line
                    row = found + 1
            except DataError as error:
                yield from ((lost, str(error)) for lost in range(row, stop))

    def texts(self) -> Iterator[str]:
        """The texts alone, streamed, without reading any image. Texts of rows that lack the image are among them."""
        name = self._names["text"]
        for row_group in range(len(self._sizes)):
            for batch in self._new_batches(row_group, [name]):
                yield from (text for text in batch.column(name).to_pylist() if text is not None)

    def _batches_at(self, row_group: int, start: int, stop: int) -> list[Any]:
        """The record batches of rows `start` to `stop` of one row group."""
        held = self._open
        if held is None or held.row_group != row_group or held.next_row > start:
            held = _OpenBatches(row_group, 0, self._new_batches(row_group, list(self._names.values())))
        self._open = None
        batches: list[Any] = []
        while held.next_row < stop:
            batch = held.rest if held.rest is not None else next(held.batches, None)
            if batch is None:
                raise DataError(f"{self.path}: row group {row_group} ends after {held.next_row} lines: corrupt")
            taken = min(batch.num_rows, stop - held.next_row)
            held.rest = batch.slice(taken) if taken < batch.num_rows else None
            skipped = min(taken, max(0, start - held.next_row))
            if skipped < taken:
                batches.append(batch.slice(skipped, taken - skipped))
            held.next_row += taken
        if stop < self._sizes[row_group]:
            self._open = held
        return batches

    def _new_batches(self, row_group: int, names: list[str]) -> Iterator[Any]:
        import pyarrow

        try:
            yield from self._file.iter_batches(
                batch_size=GROUP_LINES, row_groups=[row_group], columns=names, use_threads=False
            )
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{self.path}: row group {row_group} cannot be read: {first_line(error)}") from error

    def _rows(self, batches: Iterable[Any], first: int) -> Iterator[tuple[int, StoredLine | str]]:
        for batch in batches:
            values = {key: batch.column(name) for key, name in self._names.items() if name in batch.schema.names}
            images: list[bytes | None] = [b""] * batch.num_rows
            paths: list[str | None] = [None] * batch.num_rows
            if "image" in values:
                images, paths = image_values(values.pop("image"))
            others = {key: column.to_pylist() for key, column in values.items()}
            for position in range(batch.num_rows):
                row = {key: column[position] for key, column in others.items()}
                yield first + position, self._line(first + position, images[position], paths[position], row)
            first += batch.num_rows

    def _line(self, row: int, image: bytes | None, path: str | None, values: dict[str, Any]) -> StoredLine | str:
        text = values.get("text")
        if text is None:
            return "no text (null)"
        if image is None:
            return "no image bytes (null" + (f", only the path {path!r})" if path else ")")
        width, height = values.get("width"), values.get("height")
        if not width or not height:
            width, height = measure(image)
        identity = values.get("id")
        return StoredLine(
            image=image,
            path=path or "",
            text=text,
            id=f"{self.path.stem}-{row:07d}" if identity is None else str(identity),
            width=int(width),
            height=int(height),
            **{key: None if values.get(key) is None else str(values[key]) for key in FACTS},
        )

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


def write_lines(path: Path, lines: Iterable[StoredLine]) -> Written:
    """Write `lines` to one Parquet file; row groups of at most 256 lines and about 32 MiB, memory for one of them.

    The file is written under another name, fsynced and renamed: what was at `path` stays until the new one is whole.

    Raises:
        DataError: there is no line.
        OutputError: the folder cannot be written, the disk is full.
    """
    import pyarrow as pa
    from pyarrow import parquet

    columns = schema()
    digest = hashlib.sha256()
    count = 0
    remaining = iter(lines)
    with (
        atomic_write(path) as temporary,
        parquet.ParquetWriter(
            temporary,
            columns,
            compression=COMPRESSION,
            use_dictionary=list(FACTS),
            write_statistics=["width", "height"],
            write_page_checksum=True,
        ) as writer,
    ):
        while group := list(_take_group(remaining)):
            for line in group:
                _update_digest(digest, line)
            count += len(group)
            rows = [_as_row(line) for line in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=columns), row_group_size=GROUP_LINES)
        if not count:
            raise DataError(f"{path}: there is no line to write")
    return Written(count, digest.hexdigest())


def _take_group(lines: Iterator[StoredLine]) -> Iterator[StoredLine]:
    size = 0
    for line in islice(lines, GROUP_LINES):
        yield line
        size += len(line.image)
        if size >= GROUP_BYTES:
            return


def _as_row(line: StoredLine) -> dict[str, Any]:
    row: dict[str, Any] = {item.name: getattr(line, item.name) for item in fields(StoredLine)}
    row["image"] = {"bytes": row["image"], "path": row.pop("path")}
    return row


def _update_digest(digest: Any, line: StoredLine) -> None:
    """Add all values of `line`, each with its length, so that no two different lines give the same bytes."""
    for item in fields(StoredLine):
        value = getattr(line, item.name)
        data = b"" if value is None else value if isinstance(value, bytes) else str(value).encode()
        digest.update(b"-" if value is None else b"%d:" % len(data))
        digest.update(data)
