"""The sets that are evaluated, and the two halves of a set, for fitting on one and measuring on the other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

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
    """A set that could not be measured, and the reason in one line that names it."""

    path: Path
    error: str


def find_sets(paths: Sequence[Path], split: str) -> tuple[list[EvaluationSet], list[FailedSet]]:
    """Return the sets of `paths` (stores or single `.parquet` files), and those that do not exist.

    A store is named after its folder, a single file after its stem, or also after its folder if the file is a split of
    a store. Sets that would have the same name are named after their paths.
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
    """Return the number of lines of an evaluation; sets that cannot be opened have none."""
    total = 0
    for item in sets:
        try:
            count = LineStore(item.path, item.split, columns, normalised=True).count
        except DataError:
            continue
        total += count if limit is None else min(count, limit)
    return total


class WriterLine(Protocol):
    """A line with its id, writer and page."""

    @property
    def id(self) -> str:
        """Return the name of the line in its set."""
        ...

    @property
    def writer(self) -> str | None:
        """Return its writer, if known."""
        ...

    @property
    def page(self) -> str | None:
        """Return its page, if known."""
        ...


LineType = TypeVar("LineType", bound=WriterLine)


def halves(lines: Iterable[WriterLine]) -> tuple[set[str], set[str]]:
    """Return the ids of the lines of one set in two halves that have no writer in common.

    A set of one writer is split by page, a set of one page by line. A line without a writer (or page) is a group of its
    own. The largest groups come first, each to the half that has fewer lines, so that the halves are about equal. The
    halves do not depend on the order of the lines.
    """
    known = list(lines)
    for by in ("writer", "page", "id"):
        groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for line in known:
            key = getattr(line, by)
            groups[(by, str(key)) if key is not None else ("id", line.id)].append(line.id)
        if len(groups) > 1:
            break
    first: set[str] = set()
    second: set[str] = set()
    sizes = [0, 0]
    for _, ids in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        smaller = 0 if sizes[0] <= sizes[1] else 1
        sizes[smaller] += len(ids)
        (first, second)[smaller].update(ids)
    return first, second - first


def split_lines(lines: Sequence[LineType]) -> tuple[list[LineType], list[LineType]]:
    """Return the lines of one set in the two halves of `halves`, each in the order of `lines`."""
    first, _ = halves(lines)
    return [line for line in lines if line.id in first], [line for line in lines if line.id not in first]
