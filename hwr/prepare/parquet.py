"""Parquet in the Hugging Face image-text layout: a line store, a file, or a folder of shards from elsewhere.

The split comes from the file's name: `train.parquet`, `validation-00000-of-00002.parquet`, `data/test-....parquet`; or
from its folder: `train/0000.parquet`.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hwr.errors import DataError
from hwr.prepare.samples import Reason, Sample, Skipped, Source
from hwr.prepare.table_rows import KNOWN_NAMES
from hwr.store.columns import DEFAULT_COLUMNS, Columns, Normalised, open_parquet
from hwr.store.lines import LineStore, StoredLine
from hwr.store.splits import lost_files, parquet_files, parquet_in_splits, split_of, split_of_source


class ParquetLines(Source):
    """One or more Parquet files as a source. A file of a folder that cannot be used is left out.

    Raises:
        DataError: none of the files can be used.
    """

    kind = "parquet"

    def __init__(self, path: Path, columns: Columns = DEFAULT_COLUMNS) -> None:
        super().__init__(path)
        self.columns = columns
        whole = parquet_files(path)
        self._in_splits = [] if whole else parquet_in_splits(path)
        self.files = whole or self._in_splits
        if not self.files:
            raise DataError(f"{path}: no .parquet file in this folder")
        self._broken: dict[Path, str] = {}
        for file in self.files:
            try:
                LineStore(file, columns=columns, normalised=True)
                self._note_other_texts(file)
            except DataError as error:
                self._broken[file] = str(error).removeprefix(f"{file}: ")
        if len(self._broken) == len(self.files):
            file, reason = next(iter(self._broken.items()))
            raise DataError(f"{file}: {reason}")

    def _note_other_texts(self, file: Path) -> None:
        """Add a note if another column may be the text, unless the user named one."""
        names = open_parquet(file).schema_arrow.names
        others = [name for name in names if name.lower() in KNOWN_NAMES["text"] and name != self.columns.text]
        if others and self.columns.text == DEFAULT_COLUMNS.text:
            chosen = f"{self.columns.text} is read (--text-column names another)"
            self.notes.add(f"columns {self.columns.text} and {' and '.join(others)}: {chosen}", str(file))

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the rows of all files in order, then missing files. Without `images` the image columns are not read."""
        for file in self.files:
            if file in self._broken:
                yield Skipped(str(file), Reason.LOST_FILE, self._broken[file])
                continue
            in_split = file in self._in_splits
            split = split_of(file) or split_of_source(file.parent if in_split else file)
            prefix = f"{file.parent.name}/" if in_split else ""
            store = LineStore(file, columns=self.columns, normalised=True)
            for row, line in store.rows(images):
                where = f"{file}, row {row}"
                if isinstance(line, str):
                    yield Skipped(where, _reason(line), line)
                else:
                    yield _sample(replace(line, id=prefix + line.id), where, split, store.normalised)
        for folder, files in groupby(self.files if self.path.is_dir() else (), key=lambda file: file.parent):
            for name in lost_files(list(files)):
                yield Skipped(str(folder / name), Reason.LOST_FILE)


def _reason(line: str) -> Reason:
    if line.startswith("no text"):
        return Reason.NO_TEXT
    return Reason.NO_IMAGE if line.startswith("no image") else Reason.BAD_ROW


def _sample(line: StoredLine, where: str, split: str | None, normalised: Normalised | None) -> Sample:
    return Sample(
        id=line.id,
        text=line.text,
        path=line.path,
        where=f"{where} ({line.id})",
        load=lambda: line.image,
        split=split,
        writer=line.writer,
        page=line.page,
        lang=line.lang,
        source=line.source,
        licence=line.licence,
        listed_as=line.id,
        normalised=normalised,
    )
