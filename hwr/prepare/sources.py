"""The formats of sources, and the readers for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from hwr.errors import DataError, UsageError, as_argument
from hwr.files.tree import ARCHIVES, FileTree, FolderTree, check_regular, open_tree
from hwr.formats.read_file import HEAD
from hwr.prepare import iam, pages, sidecar, table_rows
from hwr.prepare.iam import IamOptions, IamTree
from hwr.prepare.image_folder import NAMES, ImageFolder, find_split_tables, find_tables
from hwr.prepare.manifest import SKIPPED
from hwr.prepare.pages import PageFileOptions, PageFiles
from hwr.prepare.parquet import ParquetLines
from hwr.prepare.samples import Notes, Reason, Sample, Skipped, Source
from hwr.prepare.sidecar import SidecarFolder, unused_images
from hwr.prepare.table import Table, TableOptions
from hwr.store.columns import Columns
from hwr.store.splits import MANIFEST, parquet_files, parquet_in_splits

KINDS = ("iam", "sidecar", "table", "parquet", *pages.KINDS)

OWN_JSON = b'"rotation"'
"""A key of pages, in JSON that hwr wrote."""
UNREAD = {
    (".xlsx", ".xls", ".ods"): "a spreadsheet; save it as CSV or TSV",
    (".arrow",): "an Arrow file; load the data set with `datasets` and save it with to_parquet",
    (".hocr", ".html"): "hOCR or HTML; make PAGE XML or ALTO of it",
}
"""Advice on other files, by their endings."""


@dataclass(frozen=True)
class ReaderOptions:
    """Options of all readers; each takes its own. `columns`: field -> column, as the user named them."""

    iam: IamOptions = field(default_factory=IamOptions)
    columns: tuple[tuple[str, str], ...] = ()
    table: TableOptions = field(default_factory=TableOptions)
    pages: PageFileOptions = field(default_factory=PageFileOptions)


class MixedFolder(Source):
    """A folder or zip with lines that have text files and pages that have XML, as one source."""

    def __init__(self, path: Path, tree: FileTree, kind: str, options: PageFileOptions) -> None:
        super().__init__(path)
        self.kind = f"sidecar+{kind}"
        self.tree = tree
        self._sidecars = SidecarFolder(path, tree, plain=False)
        self._pages = PageFiles(path, kind, options, tree)
        self.notes = self._sidecars.notes = self._pages.notes = Notes()

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the lines of the pages, the lines with text files, then images with neither."""
        yield from self._pages.lines()
        yield from self._sidecars.lines(self._pages.used)
        yield from unused_images(self.tree, self._sidecars.used | self._pages.used, Reason.NO_TEXT)


def open_source(path: Path, options: ReaderOptions = ReaderOptions(), kind: str | None = None) -> Source:
    """Return the reader of a source. Its format is detected unless `kind` states it.

    Raises:
        DataError: the source cannot be used.
        UsageError: an option names a column that this kind of source cannot have.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if kind is None:
        kinds, tree = detect_kinds(path)
        if kinds[0] == "sidecar" and len(kinds) > 1 and tree is not None:
            source: Source = MixedFolder(path, tree, kinds[1], options.pages)
            kinds = kinds[1:]
        else:
            source = _open(path, options, kinds[0])
        source.not_read += [
            Skipped(str(path), Reason.NOT_READ, f"use --from {other} to read it") for other in kinds[1:]
        ]
        if tree is not None:
            names = map(tree.where, _not_read(tree, kinds, path))
            source.not_read += [Skipped(name, Reason.NOT_READ, "name the table or zip to read it") for name in names]
        return source
    return _open(path, options, kind)


def _open(path: Path, options: ReaderOptions, kind: str) -> Source:
    named = dict(options.columns)
    if kind == "iam":
        return IamTree(path, options.iam)
    if kind == "sidecar":
        return SidecarFolder(path)
    if kind in pages.KINDS:
        return PageFiles(path, kind, options.pages)
    if kind == "parquet":
        return ParquetLines(path, _parquet_columns(named))
    if kind == "table":
        return (ImageFolder if path.is_dir() else Table)(path, named, options.table)
    raise UsageError(f"unknown kind of source {kind!r}; known: {', '.join(KINDS)}")


def detect_kinds(path: Path) -> tuple[list[str], FileTree | None]:
    """Return the `KINDS` that a source contains, the one to read first; and its files, if it is a folder or a zip.

    Raises:
        DataError: the source is missing, empty, or of no known format.
        InputError: it is a pipe, a device, or a pointer of Git LFS.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    check_regular(path)
    if path.is_file() and path.suffix.lower() != ".zip":
        return [_file_kind(path)], None
    if iam.is_tree(path):
        return ["iam"], None
    tree = open_tree(path)
    kinds = ["parquet"] if path.is_dir() and (parquet_files(path) or parquet_in_splits(path)) else []
    kinds += ["table"] if path.is_dir() and find_tables(path) else []
    kinds += ["sidecar"] if sidecar.has_sidecars(tree) else []
    page = pages.find_kind(tree)
    kinds += [page] if page else []
    if not kinds and sidecar.has_plain_sidecars(tree):
        kinds = ["sidecar"]
    if not kinds and path.is_dir() and find_split_tables(path):
        kinds = ["table"]
    if not kinds:
        raise DataError(_nothing_found(path, tree))
    return kinds, tree


