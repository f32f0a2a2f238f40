"""Rows of tables: TSV, CSV and JSON Lines -> field and value. A broken row never affects the others."""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwr.errors import DataError, InputError, UsageError
from hwr.files.texts import NOT_UTF8, decode_text, json_objects
from hwr.files.tree import read_file
from hwr.prepare.samples import IMAGE_SUFFIXES
from hwr.text import counted, has_surrogates

SUFFIXES = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

MAX_BYTES = 2 * 2**30
"""Maximum size of a table."""

MAX_ROWS_OF_TEXT = 20
"""Maximum line breaks in one CSV row; more of them mean that a quotation mark was never closed."""

PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ", b"\xd0\xcf\x11\xe0")
"""Beginnings of spreadsheets and of compressed files."""

MAX_SHOWN = 200
"""Maximum characters of a row in a message."""

BOXES = '[{"transcription"'
"""Beginning of PaddleOCR's labels of text detection: many texts with their positions."""

SEPARATORS = ",;\t|"
"""Separators of CSV files, the usual one first."""

_SEPARATOR_ROW = re.compile(r'"?sep=([^"\r\n])"?')
"""First row that names the separator, as Excel reads and writes it."""

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
"""Fields of a row, and the names of their columns."""

Named = Mapping[str, str]
"""Names (or numbers, from 1) of columns without a known name, by field."""
ALL_KNOWN: Named = {}


@dataclass(frozen=True)
class Row:
    """A row as field -> value, or the reason why it cannot be used. `names`: keys of a JSON object."""

    number: int
    values: dict[str, str]
    error: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """The rows of a table, and the names of its columns, if it has names. `ignored`: columns that are not read."""

    rows: list[Row]
    names: tuple[str, ...] = ()
    ignored: int = 0

    def choices(self, columns: Named) -> list[str]:
        """Return a note for each choice that was made between columns, and for columns without a name."""
        notes = []
        if self.ignored:
            notes.append("tables without a header: only the first two columns are read, the image and the text")
        lower = [name.strip().lower() for name in self.names]
        for field in ("image", "text"):
            found = [name for name in KNOWN_NAMES[field] for own in lower if name == own]
            if field not in columns and len(found) > 1:
                way_out = "the first is read" if len(set(found)) == 1 else f"--{field}-column names another"
                notes.append(f"columns {' and '.join(found)}: {found[0]} is read ({way_out})")
        return notes


def read_rows(path: Path, columns: Named, header: bool | None) -> Rows:
    """Return the rows of a table. `header`: the first row names the columns; None: detect it.

    Raises:
        UsageError: no table has one of the fields in `columns`.
        DataError: it cannot be read, is empty, or has no column for the image or the text.
    """
    if unknown := sorted(columns.keys() - KNOWN_NAMES.keys()):
        raise UsageError(f"--{unknown[0]}-column does not apply to a table")
    try:
        data = read_file(path, MAX_BYTES)
        if data.startswith(PACKED):
            raise DataError(f"{path}: a spreadsheet or a compressed file; save it as CSV or TSV")
        text = decode_text(data, str(path), errors="surrogateescape")
    except InputError as error:
        raise DataError(str(error)) from None
    kind = _format(path, text)
    if kind == "tsv" and "\t" not in text.partition("\n")[0]:  # a list with commas, saved under another ending
        kind = "csv"
    if kind == "jsonl":
        return _read_jsonl(path, text, columns)
    if kind in ("pylaia", "spaces"):
        read = _pylaia_row if kind == "pylaia" else _spaced_row
        return Rows([read(number, row) for number, row in enumerate(_split_rows(text), start=1) if row.strip()])
    return _read_delimited(path, text, kind, columns, header)


def _format(path: Path, text: str) -> str:
    """Return `tsv`, `csv`, `jsonl`, `pylaia` or `spaces`, by the ending or else by the first row."""
    first = text.partition("\n")[0]
    words = first.split()
    if text.lstrip()[:1] in ("{", "[") and path.suffix.lower() == ".json":
        found = "jsonl"
    elif "\t" in first:
        found = "tsv"
    elif PYLAIA_SPACE in words:
        found = "pylaia"
    else:
        found = "spaces" if len(words) > 1 and words[0].lower().endswith(IMAGE_SUFFIXES) else "csv"
    return SUFFIXES.get(path.suffix.lower(), found)


