"""Cut a set of lines in two, so that what is fitted on one half can be measured on the other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class KnownLine(Protocol):
    """What is needed of a line: its id, and where it comes from."""

    @property
    def id(self) -> str:
        """Name of the line in its set."""
        ...

    @property
    def writer(self) -> str | None:
        """Who wrote it, where known."""
        ...

    @property
    def page(self) -> str | None:
        """On which page, where known."""
        ...


LineType = TypeVar("LineType", bound=KnownLine)


def halves(lines: Iterable[KnownLine]) -> tuple[set[str], set[str]]:
    """The ids of the lines of one set in two halves that have no writer in common.

    A set of one writer is cut by page, a set of one page by line. Lines without a writer (or page) stand for
    themselves. The largest groups are dealt out first, each to the half that has fewer lines, so that the halves are
    about equal; the same lines give the same halves in whatever order they come.
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
    """The lines of one set in the two halves of `halves`, each in the order of `lines`."""
    first, _ = halves(lines)
    return [line for line in lines if line.id in first], [line for line in lines if line.id not in first]
