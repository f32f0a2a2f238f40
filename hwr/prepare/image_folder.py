"""A folder of images with a table for all of them or for each split.

    FOLDER/metadata.csv  FOLDER/a.png                                               also .jsonl, .tsv
    FOLDER/train/metadata.csv  FOLDER/train/a.png  FOLDER/test/metadata.csv ...     a table for each split
    FOLDER/train.csv  FOLDER/val.csv  FOLDER/images/a.png                           without any of these

The first two layouts are those of `datasets.load_dataset("imagefolder")`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.files.tree import find_entry, is_file, is_hidden, name_key, walk
from hwr.prepare.samples import IMAGE_SUFFIXES, Reason, Sample, Skipped, Source
from hwr.prepare.table import Table, TableOptions
from hwr.prepare.table_rows import SUFFIXES, Named
from hwr.store.splits import split_folders, split_in_name, split_of_source

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.tsv")


def find_tables(path: Path) -> list[Path]:
    """Return the table of an image folder, or those of its splits."""
    own = _table_in(path)
    if own is not None:
        return [own]
    return [table for folder in split_folders(path) if (table := _table_in(folder)) is not None]


def find_split_tables(path: Path) -> list[Path]:
    """Return the tables in a folder that are named after splits, in order of their names."""
    named = (entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and split_in_name(entry.stem))
    return sorted(entry for entry in named if not is_hidden(entry.name) and is_file(entry))


def _table_in(folder: Path) -> Path | None:
    found = (find_entry(folder, name) for name in NAMES)
    return next((table for table in found if table is not None and table.is_file()), None)


class ImageFolder(Source):
    """An image folder as a source. The id of a line in the folder of a split begins with the name of the folder.

    Raises:
        DataError: there is no table, or none that can be used.
    """

    kind = "table"

    def __init__(self, path: Path, columns: Named, options: TableOptions) -> None:
        super().__init__(path)
        self._tables: list[Table] = []
        self._broken: list[Skipped] = []
        for file in find_tables(path) or find_split_tables(path):
            try:
                table = Table(file, columns, options)
            except InputError as error:
                self._broken.append(Skipped(str(file), Reason.LOST_FILE, str(error).removeprefix(f"{file}: ")))
            else:
                self.notes.include(table.notes)
                table.notes = self.notes
                self._tables.append(table)
        if not self._tables:
            first = next(iter(self._broken), Skipped(str(path), Reason.LOST_FILE, "a folder; name the table in it"))
            raise DataError(f"{first.where}: {first.detail}")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the rows of each table in order, tables that cannot be used, and images that no table has."""
        used: set[str] = set()
        for table in self._tables:
            for item in table.items(images):
                if isinstance(item, Sample) and item.file is not None:
                    used.add(name_key(str(item.file)))
                yield item if table.path.parent == self.path else _in_split(item, table)
        yield from self._broken
        for folder, names in walk(self.path):
            for path in (folder / name for name in names if name.lower().endswith(IMAGE_SUFFIXES)):
                if name_key(str(path)) not in used:
                    yield Skipped(str(path), Reason.UNUSED_IMAGE, "in none of the rows that can be read")


def _in_split(item: Sample | Skipped, table: Table) -> Sample | Skipped:
    if isinstance(item, Skipped):
        return item
    folder = table.path.parent
    return replace(item, id=f"{folder.name}/{item.id}", split=item.split or split_of_source(folder))