def _split_rows(text: str) -> list[str]:
    """Split at LF or CR LF, or at CR if there is no LF; `splitlines` also cuts at separators inside texts."""
    return [row.removesuffix("\r") for row in text.split("\n" if "\n" in text else "\r")]


# --- TSV and CSV -------------------------------------------------------------------------------------------------


def _read_delimited(path: Path, text: str, kind: str, columns: Named, header: bool | None) -> Rows:
    lines, first, separator = _split_rows(text), 1, ""
    if stated := _SEPARATOR_ROW.fullmatch(lines[0]):
        separator, first = stated[1], 2
        lines = lines[1:] or [""]
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    if kind == "csv" or all(map(_is_quoted, lines[0].strip().split("\t"))):
        rows = _csv_rows(lines, separator or _csv_separator(lines[0], columns))
    else:
        rows = [line.split(separator or "\t") for line in lines]
    numbered = [
        (number, row)
        for number, row in enumerate(rows, start=first)
        if isinstance(row, str) or any(map(str.strip, row))
    ]
    names = next((row for _, row in numbered if not isinstance(row, str)), None)
    if names is None:
        raise DataError(f"{path}: is empty" if not numbered else f"{path}: row {numbered[0][0]}: {numbered[0][1]}")
    if header is None:
        header = _is_header(names, columns)
    indices = _indices_by_name(path, names, columns) if header else _indices_by_number(path, names, columns)
    made = [
        _delimited_row(number, row, indices, len(names)) for number, row in numbered if not (header and row is names)
    ]
    return Rows(made, tuple(names)) if header else Rows(made, ignored=0 if columns else len(names) - 2)


