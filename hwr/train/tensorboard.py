"""Scalars of a run for TensorBoard, in addition to the messages. Needs the extra `hwr[tensorboard]`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hwr.errors import MissingDependency
from hwr.train.reporters import Reporter
from hwr.train.validate import SetResult

FOLDER = "tensorboard"
"""Inside the run folder."""

SCALARS = ("loss", "learning_rate", "lines_per_second")


class TensorBoardReporter:
    """Passes everything on to another reporter, and also writes the figures as scalars.

    Events of later steps, written before a run returned to its trunk, are purged.
    """

    def __init__(self, reporter: Reporter, folder: Path, writer: Any) -> None:
        self._reporter, self._folder, self._make = reporter, folder, writer
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
            self._writer.close()

    def _write(self, scalars: Mapping[str, float | None], step: int) -> None:
        if self._failed:
            return
        try:
            if self._writer is None:
                self._writer = self._make(str(self._folder), purge_step=step)
            for name, value in scalars.items():
                if value is not None:
                    self._writer.add_scalar(name, value, step)
            self._writer.flush()
        except OSError as error:
            self._failed = True
            self.message(
                f"{self._folder}: cannot be written ({error.strerror}): nothing more is written for TensorBoard"
            )


@contextmanager
def tensorboard(reporter: Reporter, run_folder: Path, wanted: bool) -> Iterator[Reporter]:
    """Yield `reporter`, which also writes scalars to the run folder if that is `wanted`.

    Raises:
        MissingDependency: the package tensorboard is not installed.
    """
    if not wanted:
        yield reporter
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependency("--tensorboard needs the package tensorboard; run: pip install tensorboard") from None
    both = TensorBoardReporter(reporter, run_folder / FOLDER, SummaryWriter)
    try:
        yield both
    finally:
        both.close()
