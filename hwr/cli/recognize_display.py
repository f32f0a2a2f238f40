"""What `hwr recognize` says while it reads: failures and notes on stderr, and a bar where that is a terminal."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import click

from hwr.errors import HwrError

NAME_WIDTH = 40
"""Characters of a page's name on the bar."""


class Display:
    """Says what happens; see `hwr.recognize.job.Watcher`. As a context manager it shows a bar of pages."""

    def __init__(self, documents: int, bar: bool, verbose: bool = False) -> None:
        """Make a display.

        Args:
            documents: number of documents; each counts as one page until it is opened.
            bar: show one where stderr is a terminal.
            verbose: show the tracebacks of failures.
        """
        self._pages = documents
        self._bar = bar and sys.stderr.isatty()
        self._verbose = verbose
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._bar:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("pages"),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("", total=self._pages)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def opened(self, pages: int) -> None:
        self._pages += pages - 1
        if self._progress is not None:
            self._progress.update(self._task, total=self._pages)

    def begin(self, name: str) -> None:
        if self._progress is not None:
            shown = name if len(name) <= NAME_WIDTH else "…" + name[1 - NAME_WIDTH :]
            self._progress.update(self._task, description=shown)

    def done(self, pages: int = 1) -> None:
        if self._progress is not None:
            self._progress.advance(self._task, pages)

    def failed(self, error: HwrError) -> None:
        if self._verbose:
            traceback.print_exception(error)
        click.echo(f"hwr: error: {error}", err=True)

    def note(self, text: str) -> None:
        click.echo(f"hwr: {text}", err=True)


@contextmanager
def progress_bar(count: int, on: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where that is a terminal and the results go elsewhere."""
    if not (on and count > 1 and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=count)
        yield lambda: progress.advance(task)