def _is_quoted(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'


def _csv_separator(first: str, columns: Named) -> str:
    """Return the sign that separates known names or an image in the first row; others may be part of a text."""
    signs = [sign for sign in SEPARATORS if sign in first] or [","]

    def separates(sign: str) -> bool:
        row, _ = _csv_row([f"{first}\n"], sign)
        names = [] if isinstance(row, str) else row
        return _is_header(names, columns) or any(name.strip().lower().endswith(IMAGE_SUFFIXES) for name in names)

    return next(filter(separates, signs), signs[0])


def _csv_rows(texts: list[str], separator: str) -> list[list[str] | str]:
    """Return the rows of a CSV file, or the reason why one cannot be read."""
    lines = [f"{text}\n" for text in texts]
    rows: list[list[str] | str] = []
    first = 0
    while first < len(lines):
        row, used = _csv_row(lines[first : first + MAX_ROWS_OF_TEXT + 1], separator)
        rows.append(row)
        first += used
    return rows


def _csv_row(lines: list[str], separator: str) -> tuple[list[str] | str, int]:
    """Return the first row, or the reason why it cannot be read; and the number of lines that it takes.

    A quotation mark that is not closed costs only its own line.
    """
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        pass
    try:  # letters after a closing quotation mark, as careless programs write them
        row = next(csv.reader(lines[:1], delimiter=separator))
    except csv.Error as error:
        return f"not CSV: {error}", 1
    return "a quotation mark is not closed" if row and row[-1].endswith("\n") else row, 1


def _delimited_row(number: int, row: list[str] | str, indices: dict[str, int], columns: int) -> Row:
    if isinstance(row, str):
        return Row(number, {}, row)
    missing = [field for field in ("image", "text") if indices[field] >= len(row)]
    if missing:
        return Row(number, {}, f"has {counted(len(row), 'column')}, none for the {missing[0]}")
    if any(value.strip() for value in row[columns:]):
        return Row(
            number,
            {},
            f"has {counted(len(row), 'column')}, but the first row has {columns}: is a separator not quoted?",
        )
    values = {field: row[index] for field, index in indices.items() if index < len(row)}
    if any(map(has_surrogates, values.values())):
        return Row(number, {}, NOT_UTF8)
    if values["text"].startswith(BOXES):
        return Row(
            number, {}, "texts of a page with their positions, not the text of a line: use the list of its crops"
        )
    return Row(number, values)


def _spaced_row(number: int, row: str) -> Row:
    image, *text = row.split(maxsplit=1)
    if has_surrogates(row):
        return Row(number, {}, NOT_UTF8)
    return Row(number, {"image": image, "text": "".join(text)})


def _pylaia_row(number: int, row: str) -> Row:
    image, *tokens = row.split()
    if has_surrogates(row):
        return Row(number, {}, NOT_UTF8)
    return Row(number, {"image": image, "text": "".join(" " if token == PYLAIA_SPACE else token for token in tokens)})


def _is_header(names: list[str], columns: Named) -> bool:
    """Return whether the first row names a column for the image and one for the text."""
    return all(_find(names, field, columns.get(field)) is not None for field in ("image", "text"))


def _find(names: list[str], field: str, wanted: str | None) -> int | None:
    """Return the index of the column for `field`: the wanted one, or the first with a known name."""
    if wanted in names:
        return names.index(wanted)
    lower = [name.strip().lower() for name in names]
    if wanted is not None:
        return lower.index(wanted.lower()) if wanted.lower() in lower else None
    return next((lower.index(name) for name in KNOWN_NAMES[field] if name in lower), None)


def _indices_by_name(path: Path, names: list[str], columns: Named) -> dict[str, int]:
    indices: dict[str, int] = {}
    for field in KNOWN_NAMES:
        wanted = columns.get(field)
        index = _find(names, field, wanted)
        if index is not None:
            indices[field] = index
        elif wanted is not None or field in ("image", "text"):
            raise DataError(_no_column(path, field, wanted, names))
    return indices


def _no_column(path: Path, field: str, wanted: str | None, names: list[str]) -> str:
    named = f"no column {wanted!r} for the {field}" if wanted else f"no column for the {field}"
    return f"{path}: {named}; its columns: {', '.join(names)}; name the right one with --{field}-column"


def _indices_by_number(path: Path, first: list[str], columns: Named) -> dict[str, int]:
    """Return the indices of columns in a table without a header: numbers from the options, otherwise image, text."""
    indices = {"image": 0, "text": 1}
    for field, wanted in columns.items():
        if not wanted.isdecimal() or len(wanted) > 9 or not 1 <= int(wanted) <= len(first):
            raise DataError(
                f"{path}: no column {wanted!r} for the {field}: the first row, {', '.join(first)!r}, is not a "
                f"header with it; give the number of the column (1 to {len(first)}) or --header"
            )
        indices[field] = int(wanted) - 1
    if len(first) < 2 and "text" not in columns:
        raise DataError(f"{path}: the first row has one column; it needs an image and a text")
    return indices


# --- JSON Lines --------------------------------------------------------------------------------------------------


def _read_jsonl(path: Path, text: str, columns: Named) -> Rows:
    rows = [_jsonl_row(number, row, columns) for number, row in enumerate(_split_rows(text), start=1) if row.strip()]
    if all(row.error for row in rows) and (objects := _json_objects(text)):
        rows = [_jsonl_row(number, row, columns) for number, row in enumerate(objects, start=1)]
    if rows and all(row.error for row in rows):
        raise DataError(f"{path}: no row can be used; row {rows[0].number}: {rows[0].error}")
    names = next((row.names for row in rows if row.names), ())
    return Rows(rows, names)


def _json_objects(text: str) -> list[str]:
    """Return the objects of a list, objects on several lines each, or those of `{"a.png": "text"}` as docTR has it."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return [part for _, part in json_objects(text)]
    if isinstance(whole, dict) and any(name.lower().endswith(IMAGE_SUFFIXES) for name in whole):
        whole = [{"image": name, "text": value} for name, value in whole.items()]
    return [json.dumps(item, ensure_ascii=False) for item in whole] if isinstance(whole, list) else [text]


def _jsonl_row(number: int, row: str, columns: Named) -> Row:
    if has_surrogates(row):
        return Row(number, {}, NOT_UTF8)
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
    for field in KNOWN_NAMES:
        index = _find(names, field, columns.get(field))
        value = None if index is None else data[names[index]]
        if field in ("image", "text") and not isinstance(value, str):
            if index is not None:
                return Row(number, {}, f"{names[index]!r} is not a string, but {json.dumps(value)[:MAX_SHOWN]}")
            return Row(number, {}, f"no string for the {field}; the keys are: {', '.join(names)[:MAX_SHOWN]}")
        if value is not None:
            values[field] = str(value)
    return Row(number, values, names=tuple(names))
