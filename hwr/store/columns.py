"""The columns of a LineStore in Parquet: names, checks of files from elsewhere, and the schema that hwr writes."""

import json
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.files.tree import check_regular

READ_BUFFER = 256 * 2**10
"""Bytes to read ahead in each column; without this limit, a whole column of a row group is held in memory."""

FACTS = ("writer", "page", "lang", "source", "licence")
"""Columns that state the origin of a line; null if unknown."""

NORMALISATION_KEY = b"hwr.normalisation"
"""Key in the metadata of the Arrow schema: JSON with `name`, `version` and `height` of normalised images."""

MAX_ROWS = 100_000_000
"""Maximum number of rows of a file."""

BROKEN = (OSError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, RuntimeError, NotImplementedError)
"""Exceptions that pyarrow raises for damaged bytes; its own exceptions are subclasses of them."""

MAX_HEIGHT = 1024
"""Maximum height of normalised lines, in pixels."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns in a Parquet file. `image` and `text` must exist, the others may be missing."""

    image: str = "image"
    text: str = "text"
    id: str = "id"
    width: str = "width"
    height: str = "height"
    writer: str = "writer"
    page: str = "page"
    lang: str = "lang"
    source: str = "source"
    licence: str = "licence"


DEFAULT_COLUMNS = Columns()


@dataclass(frozen=True)
class Normalised:
    """The normalisation of the images of a store, and the height of the lines in pixels."""

    name: str
    version: int
    height: int

    def __str__(self) -> str:
        return f"{self.name} {self.version} at height {self.height}"


def stated_normalisation(path: Path, schema: Any) -> Normalised | None:
    """Return the normalisation that the Arrow schema of a file states; None for images as found.

    Raises:
        DataError: the statement cannot be understood.
    """
    stated = (schema.metadata or {}).get(NORMALISATION_KEY)
    if stated is None:
        return None
    try:
        facts = json.loads(stated)
        name, version, height = facts["name"], facts["version"], facts["height"]
    except (ValueError, LookupError, TypeError, RecursionError):
        name = version = height = None
    if not (isinstance(name, str) and type(version) is int and type(height) is int and 0 < height <= MAX_HEIGHT):
        raise DataError(f"{path}: states an invalid normalisation of its images")
    return Normalised(name, version, height)


def open_parquet(path: Path) -> Any:
    """Open a Parquet file without reading a whole row group, which may be huge.

    Raises:
        DataError: it is missing, empty, truncated, corrupt, or not Parquet.
    """
    from pyarrow import parquet

    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a .parquet file in it")
    check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not head:
        raise DataError(f"{path}: is empty (0 bytes)")
    if head != b"PAR1":
        raise DataError(f"{path}: is not a Parquet file")
    try:
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=READ_BUFFER, page_checksum_verification=True)
        rows = file.metadata.num_rows
        _ = file.schema_arrow
    except BROKEN as error:
        raise DataError(f"{path}: is truncated or corrupt: {first_line(error)}") from error
    if not 0 <= rows <= MAX_ROWS:
        raise DataError(f"{path}: states {rows:,} rows; at most {MAX_ROWS:,} are read")
    return file


def check_columns(path: Path, schema: Any, columns: Columns) -> dict[str, str]:
    """Return the name of the column for each field of `Columns` that exists.

    Raises:
        DataError: a required or named column is missing, or has another type.
    """
    from pyarrow import types

    names: dict[str, str] = {}
    for item in fields(Columns):
        name = getattr(columns, item.name)
        if name in schema.names:
            names[item.name] = name
        elif item.name in ("image", "text") or name != item.default:
            raise DataError(
                f"{path}: no column {name!r} for the {item.name}; its columns: {', '.join(schema.names)}; "
                f"name the right one with {_option(item.name)}"
            )
    text = schema.field(names["text"]).type
    if not _is_text(text):
        raise DataError(f"{path}: column {names['text']!r} holds {text}, not text; name another with {_option('text')}")
    image = schema.field(names["image"]).type
    is_struct = types.is_struct(image) and image.get_field_index("bytes") >= 0 and _is_binary(image.field("bytes").type)
    if not is_struct and not _is_binary(image):
        raise DataError(
            f"{path}: column {names['image']!r} holds {image}, not the bytes of images; name another with "
            f"{_option('image')}"
        )
    return names


def _option(name: str) -> str:
    return f"--{name}-column (for a command without this option, `hwr prepare` makes a store)"


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def image_values(column: Any) -> tuple[list[bytes | None], list[str | None]]:
    """Return bytes and paths of an image column: a struct of `bytes` and optionally `path`, or plain bytes."""
    from pyarrow import compute, types

    if not types.is_struct(column.type):
        return column.to_pylist(), [None] * len(column)
    images = compute.struct_field(column, "bytes").to_pylist()
    if column.type.get_field_index("path") < 0:
        return images, [None] * len(column)
    paths = plain_values(compute.struct_field(column, "path"))
    return images, [path if isinstance(path, str) else None for path in paths]


def plain_values(column: Any) -> list[Any]:
    """Return the values of a column. In a text that is not UTF-8, invalid bytes become lone surrogates."""
    import pyarrow
    from pyarrow import types

    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        whole = column.dictionary_decode() if types.is_dictionary(column.type) else column
        values = whole.cast(pyarrow.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in values]


def image_size(image: bytes) -> tuple[int, int]:
    """Return width and height from the header of an image file; 0, 0 if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(BytesIO(image)) as opened:
            return opened.size
    except Exception:  # Pillow's readers raise almost anything on broken bytes; decoding will report it
        return 0, 0


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its class."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def schema(normalised: Normalised | None = None) -> Any:
    """Return the Arrow schema of a store, with the Hugging Face features and the normalisation in its metadata."""
    import pyarrow as pa

    kinds = {"text": "string", "id": "string", "width": "int32", "height": "int32"} | dict.fromkeys(FACTS, "string")
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {name: {"dtype": kind, "_type": "Value"} for name, kind in kinds.items()}
    image = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    columns = [pa.field("image", image), *(pa.field(name, pa.type_for_alias(kind)) for name, kind in kinds.items())]
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    if normalised is not None:
        metadata[NORMALISATION_KEY] = json.dumps(asdict(normalised)).encode()
    return pa.schema(columns, metadata=metadata)