def _not_read(tree: FileTree, kinds: list[str], path: Path) -> list[str]:
    """Return archives and tables, which are not read unless they are named, without the list of a store of hwr."""
    tables = find_tables(path) or find_split_tables(path) if "table" in kinds else ()
    read = {table.relative_to(path).as_posix() for table in tables}
    read |= {SKIPPED} if MANIFEST in tree.names else set()
    endings = (".zip", *ARCHIVES, *table_rows.SUFFIXES)
    return [name for name in tree.names if name.lower().endswith(endings) and name not in read]


def _nothing_found(path: Path, tree: FileTree) -> str:
    looked_for = "ascii/lines.txt (IAM), *.parquet, metadata.csv or .jsonl, NAME.gt.txt, PAGE XML or ALTO"
    return "; ".join((f"{path}: no data set found; looked for {looked_for}", *_ways_out(path, tree)))


def _ways_out(path: Path, tree: FileTree) -> Iterator[str]:
    """Yield what to do with each kind of file that is there instead of a data set."""

    def named(*endings: str) -> str:
        return next((name for name in tree.names if f"/{name}".lower().endswith(endings)), "")

    page = named(".json")
    own = bool(page) and OWN_JSON in tree.head(page, HEAD)
    if other := named(".parquet", "/lines.txt", "/words.txt", *(f"/{table}" for table in NAMES)):
        inner = path / other if path.is_dir() else path
        inside = as_argument(inner.parent.parent if inner.parent.name.lower() == "ascii" else inner.parent)
        yield f"it contains {other}: " + (f"hwr prepare {inside}" if path.is_dir() else f"unpack {path.name} first")
    elif table := named(".txt", ".tsv", ".csv", ".jsonl") or ("" if own else page):
        command = f"hwr prepare {as_argument(path / table)} --from table"
        yield f"if {table} is a list of images and texts: " + (
            command if path.is_dir() else f"unpack {path.name} first, then name the list with --from table"
        )
    elif own:
        yield f"hwr convert {as_argument(path / page)} --format page -o DIR makes PAGE XML of what hwr wrote"
    if archive := named(".zip"):
        command = f"hwr prepare {as_argument(path / archive)}"
        yield (
            f"it contains a zip: {command}"
            if path.is_dir()
            else f"it contains another zip, {archive}: unpack {path.name} first"
        )
    if packed := named(*ARCHIVES):
        yield f"it contains an archive, {packed}: unpack it first"
    for endings, advice in UNREAD.items():
        if other := named(*endings):
            yield f"{other} is {advice}"
    if foreign := named(".xml"):
        yield f"{foreign} is neither PAGE XML nor ALTO"


def _file_kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if iam.is_tree(path):
        return "iam"
    if suffix == ".parquet":
        return "parquet"
    if suffix in (*table_rows.SUFFIXES, ".json"):
        if OWN_JSON in _head(path):
            way_out = f"hwr convert {as_argument(path)} --format page -o DIR"
            raise DataError(f"{path}: JSON of a page; {way_out} makes PAGE XML of what hwr wrote")
        return "table"
    if suffix == ".xml":
        kind = pages.find_kind(FolderTree(path.parent, (".",)), path.name)
        if kind:
            return kind
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    for endings, advice in UNREAD.items():
        if suffix in endings:
            raise DataError(f"{path}: {advice}")
    if path.name.lower().endswith(ARCHIVES):
        raise DataError(f"{path}: archives other than zip are not read; unpack it, and name the folder")
    known = ".parquet, .tsv, .csv, .jsonl, .json, and .xml or .zip with PAGE XML or ALTO"
    raise DataError(f"{path}: unknown kind of file; known: {known}, or give --from KIND")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:  # which its reader reports
        return b""


def _parquet_columns(named: dict[str, str]) -> Columns:
    unknown = sorted(set(named) - {item.name for item in fields(Columns)})
    if unknown:
        raise UsageError(f"--{unknown[0]}-column does not apply to Parquet")
    return Columns(**named)
