"""A table of images and texts: TSV, CSV or JSON Lines, one line of handwriting a row.

Image paths are relative to the table. Columns are found by their names, in any case and order:

    image      image, file, filename, file_name, image_path, path
    text       text, transcription, transcript, ground_truth, label, sentence
    optional   id, writer, page, split, lang, source, licence (and writer_id, language, license)

or named by options. A TSV or CSV without a header has the image in its first column and the text in its second, or in
the columns whose numbers (from 1) the options give. In TSV a quotation mark is a quotation mark; in CSV it quotes, and
the separator is the comma, or the semicolon where the first row has no comma.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.prepare.samples import Reason, Sample, Skipped, is_file, read_image
from hwr.store.splits import SPLIT_NAMES

SUFFIXES = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

KNOWN_NAMES = {
    "image": ("image", "file", "filename", "file_name", "image_path", "path"),
    "text": ("text", "transcription", "transcript", "ground_truth", "label", "sentence"),
    "id": ("id",),
    "writer": ("writer", "writer_id"),
    "page": ("page",),
    "split": ("split",),
    "lang": ("lang", "language"),
    "source": ("source",),
    "licence": ("licence", "license"),
}


@dataclass(frozen=True)
class TableColumns:
    """Names (or numbers, from 1) of columns that the known names do not find; None: look for the known names."""

    image: str | None = None
    text: str | None = None
    id: str | None = None
    writer: str | None = None
    page: str | None = None
    split: str | None = None
    lang: str | None = None
    source: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class _Row:
    """A row as field -> value, or why it is none."""

    number: int
    values: dict[str, str]
    error: str = ""


class Table:
    """A TSV, CSV or JSONL file as a source. `header`: the first row names the columns; None: find out.

    Raises:
        DataError: it cannot be read, is empty, or has no column for the image or the text.
    """

    kind = "table"

    def __init__(self, path: Path, columns: TableColumns = TableColumns(), header: bool | None = None) -> None:
        self.path = path
        self._columns = columns
        self._rows = _read_jsonl(path, columns) if _format(path) == "jsonl" else _read_delimited(path, columns, header)
        if not self._rows:
            raise DataError(f"{path}: holds no row")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """The rows in order."""
        for row in self._rows:
            yield self._item(row)

    def _item(self, row: _Row) -> Sample | Skipped:
        where = f"{self.path}, row {row.number}"
        if row.error:
            return Skipped(where, Reason.BAD_ROW, row.error)
        values = row.values
        name = values["image"].strip()
        if not name:
            return Skipped(where, Reason.NO_IMAGE, "the image column is empty")
        path = self.path.parent / name
        if not is_file(path):
            return Skipped(where, Reason.NO_IMAGE, str(path))
        split = values.get("split", "").strip().lower()
        if split and split not in SPLIT_NAMES:
            return Skipped(where, Reason.BAD_ROW, f"unknown split {split!r}")
        return Sample(
            id=values.get("id") or Path(name).with_suffix("").as_posix(),
            text=values["text"],
            path=path.name,
            where=where,
            load=lambda: read_image(path),
            split=SPLIT_NAMES.get(split),
            **{field: values.get(field) or None for field in ("writer", "page", "lang", "source", "licence")},
        )


def _format(path: Path) -> str:
    """`tsv`, `csv` or `jsonl`, from the ending; other endings: TSV if there is a tab in the first row, else CSV."""
    known = SUFFIXES.get(path.suffix.lower())
    if known:
        return known
    with path.open("rb") as file:
        return "tsv" if b"\t" in file.readline() else "csv"


def _decode(path: Path) -> str:
    """The text of the file; bytes that are not UTF-8 become lone surrogates, which mark their row as broken."""
    try:
        return path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _split_rows(text: str) -> list[str]:
    """Rows end with LF or CR LF only: `splitlines` would also cut at separators that may stand in a text."""
    return [row.removesuffix("\r") for row in text.split("\n")]


def _is_utf8(value: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in value)


def _read_delimited(path: Path, columns: TableColumns, header: bool | None) -> list[_Row]:
    text = _decode(path)
    if _format(path) == "tsv":
        rows = [row.split("\t") for row in _split_rows(text)]
    else:
        first = text.split("\n", 1)[0]
        separator = ";" if ";" in first and "," not in first else ","
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error as error:
            raise DataError(f"{path}: is not CSV: {error}") from error
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(value.strip() for value in row)]
    if not numbered:
        raise DataError(f"{path}: is empty")
    names = numbered[0][1]
    if header is None:
        header = _is_header(names, columns)
    places = _places_by_name(path, names, columns) if header else _places_by_number(path, names, columns)
    return [_delimited_row(number, row, places) for number, row in numbered[1 if header else 0 :]]


def _delimited_row(number: int, row: list[str], places: dict[str, int]) -> _Row:
    missing = [field for field in ("image", "text") if places[field] >= len(row)]
    if missing:
        return _Row(number, {}, f"has {len(row)} columns, none for the {missing[0]}")
    values = {field: row[place] for field, place in places.items() if place < len(row)}
    if not all(map(_is_utf8, values.values())):
        return _Row(number, {}, "not UTF-8")
    return _Row(number, values)


def _is_header(names: list[str], columns: TableColumns) -> bool:
    """Whether the first row names a column for the image and one for the text."""
    return all(_find(names, field, getattr(columns, field)) is not None for field in ("image", "text"))


def _find(names: list[str], field: str, wanted: str | None) -> int | None:
    """Place of the column for `field`: the one that is wanted, or the first known name."""
    if wanted is not None:
        return names.index(wanted) if wanted in names else None
    lower = [name.strip().lower() for name in names]
    return next((lower.index(name) for name in KNOWN_NAMES[field] if name in lower), None)


def _places_by_name(path: Path, names: list[str], columns: TableColumns) -> dict[str, int]:
    places: dict[str, int] = {}
    for item in fields(TableColumns):
        wanted = getattr(columns, item.name)
        place = _find(names, item.name, wanted)
        if place is not None:
            places[item.name] = place
        elif wanted is not None or item.name in ("image", "text"):
            raise DataError(_no_column(path, item.name, wanted, names))
    return places


def _no_column(path: Path, field: str, wanted: str | None, names: list[str]) -> str:
    named = f"no column {wanted!r} for the {field}" if wanted else f"no column for the {field}"
    return f"{path}: {named}; there are: {', '.join(names)}; name the right one with --{field}-column"


def _places_by_number(path: Path, first: list[str], columns: TableColumns) -> dict[str, int]:
    """Places in a table without a header: numbers from the options, else image, text."""
    places = {"image": 0, "text": 1}
    for item in fields(TableColumns):
        wanted = getattr(columns, item.name)
        if wanted is None:
            continue
        if not wanted.isdecimal() or not 1 <= int(wanted) <= len(first):
            raise DataError(
                f"{path}: no column {wanted!r} for the {item.name}: the first row, {', '.join(first)!r}, is no header "
                f"with it; give the number of the column (1 to {len(first)}) or --header"
            )
        places[item.name] = int(wanted) - 1
    if len(first) < 2 and columns.text is None:
        raise DataError(f"{path}: the first row has one column; an image and a text are needed")
    return places


def _read_jsonl(path: Path, columns: TableColumns) -> list[_Row]:
    rows: list[_Row] = []
    for number, row in enumerate(_split_rows(_decode(path)), start=1):
        if row.strip():
            rows.append(_jsonl_row(number, row, columns))
    if rows and all(row.error for row in rows):
        raise DataError(f"{path}: no row can be used; row {rows[0].number}: {rows[0].error}")
    return rows


def _jsonl_row(number: int, row: str, columns: TableColumns) -> _Row:
    if not _is_utf8(row):
        return _Row(number, {}, "not UTF-8")
    try:
        data: Any = json.loads(row)
    except json.JSONDecodeError as error:
        return _Row(number, {}, f"not JSON: {error.msg}")
    if not isinstance(data, dict):
        return _Row(number, {}, "not a JSON object")
    names = list(data)
    values: dict[str, str] = {}
    for item in fields(TableColumns):
        place = _find(names, item.name, getattr(columns, item.name))
        value = None if place is None else data[names[place]]
        if item.name in ("image", "text") and not isinstance(value, str):
            return _Row(number, {}, f"no string for the {item.name}; the keys are: {', '.join(names)}")
        if value is not None:
            values[item.name] = str(value)
    return _Row(number, values)
