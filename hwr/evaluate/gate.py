"""Limits that fail a build: each holds for each set alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwr.evaluate.evaluation import SetResult


@dataclass(frozen=True)
class Gate:
    """Highest rates that pass, as fractions; None sets no limit."""

    max_cer: float | None = None
    max_wer: float | None = None


@dataclass(frozen=True)
class GateResult:
    """One limit on one set; `measure` is "cer" or "wer"."""

    set: str
    measure: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """A value that is no number does not pass."""
        return self.value <= self.limit

    def __str__(self) -> str:
        name, option = self.measure.upper(), f"--max-{self.measure}"
        if self.passed:
            return f"{self.set}: {name} {self.value:.4f} is within {option} {self.limit:g}"
        return f"{self.set}: {name} {self.value:.4f} is over {option} {self.limit:g} by {self.value - self.limit:.2g}"


def check_gate(gate: Gate, sets: Sequence[SetResult]) -> list[GateResult]:
    """The result of each limit on each set, in the order of the sets."""
    results = []
    for item in sets:
        figures = item.figures
        for measure, counts, limit in (
            ("cer", figures.characters, gate.max_cer),
            ("wer", figures.words, gate.max_wer),
        ):
            if limit is not None:
                results.append(GateResult(item.source.name, measure, counts.rate, limit))
    return results
