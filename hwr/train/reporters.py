"""Messages of a run, and the signals that stop it."""

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TextIO

from hwr.errors import MissingDependency, as_argument
from hwr.text import counted
from hwr.train.validate import SetResult

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that the system has; SIGHUP is sent when a terminal is closed."""

TENSORBOARD = "tensorboard"
"""Folder of its files, inside the run folder."""
SCALARS = ("loss", "learning_rate", "lines_per_second")


class Reporter(Protocol):
    """Receives messages and figures of a run."""

    def message(self, text: str) -> None: ...

    def progress(self, figures: dict[str, Any]) -> None: ...

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None: ...


class PlainReporter:
    """Prints lines, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def message(self, text: str) -> None:
        """Print a line."""
        print(text, file=self.stream, flush=True)

    def progress(self, figures: dict[str, Any]) -> None:
        """Print the state of the run."""
        left, loss = figures["minutes_left"], figures["loss"]
        self.message(
            f"{figures['share']:6.1%}  step {figures['step']:,}  lines {figures['lines']:,}  "
            f"loss {'-' if loss is None else f'{loss:.3f}'}  {short(figures['lines_per_second'])} lines/s  "
            f"{'?' if left is None else short(left)} min left"
            + (f"  {figures['non_finite']} steps without a finite loss" if figures["non_finite"] else "")
        )

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        """Print the CER of each set, with a truth and a reading."""
        for result in results:
            self.message(f"  {result.name}: CER {result.errors.rate:.4f} on {counted(result.lines, 'line')}")
            for truth, reading in result.samples[:1]:
                self.message(f"    truth   {truth}\n    reading {reading}")


class SilentReporter:
    """Reports nothing: of several processes only the first one reports."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def progress(self, figures: dict[str, Any]) -> None:
        """Do nothing."""

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        """Do nothing."""


class TensorBoardReporter:
    """Passes everything on to another reporter, and also writes the figures as scalars for TensorBoard.

    Events of later steps, written before a run returned to its trunk, are purged.
    """

    def __init__(self, reporter: Reporter, folder: Path, make_writer: Any) -> None:
        self._reporter, self._folder, self._make_writer = reporter, folder, make_writer
        self._writer: Any = None
        self._failed = False

    def message(self, text: str) -> None:
        """Pass a message on."""
        self._reporter.message(text)

    def progress(self, figures: dict[str, Any]) -> None:
        """Write loss, rate and speed."""
        self._reporter.progress(figures)
        self._write({f"training/{name}": figures[name] for name in SCALARS}, figures["step"])

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        """Write the CER of each set, and their mean."""
        self._reporter.validation(results, figures)
        rates = {result.name: result.errors.rate for result in results}
        mean = sum(rates.values()) / len(rates)
        self._write({f"cer/{name}": rate for name, rate in rates.items()} | {"cer/mean": mean}, figures["step"])

    def close(self) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            with self._reporting_failure():
                self._writer.close()

    def _write(self, scalars: Mapping[str, float | None], step: int) -> None:
        if self._failed:
            return
        with self._reporting_failure():
            if self._writer is None:
                self._writer = self._make_writer(str(self._folder), purge_step=step)
            for name, value in scalars.items():
                if value is not None:
                    self._writer.add_scalar(name, value, step)
            self._writer.flush()

    @contextmanager
    def _reporting_failure(self) -> Iterator[None]:
        """Report the first error of writing as a message: the run does not need these files."""
        try:
            yield
        except OSError as error:
            if not self._failed:
                reason = error.strerror or error
                self.message(f"{self._folder}: cannot be written ({reason}): nothing more is written for TensorBoard")
            self._failed = True


@contextmanager
def tensorboard(reporter: Reporter, run_folder: Path, wanted: bool) -> Iterator[Reporter]:
    """Yield `reporter`, which also writes scalars to the run folder if that is `wanted`.

    Raises:
        MissingDependency: the package tensorboard, the extra `hwr[tensorboard]`, is not installed.
    """
    if not wanted:
        yield reporter
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependency("--tensorboard needs the package tensorboard; run: pip install tensorboard") from None
    reporter.message(f"to see the curves: tensorboard --logdir {as_argument(run_folder)}")
    both = TensorBoardReporter(reporter, run_folder / TENSORBOARD, SummaryWriter)
    try:
        yield both
    finally:
        both.close()


def short(number: float) -> str:
    """Return a number with a decimal if it is below 10."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


@contextmanager
def stop_on_signal(log: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that is true once Ctrl-C, SIGTERM or SIGHUP has come; a second Ctrl-C ends at once."""
    stopped, logged = False, False

    def say_so() -> None:
        nonlocal logged
        # A signal may arrive during a write to the same stream; then the message comes after the step. A lost terminal
        # is not a reason to fail.
        with suppress(RuntimeError, OSError):
            log("stopping after this step and saving everything (Ctrl-C again: stop at once, keep the last save)")
            logged = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped = True
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        say_so()

    def stop() -> bool:
        if stopped and not logged:
            say_so()
        return stopped

    numbers = [getattr(signal, name) for name in STOP_SIGNALS if hasattr(signal, name)]
    # An ignored signal, as under nohup, stays ignored.
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Redirect the standard streams of a closed terminal to nowhere, since writing to it would fail."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
