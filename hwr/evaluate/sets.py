"""Which files are evaluated, and under which names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import DataError
from hwr.store.columns import DEFAULT_COLUMNS, Columns
from hwr.store.lines import LineStore
from hwr.store.splits import SPLITS, find_split, split_of

DEFAULT_SPLIT = "val"


@dataclass(frozen=True)
class EvaluationSet:
    """Lines to evaluate: a file, or the folder of a split in several shards.

    `split` is None for a file whose name does not name a split.
    """

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
            files = find_split(path, split)
        except DataError as error:
            failed.append(FailedSet(path, str(error)))
            continue
        file = files[0] if len(files) == 1 else path
        in_store = file.stem in SPLITS or path.is_dir()
        folder = path.resolve() if path.is_dir() else file.resolve().parent
        stated = split_of(file) or split if in_store else None
        found.append(EvaluationSet(folder.name if in_store else file.stem, file, stated))
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
            count = LineStore(item.path, item.split, columns).count
        except DataError:
            continue
        total += count if limit is None else min(count, limit)
    return total
