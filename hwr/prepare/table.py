"""A table of images and texts: TSV, CSV or JSON Lines, with one line of handwriting per row.

Image paths are relative to the folder of the table, or to one that the user names. Columns are found by their names, in
any case and order:

    image      image, file, filename, file_name, image_path, path
    text       text, transcription, transcript, ground_truth, label, sentence
    optional   id, writer, page, split, lang, source, licence (and writer_id, language, license)

or selected by options. Without a header, a TSV or CSV has the image in its first column and the text in its second, or
in the columns whose numbers (from 1) the options give. TSV has no quoting. In CSV, quotation marks quote, and the
separator is a comma, a semicolon, a tab or a vertical bar, depending on the first row. Lists of other kinds have the
image before the first space. `hwr.prepare.table_rows` reads the rows.

Without a column for it, the split of a row is the one in the name of the table (`gt_val.txt`), otherwise the first
folder of its image.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from hwr.errors import DataError
from hwr.files.tree import FileIndex, FolderTree, check_regular, is_file
from hwr.prepare.samples import IMAGE_SUFFIXES, Reason, Sample, Skipped, Source, read_image
from hwr.prepare.table_rows import ALL_KNOWN, Named, Row, read_rows
from hwr.store.splits import SPLIT_NAMES, split_in_name, split_of_folder

NAME_COLUMNS = "if this row names the columns, say with --image-column and --text-column which they are"


@dataclass(frozen=True)
class TableOptions:
    """Options for reading a table.

    Attributes:
        header: the first row names the columns; None: detect it.
        images: folder that image paths are relative to; None: the folder of the table.
        allow_outside: also take images from outside that folder.
    """

    header: bool | None = None
    images: Path | None = None
    allow_outside: bool = False


class Table(Source):
    """A TSV, CSV or JSONL file as a source.

    Raises:
        DataError: it cannot be read, is empty, or has no column for the image or the text.
    """

    kind = "table"

    def __init__(self, path: Path, columns: Named = ALL_KNOWN, options: TableOptions = TableOptions()) -> None:
        super().__init__(path)
        check_regular(path)
        if options.images is not None and not options.images.is_dir():
            raise DataError(f"--images {options.images}: no such folder")
        table = read_rows(path, columns, options.header)
        self._rows = table.rows
        self._unnamed = table.rows[0] if table.rows and not table.names else None
        self._named = split_in_name(path.stem)
        for note in table.choices(columns):
            self.notes.add(note, str(path))
        self._finder = _ImageFinder(options.images or path.parent, options.allow_outside)
        if not self._rows:
            raise DataError(f"{path}: contains no row")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the rows in order."""
        for row in self._rows:
            yield self._item(row)

    def _item(self, row: Row) -> Sample | Skipped:
        where = f"{self.path}, row {row.number}"
        if row.error:
            return Skipped(where, Reason.BAD_ROW, row.error)
        values = row.values
        name = values["image"].strip()
        if not name:
            return Skipped(where, Reason.NO_IMAGE, "the image column is empty")
        split = values.get("split", "").strip().lower()
        if split and split not in SPLIT_NAMES:
            return Skipped(where, Reason.BAD_ROW, f"unknown split {split!r}")
        found = self._finder.find(name)
        if isinstance(found, str):
            if row is self._unnamed and not name.lower().endswith(IMAGE_SUFFIXES):
                found += f"; {NAME_COLUMNS}"
            return Skipped(where, Reason.NO_IMAGE, found)
        if found.searched:
            self.notes.add(
                "images that are not where the table says, found by their names (--images names the folder)", where
            )
        path = found.path
        listed = PurePosixPath(name.replace("\\", "/"))
        return Sample(
            id=values.get("id") or str(listed.with_suffix("")),
            text=values["text"],
            path=path.name,
            where=where,
            load=lambda: read_image(path),
            split=SPLIT_NAMES.get(split) or self._named or split_of_folder(listed),
            writer=values.get("writer") or None,
            page=values.get("page") or None,
            lang=values.get("lang") or None,
            source=values.get("source") or None,
            licence=values.get("licence") or None,
            file=path,
        )


@dataclass(frozen=True)
class _Found:
    """An image. `searched`: it was not where the table says."""

    path: Path
    searched: bool = False


class _ImageFinder:
    """Finds the images of a table below a folder."""

    def __init__(self, folder: Path, allow_outside: bool) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._allow_outside = allow_outside
        self._index: FileIndex | None = None

    def find(self, name: str) -> _Found | str:
        """Return the image, or the reason why there is none. A name may lack its ending.

        It is searched for under the given path, then under all spellings of it, then by the longest end of the path
        that is unique.
        """
        found = self._find(name)
        if isinstance(found, str) and not name.lower().endswith(IMAGE_SUFFIXES):
            whole = (self._find(name + suffix) for suffix in IMAGE_SUFFIXES)
            return next((other for other in whole if isinstance(other, _Found)), found)
        return found

    def _find(self, name: str) -> _Found | str:
        outside = False
        for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
            path = self._folder / spelling
            if is_file(path):
                if self._allow_outside or path.resolve().is_relative_to(self._root):
                    return _Found(path)
                outside = True
        if outside:
            return f"{name} is not below {self._folder}; --allow-outside takes such images"
        index = self._files()
        found = index.at(name)
        if found is None and not _is_upward(name):
            found = index.anywhere(name)
            if found is not None:
                return self._inside(found, searched=True)
        if found is None:
            return f"{self._folder / name}; --images names another folder"
        return self._inside(found, searched=False)

    def _inside(self, found: str, searched: bool) -> _Found | str:
        path = self._folder / found
        if self._allow_outside or path.resolve().is_relative_to(self._root):
            return _Found(path, searched)
        return f"{found} is a link that leads out of {self._folder}; --allow-outside takes such images"

    def _files(self) -> FileIndex:
        if self._index is None:
            try:
                self._index = FileIndex(FolderTree(self._folder).names)
            except DataError:  # too many files: only the paths of the table count
                self._index = FileIndex(())
        return self._index


def _is_upward(name: str) -> bool:
    return ".." in PureWindowsPath(name).parts
