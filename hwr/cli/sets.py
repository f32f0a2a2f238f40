"""Walk over line stores, for the commands that read whole sets; unreadable items are named on stderr."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from hwr.cli.base import given_options, refuse
from hwr.cli.terminal import complain, progress_bar, say
from hwr.errors import DataError

if TYPE_CHECKING:
    from hwr.evaluate.lines import OnLine, ReadLine
    from hwr.evaluate.sets import EvaluationSet, FailedSet, Selection

Line = TypeVar("Line")


def find_sets(data: Sequence[Path], split: str) -> "tuple[list[EvaluationSet], list[FailedSet]]":
    """Return the sets that exist and those that do not; the latter are named.

    Raises:
        UsageError: the user chose a split, and there are only single files.
        DataError: none exists.
    """
    from hwr.evaluate import sets

    if all(path.is_file() or (path.suffix == ".parquet" and not path.is_dir()) for path in data):
        refuse(given_options(click.get_current_context()), ("split",), "applies to folders; name the file of the split")

    found, missing = sets.find_sets(data, split)
    if not found:
        raise DataError("; ".join(item.error for item in missing))
    for item in missing:
        complain(item.error)
    return found, missing


@contextmanager
def watch_lines(sets: "Sequence[EvaluationSet]", selection: "Selection") -> "Iterator[OnLine]":
    """Yield a function to call with each line: it names unreadable lines and moves a bar, if stderr is a terminal."""
    from hwr.evaluate.lines import UnreadableLines
    from hwr.evaluate.sets import count_lines

    with progress_bar("reading", count_lines(sets, selection)) as advance:

        def on_line(line: "ReadLine") -> None:
            if isinstance(line, UnreadableLines):
                say(f"{line.set}: {line.id}: {line.error}")
                advance(line.count)
            else:
                advance(1)

        yield on_line


def read_sets(
    read: "Callable[[EvaluationSet, Selection, OnLine], Iterable[Line]]",
    sets: "Sequence[EvaluationSet]",
    selection: "Selection",
) -> tuple[list[Line], int]:
    """Read all sets; return their lines and how many lines and sets could not be read.

    Args:
        read: yields the selected lines of a set, and calls the function with each line, unreadable or not.

    Raises:
        DataError: there is no line.
    """
    from hwr.evaluate.lines import UnreadableLines

    lines: list[Line] = []
    failed = 0
    with watch_lines(sets, selection) as watch:

        def on_line(line: "ReadLine") -> None:
            nonlocal failed
            watch(line)
            failed += isinstance(line, UnreadableLines)

        for source in sets:
            try:
                lines.extend(read(source, selection, on_line))
            except DataError as error:
                say(str(error))
                failed += 1
    if not lines:
        raise DataError("no line could be read")
    return lines, failed
