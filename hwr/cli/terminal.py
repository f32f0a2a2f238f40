"""All output of `hwr`: results on stdout, messages and progress on stderr.

Names of files and texts come from elsewhere. On a terminal their control characters would act (move the cursor, set the
window title), so both streams replace them there; `say` also keeps each message on one line.
"""

import codecs
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from hwr.text import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

TABLE_WIDTH = 120
"""Columns of a table that does not go to a terminal, such as in the log of a build."""


def say(text: str) -> None:
    """Print a message on stderr, as one line."""
    print(f"hwr: {printable(text)}", file=sys.stderr, flush=True)  # click would write past a bar of rich


def complain(error: object) -> None:
    """Print an error on stderr, as one line."""
    say(f"error: {error}")


def show(text: str) -> None:
    """Print a result on stdout, followed by a newline."""
    print(text, flush=True)


def show_table(table: "Table") -> None:
    """Print a table on stdout; without a terminal, it is never cut to a width."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else TABLE_WIDTH
    Console(width=width, color_system=None, markup=False, highlight=False).print(table)


def size_text(size: int) -> str:
    """Return a number of bytes as text: 33.0 kB, 14.1 MB."""
    from rich.filesize import decimal

    return decimal(size)


def progress_console() -> "Console":
    """Return the console for bars and live tables on stderr; what is printed there must be `printable` already."""
    from rich.console import Console

    stream = sys.stderr
    guard = getattr(getattr(stream, "buffer", None), "raw", None)
    return Console(file=guard.original, highlight=False) if isinstance(guard, _Guard) else Console(stderr=True)


@contextmanager
def progress_bar(description: str, total: int, *, on: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr if that is a terminal; yield a function that advances it."""
    if not (on and sys.stderr.isatty()):
        yield lambda count: None
        return
    with make_progress() as progress:
        task = progress.add_task(description, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def progress_counter(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr if that is a terminal; yield a function that sets it to a number done and a total."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with make_progress() as progress:
        task = progress.add_task(description)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def make_progress(unit: str = "lines") -> "Progress":
    """Return a progress display on stderr with a description, a bar, a count and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=progress_console(), transient=True)


class StreamError(Exception):
    """A standard stream that cannot be written to.

    Not an `OSError` or an `HwrError`: what handles a file that fails must not take this for one.
    """

    def __init__(self, name: str, reason: OSError, written: bool) -> None:
        super().__init__(f"{name}: cannot be written: {reason.strerror or reason}")
        self.broken_pipe = isinstance(reason, BrokenPipeError)
        self.written = written


class _Guard(io.RawIOBase):
    """The bytes of a standard stream: `StreamError` where it fails, control characters replaced on a terminal."""

    def __init__(self, original: TextIO | None, name: str, required: bool = True) -> None:
        """Guard a stream.

        Args:
            required: without this stream, the command has failed. Messages are lost where theirs is full or closed;
                that must not lose results.
        """
        self.original, self._name, self._required = original, name, required
        buffer = getattr(original, "buffer", None)
        self._raw = getattr(buffer, "raw", buffer)
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode if self.isatty() else None
        self._written = self._dead = False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.original is not None and self.original.isatty()

    def fileno(self) -> int:
        if self.original is None:
            raise io.UnsupportedOperation("closed stream")
        return self.original.fileno()

    def give_up(self) -> None:
        """Drop the contents of the buffers above, so that the end of the interpreter does not fail on them."""
        self._dead = True

    def write(self, data: "ReadableBuffer", /) -> int:
        chunk = bytes(data)
        if self._dead:
            return len(chunk)
        shown = chunk if self._decode is None else printable(self._decode(chunk), lines=True).encode()
        try:
            if self.original is None:
                raise OSError(9, "the stream is closed")
            if self._raw is None:  # a stream of text without bytes below it, such as that of an editor
                self.original.write(shown.decode())
                return len(chunk)
            rest = memoryview(shown)
            while rest:
                count = self._raw.write(rest)
                self._written = self._written or bool(count)
                rest = rest[count or 0 :]
        except OSError as error:
            if self._required or isinstance(error, BrokenPipeError):
                raise StreamError(self._name, error, self._written) from error
            self.give_up()
        return len(chunk)


@contextmanager
def standard_streams(verbose: bool = False) -> Iterator[None]:
    """Write UTF-8 through guarded streams, and log messages and warnings with `say`, inside the block.

    Args:
        verbose: also write hwr's messages of level INFO.

    Raises:
        StreamError: stdout cannot be written to, or the reader of stderr has ended; also at the end of the block, for
            what was in the buffers.
    """
    before = sys.stdout, sys.stderr
    guards = _Guard(sys.stdout, "standard output"), _Guard(sys.stderr, "standard error", required=False)
    with suppress(AttributeError, ValueError):  # closed before the program began
        for stream in before:
            stream.flush()
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(guard), "utf-8", "backslashreplace", line_buffering=line_buffering)
        for guard, line_buffering in zip(guards, (guards[0].isatty(), True), strict=True)
    )
    streams = sys.stdout, sys.stderr
    try:
        with _messages(verbose):
            yield
            for stream in streams:
                stream.flush()
    finally:
        with suppress(StreamError):
            for stream in streams:
                stream.flush()
        for guard in guards:
            guard.give_up()
        sys.stdout, sys.stderr = before


class _SayHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


@contextmanager
def _messages(verbose: bool) -> Iterator[None]:
    """Send log records and Python's warnings through `say`."""

    def show_warning(message: Warning | str, category: Any, *place: Any, **more: Any) -> None:
        say(f"warning: {message}")

    handler, root, own = _SayHandler(), logging.getLogger(), logging.getLogger("hwr")
    root.addHandler(handler)
    level = own.level
    own.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            yield
    finally:
        own.setLevel(level)
        root.removeHandler(handler)
