"""Output of commands that work on many pages: failures, notes, a progress bar on a terminal, and a closing line."""

import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hwr.cli.terminal import complain, make_progress, say
from hwr.errors import HwrError
from hwr.text import counted, printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from hwr.recognize.job import Counts

NAME_WIDTH = 40
"""Maximum characters of a page's name next to the bar."""


class Display:
    """Prints the events of a job; see `hwr.recognize.job.Progress`. As a context manager it shows a bar of pages."""

    def __init__(self, documents: int, bar: bool, verbose: bool = False) -> None:
        """Make a display.

        Args:
            documents: number of documents; each counts as one page until it is opened.
            bar: show one where stderr is a terminal.
            verbose: print the tracebacks of failures.
        """
        self._pages = documents
        self._bar = bar and sys.stderr.isatty()
        self._verbose = verbose
        self._progress: Progress | None = None
        self._update: Callable[..., None] = lambda **changes: None

    def __enter__(self) -> Self:
        if self._bar:
            self._progress = make_progress("pages")
            self._update = partial(self._progress.update, self._progress.add_task("", total=self._pages))
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def opened(self, pages: int) -> None:
        self._pages += pages - 1
        self._update(total=self._pages)

    def begin(self, name: str) -> None:
        self._update(description=printable(name if len(name) <= NAME_WIDTH else "…" + name[1 - NAME_WIDTH :]))

    def done(self) -> None:
        self._update(advance=1)

    def failed(self, error: HwrError) -> None:
        if self._verbose:
            traceback.print_exception(error)
        complain(error)

    def note(self, text: str) -> None:
        say(text)


def say_summary(counts: "Counts", output: str | None, seconds: float) -> None:
    """Print one line about a run on several pages, or on one that was skipped."""
    if counts.total < 2 and not counts.skipped:
        return
    parts = [
        counted(counts.total, "page"),
        counted(counts.lines, "line"),
    ]
    for count, text in (
        (counts.failed - counts.partial, "failed"),
        (counts.partial, "not written in every format"),
        (counts.skipped, f"skipped because {_what_exists(counts.skipped, output)}"),
        (counts.resumed, "read before the interruption"),
        (counts.doubtful, "with low confidence"),
        (counts.lost_lines, f"line{'' if counts.lost_lines == 1 else 's'} left out"),
    ):
        if count:
            parts.append(f"{count:,} {text}")
    where = f"; results in {output}" if output is not None and counts.read + counts.partial + counts.skipped else ""
    say(f"{', '.join(parts)}{where}; {format_seconds(seconds)}")


def _what_exists(skipped: int, output: str | None) -> str:
    """Return why pages were skipped, as the end of a sentence."""
    if skipped > 1 and output is not None and Path(output).is_file():  # one file for all inputs
        return f"{output} exists"
    return "its result exists" if skipped == 1 else "their results exist"


def format_seconds(seconds: float) -> str:
    """Return a duration such as 4.2 s, 3 min 05 s or 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
