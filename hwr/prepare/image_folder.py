"""An image folder of Hugging Face: images with a table `metadata.csv`, `metadata.jsonl` or `metadata.tsv`.

    FOLDER/metadata.csv  FOLDER/a.png
    FOLDER/train/metadata.csv  FOLDER/train/a.png  FOLDER/test/metadata.csv ...     a table for each split

The layout is that of `datasets.load_dataset("imagefolder")`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.files.tree import find_entry
from hwr.prepare.samples import Reason, Sample, Skipped, Source
from hwr.prepare.table import Table, TableOptions
from hwr.prepare.table_rows import Named
from hwr.store.splits import SPLIT_NAMES

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.tsv")


def find_tables(path: Path) -> list[Path]:
    """Return the table of an image folder, or those of its splits."""
    own = _table_in(path)
    if own is not None:
        return [own]
    folders = sorted(entry for entry in path.iterdir() if entry.name.lower() in SPLIT_NAMES and entry.is_dir())
    return [table for folder in folders if (table := _table_in(folder)) is not None]


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
        for file in find_tables(path):
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
        """Yield the rows of each table in order, then tables that cannot be used."""
        for table in self._tables:
            for item in table.items(images):
                yield item if table.path.parent == self.path else _in_split(item, table.path.parent.name)
        yield from self._broken


def _in_split(item: Sample | Skipped, folder: str) -> Sample | Skipped:
    if isinstance(item, Skipped):
        return item
    return replace(item, id=f"{folder}/{item.id}", split=item.split or SPLIT_NAMES[folder.lower()])
