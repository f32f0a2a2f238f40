"""Write lines to Parquet: one file, or shards of a given size."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.files.atomic import atomic_write
from hwr.store.columns import FACTS, Normalised, schema
from hwr.store.lines import GROUP_LINES, StoredLine

GROUP_BYTES = 32 * 2**20
"""A row group is closed early when its images reach this many bytes."""

COMPRESSION = {"image.bytes": "none"} | dict.fromkeys(("image.path", "text", "id", "width", "height", *FACTS), "zstd")
"""Image files are already compressed."""


@dataclass(frozen=True)
class Written:
    """The result of `write_lines`.

    `sha256` is taken over the values of all lines in order, not over the bytes of the files: it does not change with
    the version of the Parquet library or the size of the shards.
    """

    count: int
    sha256: str
    files: tuple[Path, ...]


def write_lines(
    path: Path, lines: Iterable[StoredLine], normalised: Normalised | None = None, shard_size: int | None = None
) -> Written:
    """Write `lines` in row groups of at most 256 lines and about 32 MiB; memory holds one row group.

    Each file is written under a temporary name, synced and renamed, so that an old file stays until the new one is
    complete.

    Args:
        path: `train.parquet`; shards are called `train-00000.parquet` and so on.
        normalised: the normalisation to state, if the images are normalised.
        shard_size: begin a new shard when the images of one reach this many bytes; None: write one file.

    Raises:
        DataError: there is no line.
        OutputError: the folder cannot be written, or the disk is full.
    """
    limit = GROUP_BYTES if shard_size is None else min(GROUP_BYTES, shard_size)
    groups = _groups(iter(lines), limit)
    digest = hashlib.sha256()
    count = 0
    files: list[Path] = []
    group = next(groups, None)
    if group is None:
        raise DataError(f"{path}: there is no line to write")
    while group is not None:
        file = path if shard_size is None else path.with_name(f"{path.stem}-{len(files):05d}{path.suffix}")
        with ExitStack() as stack:
            writer = _open_writer(stack.enter_context(atomic_write(file)), normalised)
            stack.enter_context(writer)
            size = 0
            while group is not None:
                _write_group(writer, group, digest)
                count += len(group)
                size += _bytes(group)
                group = next(groups, None)
                if shard_size is not None and group is not None and size + _bytes(group) > shard_size:
                    break
        files.append(file)
    return Written(count, digest.hexdigest(), tuple(files))


def _open_writer(path: Path, normalised: Normalised | None) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(
        path,
        schema(normalised),
        compression=COMPRESSION,
        use_dictionary=list(FACTS),
        write_statistics=["width", "height"],
        write_page_checksum=True,
    )


def _write_group(writer: Any, group: list[StoredLine], digest: Any) -> None:
    import pyarrow as pa

    for line in group:
        _update_digest(digest, line)
    writer.write_table(pa.Table.from_pylist([_as_row(line) for line in group], schema=writer.schema))


def _groups(lines: Iterator[StoredLine], limit: int) -> Iterator[list[StoredLine]]:
    """Divide `lines` into row groups: 256 lines, or fewer if their images reach `limit` bytes."""
    group: list[StoredLine] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line.image)
        if len(group) == GROUP_LINES or size >= limit:
            yield group
            group, size = [], 0
    if group:
        yield group


def _bytes(group: list[StoredLine]) -> int:
    return sum(len(line.image) for line in group)


def _as_row(line: StoredLine) -> dict[str, Any]:
    row: dict[str, Any] = {item.name: getattr(line, item.name) for item in fields(StoredLine)}
    row["image"] = {"bytes": row["image"], "path": row.pop("path")}
    return row


def _update_digest(digest: Any, line: StoredLine) -> None:
    """Add all values of `line`, each with its length, so that different lines never give the same bytes."""
    for item in fields(StoredLine):
        value = getattr(line, item.name)
        data = b"" if value is None else value if isinstance(value, bytes) else str(value).encode()
        digest.update(b"-" if value is None else b"%d:" % len(data))
        digest.update(data)
