"""Rows of tables: TSV, CSV and JSON Lines -> field and value. A broken row never affects the others."""

import csv
import io
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hwr.errors import DataError, InputError
from hwr.files.texts import decode_text
from hwr.files.tree import read_file
from hwr.text import has_surrogates

SUFFIXES = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

MAX_BYTES = 2 * 2**30
"""Maximum size of a table."""

MAX_ROWS_OF_TEXT = 20
"""Maximum line breaks in one CSV field; more of them mean that a quotation mark was never closed."""

PYLAIA_SPACE = "<space>"
"""A space in PyLaia's lists: `line-1 T h e <space> r a i n`."""

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
    """Names (or numbers, from 1) of columns without a known name; None: use the known names."""

    image: str | None = None
    text: str | None = None
    id: str | None = None
    writer: str | None = None
    page: str | None = None
    split: str | None = None
    lang: str | None = None
    source: str | None = None
    licence: str | None = None


KNOWN_COLUMNS = TableColumns()


@dataclass(frozen=True)
class Row:
    """A row as field -> value, or the reason why it cannot be used. `names`: keys of a JSON object."""

    number: int
    values: dict[str, str]
    error: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """The rows of a table, and the names of its columns, if it has names."""

    rows: list[Row]
    names: tuple[str, ...] = ()

    def rivals(self, columns: TableColumns) -> list[str]:
        """Return a note for each of image and text, if several columns match and none was named."""
        notes = []
        for field in ("image", "text"):
            found = [name for name in KNOWN_NAMES[field] if name in [own.strip().lower() for own in self.names]]
            if getattr(columns, field) is None and len(found) > 1:
                notes.append(f"columns {' and '.join(found)}: {found[0]} is read (--{field}-column names another)")
        return notes


def read_rows(path: Path, columns: TableColumns, header: bool | None) -> Rows:
    """Return the rows of a table. `header`: the first row names the columns; None: detect it.

    Raises:
        DataError: it cannot be read, is empty, or has no column for the image or the text.
    """
    try:
        data = read_file(path, MAX_BYTES)
        text = decode_text(data, str(path), errors="surrogateescape")
    except InputError as error:
        raise DataError(str(error)) from None
    kind = _format(path, text)
    if kind == "jsonl":
        return _read_jsonl(path, text, columns)
    if kind == "pylaia":
        rows = enumerate(_split_rows(text), start=1)
        return Rows([_pylaia_row(number, row) for number, row in rows if row.strip()])
    return _read_delimited(path, text, kind, columns, header)


def _format(path: Path, text: str) -> str:
    """Return `tsv`, `csv`, `jsonl` or `pylaia`: by the ending, else by the first row; CSV if nothing else fits."""
    first = text.partition("\n")[0]
    found = "tsv" if "\t" in first else "pylaia" if PYLAIA_SPACE in first.split() else "csv"
    return SUFFIXES.get(path.suffix.lower(), found)


def _split_rows(text: str) -> list[str]:
    """Split at LF or CR LF only: `splitlines` would also cut at separators that may be part of a text."""
    return [row.removesuffix("\r") for row in text.split("\n")]


# --- TSV and CSV -------------------------------------------------------------------------------------------------


def _read_delimited(path: Path, text: str, kind: str, columns: TableColumns, header: bool | None) -> Rows:
    rows = [row.split("\t") for row in _split_rows(text)] if kind == "tsv" else _csv_rows(path, text)
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(value.strip() for value in row)]
    if not numbered:
        raise DataError(f"{path}: is empty")
    names = numbered[0][1]
    if header is None:
        header = _is_header(names, columns)
    places = _places_by_name(path, names, columns) if header else _places_by_number(path, names, columns)
    made = [_delimited_row(number, row, places) for number, row in numbered[1 if header else 0 :]]
    return Rows(made, tuple(names) if header else ())


def _csv_rows(path: Path, text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise DataError(f"{path}: is not CSV: {error}") from error


def _delimited_row(number: int, row: list[str], places: dict[str, int]) -> Row:
    missing = [field for field in ("image", "text") if places[field] >= len(row)]
    if missing:
        return Row(number, {}, f"has {len(row)} columns, none for the {missing[0]}")
    values = {field: row[place] for field, place in places.items() if place < len(row)}
    if any(map(has_surrogates, values.values())):
        return Row(number, {}, "not UTF-8")
    breaks = max(value.count("\n") for value in values.values())
    if breaks > MAX_ROWS_OF_TEXT:
        return Row(number, {}, f"extends over {breaks} lines of the file: a quotation mark is not closed")
    return Row(number, values)


def _pylaia_row(number: int, row: str) -> Row:
    image, *tokens = row.split()
    if has_surrogates(row):
        return Row(number, {}, "not UTF-8")
    return Row(number, {"image": image, "text": "".join(" " if token == PYLAIA_SPACE else token for token in tokens)})


def _is_header(names: list[str], columns: TableColumns) -> bool:
    """Return whether the first row names a column for the image and one for the text."""
    return all(_find(names, field, getattr(columns, field)) is not None for field in ("image", "text"))


def _find(names: list[str], field: str, wanted: str | None) -> int | None:
    """Return the index of the column for `field`: the wanted one, or the first with a known name."""
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
    """Return the indices of columns in a table without a header: numbers from the options, otherwise image, text."""
    places = {"image": 0, "text": 1}
    for item in fields(TableColumns):
        wanted = getattr(columns, item.name)
        if wanted is None:
            continue
        if not wanted.isdecimal() or len(wanted) > 9 or not 1 <= int(wanted) <= len(first):
            raise DataError(
                f"{path}: no column {wanted!r} for the {item.name}: the first row, {', '.join(first)!r}, is not a "
                f"header with it; give the number of the column (1 to {len(first)}) or --header"
            )
        places[item.name] = int(wanted) - 1
    if len(first) < 2 and columns.text is None:
        raise DataError(f"{path}: the first row has one column; it needs an image and a text")
    return places


# --- JSON Lines --------------------------------------------------------------------------------------------------


def _read_jsonl(path: Path, text: str, columns: TableColumns) -> Rows:
    rows = [_jsonl_row(number, row, columns) for number, row in enumerate(_split_rows(text), start=1) if row.strip()]
    if rows and all(row.error for row in rows):
        raise DataError(f"{path}: no row can be used; row {rows[0].number}: {rows[0].error}")
    names = next((row.names for row in rows if row.names), ())
    return Rows(rows, names)


def _jsonl_row(number: int, row: str, columns: TableColumns) -> Row:
    if has_surrogates(row):
        return Row(number, {}, "not UTF-8")
    try:
        data: Any = json.loads(row)
    except json.JSONDecodeError as error:
        return Row(number, {}, f"not JSON: {error.msg}")
    except (ValueError, RecursionError):
        return Row(number, {}, "not JSON that can be read: nested too deeply, or with too long a number")
    if not isinstance(data, dict):
        return Row(number, {}, "not a JSON object")
    names = list(data)
    values: dict[str, str] = {}
    for item in fields(TableColumns):
        place = _find(names, item.name, getattr(columns, item.name))
        value = None if place is None else data[names[place]]
        if item.name in ("image", "text") and not isinstance(value, str):
            return Row(number, {}, f"no string for the {item.name}; the keys are: {', '.join(names)}")
        if value is not None:
            values[item.name] = str(value)
    return Row(number, values, names=tuple(names))
