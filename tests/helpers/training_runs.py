"""Tiny training runs: drawn lines that are easy to read, a recipe of seconds, and a record of every step."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.drawn_letters import CHARACTERS, HEIGHT, drawn_line
from hwr.store.lines import StoredLine
from hwr.store.normalised import current_normalisation, normalised_line
from hwr.store.writing import write_lines
from hwr.train.augment.options import AugmentOptions
from hwr.train.datasets import StoreLines
from hwr.train.folder import METRICS
from hwr.train.loading import load_batches
from hwr.train.loop import StepReport
from hwr.train.processes import ALONE, Processes
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.run import Run
from hwr.train.validate import SetResult

SPEC = "[1,48,0,1 C3,3,8,2,2 Mp2,2 Mp0,1 Do0.1 Lbx16 O1c{classes}]"
QUICK_SPEC = "[1,48,0,1 C3,3,8,4,2 Mp4,2 S1(1x0)1,3 Lbx16 O1c{classes}]"
"""Learns to read the drawn letters within 1,500 lines."""

FOREVER = 1e6


@dataclass(frozen=True)
class Drawn:
    """A normalised line."""

    ink: NDArray[np.uint8]
    text: str
    id: str


def drawn_lines(count: int, seed: int = 0, longest: int = 8) -> list[Drawn]:
    """`count` lines of 2 to `longest` random letters."""
    generator = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        text = "".join(generator.choice(list(CHARACTERS), int(generator.integers(2, longest + 1))))
        lines.append(Drawn(drawn_line(text), text, f"drawn-{seed}-{number}"))
    return lines


def write_drawn(file: Path, lines: Sequence[Drawn], shard_size: int | None = None, **facts: str) -> Path:
    """Write a store of normalised lines, without loss."""
    stored = (normalised_line(StoredLine(b"", "", line.text, line.id, 1, HEIGHT, **facts), line.ink) for line in lines)
    write_lines(file, stored, current_normalisation(HEIGHT), shard_size)
    return file


def drawn_store(folder: Path, train: int = 200, validation: int = 20) -> Path:
    """A store with a training and a validation split of drawn lines."""
    write_drawn(folder / "train.parquet", drawn_lines(train))
    write_drawn(folder / "val.parquet", drawn_lines(validation, seed=1))
    return folder


def opened(folder: Path, split: str = "train") -> StoreLines:
    """The lines of one split of a store of drawn lines."""
    return StoreLines(folder, HEIGHT, split)


def recipe(data: Path, **changes: Any) -> Recipe:
    """A recipe that counts lines, never minutes, so that nothing depends on the clock."""
    settings: dict[str, Any] = {
        "train": (TrainingSet(str(data)),),
        "validation": (TrainingSet(str(data)),),
        "spec": SPEC,
        "minutes": FOREVER,
        "lines": 200,
        "precision": "fp32",
        "threads": 1,
        "save_minutes": FOREVER,
        "validate_minutes": FOREVER,
        "optimisation": Optimisation(
            columns_per_batch=1500, warm_up_steps=10, span_time_steps=2, time_steps_per_span=20
        ),
    }
    return Recipe(**settings | changes)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The events in the log of a run."""
    return [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]


def plain() -> AugmentOptions:
    """No augmentation."""
    return AugmentOptions(strength=0.0)


@dataclass
class Recorder:
    """A reporter that keeps all it receives."""

    messages: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    results: list[list[SetResult]] = field(default_factory=list)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def progress(self, figures: dict[str, Any]) -> None:
        self.figures.append(figures)

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None:
        self.results.append(list(results))


@dataclass
class Steps:
    """An observer that keeps the report of every step, calls `after`, and passes everything on to the run."""

    run: Run
    after: Callable[[Run, StepReport], None] = lambda run, report: None
    reports: list[StepReport] = field(default_factory=list)

    def before_decay(self) -> None:
        self.run.before_decay()

    def after_step(self, report: StepReport) -> None:
        self.reports.append(report)
        self.run.after_step(report)
        self.after(self.run, report)


@dataclass
class Recorded:
    """What a recorded run left."""

    run: Run
    reports: list[StepReport]
    reporter: Recorder
    finished: bool

    @property
    def losses(self) -> dict[int, float]:
        return {report.step: report.loss for report in self.reports}

    @property
    def rates(self) -> list[float]:
        return [report.learning_rate for report in self.reports]


def run(
    settings: Recipe,
    folder: Path,
    resume: bool = False,
    stop_after: int = 0,
    after: Callable[[Run, StepReport], None] = lambda run, report: None,
    processes: Processes = ALONE,
) -> Recorded:
    """As `hwr.train.run.train`, with a record of every step; stops after step `stop_after` if that is given."""
    reporter = Recorder()
    made = Run(settings, folder, reporter, processes=processes)
    made.prepare(resume)
    steps = Steps(made, after)
    batches = load_batches(made.builder(), made.progress, made.device.device, processes)
    finished = made.trainer.run(batches, steps, lambda: bool(stop_after) and made.progress.step >= stop_after)
    made.finish(finished)
    return Recorded(made, steps.reports, reporter, finished)


def run_until_killed(settings: Recipe, folder: Path, save_at: int, kill_at: int) -> None:
    """For a child process: prints each loss, saves once, and kills the process at step `kill_at`."""

    def after(made: Run, report: StepReport) -> None:
        print(report.step, report.loss.hex(), flush=True)
        if report.step == save_at:
            made.save()
        if report.step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    run(settings, folder, after=after)
