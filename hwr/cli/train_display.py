"""The live table of `hwr train`."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from hwr.train.validate import SetResult

SHOWN_VALIDATIONS = 8


class LiveReporter:
    """Loss, speed and time left; CER of each set over the last validations; truths and readings to look at."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, refresh_per_second=2)
        self._figures: dict[str, Any] = {}
        self._validations: deque[tuple[int, dict[str, float]]] = deque(maxlen=SHOWN_VALIDATIONS)
        self._samples: list[tuple[str, str, str]] = []

    def __enter__(self) -> "LiveReporter":
        self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.stop()

    def message(self, text: str) -> None:
        """Print a line above the table."""
        self.live.console.print(text, highlight=False, markup=False)

    def progress(self, figures: dict[str, Any]) -> None:
        """Show the state of the run."""
        self._figures = figures
        self.live.update(self._render())

    def validation(self, results: "Sequence[SetResult]", figures: dict[str, Any]) -> None:
        """Show the CER of each set, with truths and readings."""
        self._figures = figures
        self._validations.append((figures["lines"], {result.name: result.errors.rate for result in results}))
        self._samples = [(result.name, *sample) for result in results for sample in result.samples[:1]]
        self.live.update(self._render())

    def _render(self) -> Group:
        parts: list[Any] = [self._state()]
        if self._validations:
            parts.append(self._cer())
            parts.append(self._readings())
        return Group(*parts)

    def _state(self) -> Table:
        from hwr.train.reporters import short

        figures = self._figures
        table = Table(box=None, padding=(0, 2))
        for name in ("done", "step", "lines seen", "epoch", "loss", "rate", "lines/s", "minutes left"):
            table.add_column(name, justify="right")
        if figures["non_finite"]:
            table.add_column("loss not finite", justify="right")
        loss, left = figures["loss"], figures["minutes_left"]
        table.add_row(
            f"{figures['share']:.1%}",
            f"{figures['step']:,}",
            f"{figures['lines']:,}",
            str(figures["epoch"]),
            "-" if loss is None else f"{loss:.3f}",
            f"{figures['learning_rate']:.1e}",
            short(figures["lines_per_second"]),
            "-" if left is None else short(left),
            *([f"{figures['non_finite']} steps"] if figures["non_finite"] else []),
        )
        return table

    def _cer(self) -> Table:
        names = list(self._validations[-1][1])
        table = Table(title="CER", title_justify="left", box=None, padding=(0, 2))
        table.add_column("lines seen", justify="right")
        for name in names:
            table.add_column(name, justify="right")
        for lines, rates in self._validations:
            table.add_row(f"{lines:,}", *(f"{rates[name]:.4f}" if name in rates else "-" for name in names))
        return table

    def _readings(self) -> Table:
        table = Table(box=None, padding=(0, 2), show_header=False)
        for name, truth, reading in self._samples:
            table.add_row(name, Text("truth", style="dim"), Text(truth, overflow="ellipsis", no_wrap=True))
            table.add_row("", Text("reading", style="dim"), Text(reading, overflow="ellipsis", no_wrap=True))
        return table
