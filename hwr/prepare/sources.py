"""Which format a source has, and the reader for it."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from hwr.errors import DataError, UsageError
from hwr.prepare import iam, pages, sidecar, table
from hwr.prepare.iam import IamOptions, IamTree
from hwr.prepare.pages import PageFiles, PageOptions
from hwr.prepare.parquet import ParquetLines
from hwr.prepare.samples import Source
from hwr.prepare.sidecar import SidecarFolder
from hwr.prepare.table import Table, TableColumns
from hwr.store.columns import Columns
from hwr.store.splits import parquet_files

KINDS = ("iam", "sidecar", "table", "parquet", *pages.KINDS)

FOLDER_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.tsv")
"""Tables by which Hugging Face image folders are known."""


@dataclass(frozen=True)
class ReaderOptions:
    """Options of all readers; each takes its own. `columns`: field -> column, as the user named them."""

    iam: IamOptions = field(default_factory=IamOptions)
    columns: tuple[tuple[str, str], ...] = ()
    header: bool | None = None
    pages: PageOptions = field(default_factory=PageOptions)


def detect_kind(path: Path) -> str:
    """One of `KINDS`.

    Raises:
        DataError: the source is missing, or of no known format.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if iam.is_tree(path):
        return "iam"
    if path.is_file():
        if path.suffix.lower() == ".parquet":
            return "parquet"
        if path.suffix.lower() in table.SUFFIXES:
            return "table"
        kind = pages.find_kind(path) if path.suffix.lower() in (".xml", ".zip") else None
        if kind:
            return kind
        known = ".parquet, .tsv, .csv, .jsonl, and .xml or .zip with PAGE XML or ALTO"
        raise DataError(f"{path}: unknown kind of file; {known} are known, or say --from KIND")
    if parquet_files(path):
        return "parquet"
    if _folder_table(path):
        return "table"
    if sidecar.is_folder(path):
        return "sidecar"
    kind = pages.find_kind(path)
    if kind:
        return kind
    looked_for = "ascii/lines.txt (IAM), *.parquet, metadata.csv or .jsonl, *.gt.txt, PAGE XML or ALTO"
    raise DataError(f"{path}: no data set found; looked for {looked_for}")


def open_source(path: Path, options: ReaderOptions = ReaderOptions(), kind: str | None = None) -> Source:
    """The reader of a source; its format is found out unless `kind` says it.

    Raises:
        DataError: the source cannot be used.
        UsageError: an option names a column that this kind of source cannot have.
    """
    kind = kind or detect_kind(path)
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    columns = dict(options.columns)
    if kind == "iam":
        return IamTree(path, options.iam)
    if kind == "sidecar":
        return SidecarFolder(path)
    if kind in pages.KINDS:
        return PageFiles(path, kind, options.pages)
    if kind == "parquet":
        return ParquetLines(path, Columns(**_known(columns, Columns, "Parquet")))
    if kind == "table":
        file = _folder_table(path) if path.is_dir() else path
        if file is None:
            raise DataError(f"{path}: a folder; name the table in it")
        return Table(file, TableColumns(**_known(columns, TableColumns, "a table")), options.header)
    raise UsageError(f"unknown kind of source {kind!r}; known: {', '.join(KINDS)}")


def _known(columns: dict[str, str], kind: type[Columns | TableColumns], name: str) -> dict[str, str]:
    unknown = sorted(set(columns) - {item.name for item in fields(kind)})
    if unknown:
        raise UsageError(f"--{unknown[0]}-column does not fit {name}")
    return columns


def _folder_table(path: Path) -> Path | None:
    return next((path / name for name in FOLDER_TABLES if (path / name).is_file()), None)
