"""What a run tells, line by line, and how it is asked to stop."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

from hwr.train.validate import SetResult


class PlainReporter:
    """One line for each message, for logs and for machines without rich."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def message(self, text: str) -> None:
        """Say something once."""
        print(text, file=self.stream, flush=True)

    def progress(self, figures: dict[str, Any]) -> None:
        """Where the run stands."""
        left = figures["minutes_left"]
        loss = figures["loss"]
        self.message(
            f"{figures['share']:6.1%}  step {figures['step']:,}  lines {figures['lines']:,}  "
            f"loss {'-' if loss is None else f'{loss:.3f}'}  {figures['lines_per_second']:.0f} lines/s  "
            f"{'?' if left is None else f'{left:.0f}'} min left"
            + (f"  {figures['non_finite']} steps without a finite loss" if figures["non_finite"] else "")
        )

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        """CER of each set, with a truth and a reading."""
        for result in results:
            self.message(f"  {result.name}: CER {result.errors.rate:.4f} on {result.lines} lines")
            for truth, reading in result.samples[:1]:
                self.message(f"    truth   {truth}\n    reading {reading}")


class SilentReporter:
    """Says nothing: of several processes only the first one talks."""

    def message(self, text: str) -> None:
        """Nothing."""

    def progress(self, figures: dict[str, Any]) -> None:
        """Nothing."""

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        """Nothing."""


@contextmanager
def stop_on_signal(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that is true once Ctrl-C or SIGTERM has come; a second Ctrl-C ends at once."""
    stopped = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped = True
        # A signal that falls into a write to the same stream finds it in use; the message is then not worth a failure.
        with suppress(RuntimeError):
            tell("stopping after this step; everything is saved (Ctrl-C again: at once, back to the last save)")

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
