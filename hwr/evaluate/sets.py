"""Which files are evaluated, and under which names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import DataError
from hwr.store.columns import DEFAULT_COLUMNS, Columns
from hwr.store.lines import LineFile, resolve_split

SPLITS = ("train", "val", "test")
DEFAULT_SPLIT = "val"


@dataclass(frozen=True)
class EvaluationSet:
    """One file of lines; `split` is None for a file whose name is none of the splits."""

    name: str
    path: Path
    split: str | None


@dataclass(frozen=True)
class FailedSet:
    """A set that could not be measured, and why (one line that names it)."""

    path: Path
    error: str


def find_sets(paths: Sequence[Path], split: str) -> tuple[list[EvaluationSet], list[FailedSet]]:
    """The sets of `paths` (stores or single `.parquet` files), and those that are not there.

    A store is called by its folder, a single file by its stem, or by its folder too where the file is a split of a
    store. Sets that would have the same name are called by their paths.
    """
    found, failed = [], []
    for path in paths:
        try:
            file = resolve_split(path, split)
        except DataError as error:
            failed.append(FailedSet(path, str(error)))
            continue
        in_store = file.stem in SPLITS or path.is_dir()
        name = file.resolve().parent.name if in_store else file.stem
        found.append(EvaluationSet(name, file, file.stem if in_store else None))
    names = Counter(item.name for item in found)
    renamed = [
        item if names[item.name] == 1 else EvaluationSet(str(item.path), item.path, item.split) for item in found
    ]
    return renamed, failed


def count_lines(sets: Sequence[EvaluationSet], columns: Columns = DEFAULT_COLUMNS, limit: int | None = None) -> int:
    """Lines that an evaluation will go through; sets that cannot be opened count as none."""
    total = 0
    for item in sets:
        try:
            count = LineFile(item.path, columns).count
        except DataError:
            continue
        total += count if limit is None else min(count, limit)
    return total
