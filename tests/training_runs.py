"""Tiny training runs: drawn lines that are easy to read, a recipe of seconds, and a record of every step."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from drawn_letters import CHARACTERS, HEIGHT, drawn_line

from hwr.bundle import BundleHeader, BundleLine, write_bundle
from hwr.line import NORMALISATION
from hwr.train.augment.augment import AugmentOptions
from hwr.train.distributed import ALONE, Processes
from hwr.train.loop import StepReport, Trainer
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.run import Session
from hwr.train.schedule import Progress
from hwr.train.validate import SetResult

SPEC = "[1,48,0,1 C3,3,8,2,2 Mp2,2 Mp0,1 Do0.1 Lbx16 O1c{classes}]"
FOREVER = 1e6


def drawn_lines(count: int, seed: int = 0, longest: int = 8) -> list[BundleLine]:
    """`count` lines of 2 to `longest` random letters."""
    generator = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        text = "".join(generator.choice(list(CHARACTERS), int(generator.integers(2, longest + 1))))
        lines.append(BundleLine(drawn_line(text), text, f"drawn-{seed}-{number}"))
    return lines


def header(name: str = "drawn", split: str = "train", **changes: Any) -> BundleHeader:
    """The header of a shard that this version of the normalisation made."""
    facts: dict[str, Any] = {
        "set": name,
        "split": split,
        "normalisation": NORMALISATION.name,
        "normalisation_version": NORMALISATION.version,
        "height": HEIGHT,
        "quality": 100,
    }
    return BundleHeader(**facts | changes)


def drawn_bundle(folder: Path, train: int = 200, validation: int = 20) -> Path:
    """A bundle with a training and a validation split of drawn lines."""
    write_bundle(folder, header(), drawn_lines(train))
    write_bundle(folder, header(split="val"), drawn_lines(validation, seed=1))
    return folder


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
        "optimisation": Optimisation(columns_per_batch=1500, warm_up_steps=10, span_steps=2, steps_per_span=20),
    }
    return Recipe(**settings | changes)


def plain() -> AugmentOptions:
    """No augmentation."""
    return AugmentOptions(strength=0.0)


@dataclass
class Recorder:
    """A reporter that keeps all it is told."""

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
    """An observer that keeps the report of every step, calls `after`, and passes everything on to the session."""

    session: Session
    after: Callable[[Session, StepReport], None] = lambda session, report: None
    reports: list[StepReport] = field(default_factory=list)

    def step(self, report: StepReport, progress: Progress) -> None:
        self.reports.append(report)
        self.session.step(report, progress)

    def trunk(self, trainer: Trainer) -> None:
        self.session.trunk(trainer)

    def due(self, trainer: Trainer) -> None:
        self.session.due(trainer)
        self.after(self.session, self.reports[-1])


@dataclass
class Recorded:
    """What a recorded run left."""

    session: Session
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
    after: Callable[[Session, StepReport], None] = lambda session, report: None,
    processes: Processes = ALONE,
) -> Recorded:
    """As `hwr.train.run.train`, with a record of every step; stops after step `stop_after` if that is given."""
    reporter = Recorder()
    session = Session(settings, folder, reporter, processes=processes)
    session.prepare(resume)
    steps = Steps(session, after)
    finished = session.trainer.run(steps, lambda: bool(stop_after) and session.trainer.progress.step >= stop_after)
    session.finish(finished)
    return Recorded(session, steps.reports, reporter, finished)


def run_and_wait_for_the_end(settings: Recipe, folder: Path, save_at: int, wait_at: int) -> None:
    """For a child process: prints each loss, saves once, and at step `wait_at` waits to be killed."""

    def after(session: Session, report: StepReport) -> None:
        print(report.step, report.loss.hex(), flush=True)
        if report.step == save_at:
            session.save()
        if report.step == wait_at:
            os.write(1, b"waiting\n")
            time.sleep(600)

    run(settings, folder, after=after)
