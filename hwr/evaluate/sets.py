"""The sets that are evaluated, and the two halves of a set, for fitting on one and measuring on the other."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.errors import DataError
from hwr.store.columns import DEFAULT_COLUMNS, Columns
from hwr.store.lines import LineStore
from hwr.store.splits import SPLITS, find_split, split_of


@dataclass(frozen=True)
class EvaluationSet:
    """Lines to evaluate: a file, or the folder of a split in several shards.

    `split` is None for a file whose name does not name a split.
    """

    name: str
    path: Path
    split: str | None


@dataclass(frozen=True)
class Selection:
    """The lines of each set to read: the first `limit`, or all; `columns` are the names of the Parquet columns."""

    limit: int | None = None
    columns: Columns = DEFAULT_COLUMNS


EVERY_LINE = Selection()


@dataclass(frozen=True)
class FailedSet:
    """A set that could not be measured, and the reason in one line that names it."""

    path: Path
    error: str


def find_sets(paths: Sequence[Path], split: str) -> tuple[list[EvaluationSet], list[FailedSet]]:
    """Return the sets of `paths` (stores or single `.parquet` files), and those that do not exist.

    A store is named after its folder, a single file after its stem, or also after its folder if the file is a split of
    a store. Sets that would have the same name are named after their paths. A set that is given twice counts once.
    """
    found: dict[Path, EvaluationSet] = {}
    failed = []
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
        name = folder.name if in_store else file.stem
        found.setdefault(file.resolve(), EvaluationSet(name, file, stated))
    names = Counter(item.name for item in found.values())
    renamed = [
        item if names[item.name] == 1 else EvaluationSet(str(item.path), item.path, item.split)
        for item in found.values()
    ]
    return renamed, failed


def count_lines(sets: Sequence[EvaluationSet], selection: Selection = EVERY_LINE) -> int:
    """Return the number of lines of an evaluation; sets that cannot be opened have none."""
    total = 0
    for item in sets:
        try:
            count = LineStore(item.path, item.split, selection.columns, normalised=True).count
        except DataError:
            continue
        total += count if selection.limit is None else min(count, selection.limit)
    return total


@dataclass(frozen=True)
class Origin:
    """Base of lines: the set of a line, its id in the set, and its writer and page if known."""

    set: str
    id: str
    writer: str | None
    page: str | None


def first_half(lines: Sequence[Origin]) -> NDArray[np.bool_]:
    """Divide the lines of each set into two halves that have no writer in common; return which are in the first.

    A set of one writer is split by page, a set of one page by line. A line without a writer (or page) is a group of its
    own. The largest groups come first, each to the half that has fewer lines, so that the halves are about equal. The
    halves do not depend on the order of the lines.
    """
    inside = np.zeros(len(lines), np.bool_)
    for name in dict.fromkeys(line.set for line in lines):
        members = [index for index, line in enumerate(lines) if line.set == name]
        sizes = [0, 0]
        for indices in _groups(lines, members):
            half = 0 if sizes[0] <= sizes[1] else 1
            sizes[half] += len(indices)
            inside[indices] = half == 0
    return inside


def _groups(lines: Sequence[Origin], members: Sequence[int]) -> list[list[int]]:
    """Return the indices of the lines of each writer (page, line) of a set, the largest group first."""
    for by in ("writer", "page", "id"):
        groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for index in members:
            key = getattr(lines[index], by)
            groups[(by, str(key)) if key is not None else ("id", lines[index].id)].append(index)
        if len(groups) > 1:
            break
    return [indices for _, indices in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))]
