"""What the commands that read whole sets have in common: which sets, of which model, and a walk over all lines."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from hwr.cli.eval import complain, name_unreadable, progress_bar
from hwr.errors import DataError

if TYPE_CHECKING:
    from hwr.evaluate.evaluation import EvaluationOptions
    from hwr.evaluate.lines import ReadLine
    from hwr.evaluate.sets import EvaluationSet

Line = TypeVar("Line")


def read_sets(
    read: "Callable[[EvaluationSet, Callable[[ReadLine], None]], Iterable[Line]]",
    sets: "Sequence[EvaluationSet]",
    options: "EvaluationOptions",
) -> tuple[list[Line], bool]:
    """The lines of all sets, and whether all could be read; those and the sets that could not are named.

    Args:
        read: the lines of one set; it tells the function that it is given of each line, unreadable ones too.

    Raises:
        DataError: there is no line.
    """
    from hwr.evaluate.lines import UnreadableLines

    lines: list[Line] = []
    complete = True
    with progress_bar(sets, options) as advance:

        def on_line(line: "ReadLine") -> None:
            nonlocal complete
            advance(line)
            name_unreadable(line)
            complete = complete and not isinstance(line, UnreadableLines)

        for source in sets:
            try:
                lines.extend(read(source, on_line))
            except DataError as error:
                complain(str(error))
                complete = False
    if not lines:
        raise DataError("no line could be read")
    return lines, complete
