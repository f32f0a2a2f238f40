"""One run from recipe to released model: opens the data, builds the network, validates, saves, resumes."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch

from hwr.line import NORMALISATION
from hwr.model.export import export_graph
from hwr.model.info import ModelInfo
from hwr.model.network import count_parameters
from hwr.train.batches import Planner, Skipped
from hwr.train.datasets import open_run_data, training_texts
from hwr.train.device import Device, choose_device, hardware
from hwr.train.distributed import ALONE, Processes
from hwr.train.folder import BEST, LAST, RESUME, TRUNK, TRUNK_RESUME, RunFolder, Saver, go_on
from hwr.train.loop import StepReport, Trainer, seed_process
from hwr.train.recipe import Recipe
from hwr.train.schedule import Progress
from hwr.train.start import begin
from hwr.train.validate import SetResult, validate

LOG_SECONDS = 20.0
"""Seconds in steps between two lines of the log."""

PLATEAU_BLANK_SHARE = 0.95
"""This share of empty readings is the blank plateau."""


class Reporter(Protocol):
    """Where a run tells a person what it does."""

    def message(self, text: str) -> None: ...

    def progress(self, figures: dict[str, Any]) -> None: ...

    def validation(self, results: Sequence[SetResult], figures: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    finished: bool
    model: Path
    progress: Progress


def train(
    recipe: Recipe,
    folder: Path,
    reporter: Reporter,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    command: str = "",
    processes: Processes = ALONE,
    note: str = "",
    deadline: float | None = None,
) -> RunResult:
    """Train as `recipe` says and keep everything in `folder`. `note` is told to people once all is ready.

    All steps are done after `deadline` minutes from now, whatever waiting, validation and saving cost: where less time
    is left than the recipe has, the run is as far as the rest allows, and its learning rate falls in time.

    `last.safetensors` is the running average of the weights at the end, `best.safetensors` the one with the lowest mean
    validation CER, `trunk.safetensors` the one before the learning rate fell.

    Raises:
        HwrError: data, recipe, model or folder cannot be used, or the loss stays non-finite.
    """
    ends = None if deadline is None else time.monotonic() + 60 * deadline
    session = Session(recipe, folder, reporter, command, processes)
    session.trainer.deadline = ends
    try:
        session.prepare(resume)
        if note:
            reporter.message(note)
        session.validate_start()
        finished = session.trainer.run(session, stop)
        session.finish(finished)
    finally:
        session.close()
    model = folder / (BEST if (folder / BEST).exists() else LAST)
    if finished and processes.first and find_spec("onnx") is not None:
        export_graph(model, model.with_suffix(".onnx"))
    return RunResult(finished, model, session.trainer.progress)


def dry_run(
    recipe: Recipe, folder: Path, reporter: Reporter, resume: bool = False, processes: Processes = ALONE
) -> str:
    """What the run would cost, as a table; nothing is written. See `hwr.train.cost`.

    Raises:
        HwrError: data, recipe, model or state cannot be used.
    """
    from hwr.train.cost import cost_table, measure_cost

    session = Session(recipe, folder, reporter, "", processes)
    try:
        if resume:
            for message in go_on(session.run, session.trainer, recipe, session.alphabet.characters):
                reporter.message(message)
        return cost_table(measure_cost(session), recipe)
    finally:
        session.close()


class Session:
    """Observes the loop: logs, validates, saves."""

    def __init__(
        self, recipe: Recipe, folder: Path, reporter: Reporter, command: str = "", processes: Processes = ALONE
    ) -> None:
        self.recipe, self.run, self.reporter, self.command = recipe, RunFolder(folder), reporter, command
        self.processes = processes
        self.files = Saver(self.run, reporter.message, processes.first)
        self.device: Device = choose_device(recipe.precision, recipe.threads, processes)
        torch.manual_seed(recipe.seed)
        tell = reporter.message
        self.start = begin(self._where_it_starts(), lambda height: training_texts(recipe, height, tell))
        network, self.alphabet = self.start.network, self.start.alphabet
        self.data = open_run_data(recipe, network.height, self.alphabet, tell, processes)
        try:
            self._trained_on = self.data.facts()
            self.trainer = self._trainer()
        except BaseException:
            self.close()
            raise
        self._losses: deque[float] = deque(maxlen=100)
        self._speed: deque[StepReport] = deque(maxlen=100)
        self._logged = 0.0
        self._before: float | None = None

    def _trainer(self) -> Trainer:
        """The network with its plan, before the first step."""
        recipe, network, processes = self.recipe, self.start.network, self.processes
        planner = Planner(
            [item.source for item in self.data.training],
            [item.weight for item in self.data.training],
            self.alphabet,
            network.stride,
            recipe.optimisation,
            recipe.seed,
            recipe.exclude,
            self.data.synthetic,
            processes,
        )
        trainer = Trainer(network, planner, recipe, self.device, processes, self.reporter.message)
        if processes.count > 1:
            seed_process(recipe.seed, processes)  # not the same dropout in each
        return trainer

    def _where_it_starts(self) -> Recipe:
        """The recipe; if the model that the run began with is gone, its own last model takes the place."""
        last = self.run.path / LAST
        if not self.recipe.init_from or Path(self.recipe.init_from).exists() or not (self.run.path / RESUME).exists():
            return self.recipe
        return replace(self.recipe, init_from=str(last), alphabet="keep") if last.exists() else self.recipe

    def prepare(self, resume: bool) -> None:
        """Make the run folder, or go on from its state; a lengthened run goes on from its trunk."""
        told = []
        if resume:
            # First, so that a state or recipe that does not fit leaves the folder as it is.
            told = go_on(self.run, self.trainer, self.recipe, self.alphabet.characters)
        else:
            self.run.refuse_if_used()
        progress = self.trainer.progress
        machine = hardware(self.device, self.processes)
        if self.processes.first:
            self.run.start(self.recipe)
            self.run.cut_log(progress.step)
        self.files.log({"event": "session", "step": progress.step, "lines": progress.lines} | self._versions())
        for message in told:
            self.reporter.message(message)
        self.reporter.message(
            f"{count_parameters(self.trainer.network):,} weights, {self.alphabet.classes} classes, "
            f"{machine}, {self.device.precision}, "
            f"{len(self.data.training)} training sets, {len(self.data.validation)} validation sets"
            + (f"; going on at step {progress.step}, {progress.lines:,} lines seen" if progress.step else "")
        )
        if self.start.message:
            self.reporter.message(self.start.message)
        if not self.data.validation:
            self.reporter.message(f"no validation data: no CER is measured, and {LAST} is the model; --val names some")

    def close(self) -> None:
        """End what goes on beside the run."""
        self.data.close()

    def _state(self) -> dict[str, Any]:
        """The trainer's state, and the alphabet that its labels belong to."""
        return self.trainer.state() | {"alphabet": self.alphabet.characters}

    def validate_start(self) -> None:
        """Say how well the model that this run starts from reads the validation sets."""
        progress = self.trainer.progress
        if self.start.base and self.data.validation and not progress.step:
            self.reporter.message("before training:")
            self.validate(0)
            self._before = progress.best
            if any(figures["lines"] > self.recipe.validation_lines for figures in progress.validation.values()):
                progress.best = float("inf")  # what follows is measured on fewer lines

    def _compare_with_start(self) -> None:
        """At the end: what the training brought."""
        after = self.trainer.progress.best
        if self._before is not None:
            self.reporter.message(
                f"mean CER {self._before:.4f} before training, {after:.4f} after"
                + ("" if after < self._before else ": nothing was gained; keep the old model, or add lines")
            )

    def step(self, report: StepReport, progress: Progress) -> None:
        """Log now and then."""
        self._losses.append(report.loss)
        self._speed.append(report)
        if progress.seconds - self._logged >= LOG_SECONDS or report.step == 1:
            self._logged = progress.seconds
            figures = self.figures()
            self.files.log({"event": "step"} | figures)
            self.reporter.progress(figures)

    def figures(self) -> dict[str, Any]:
        """Where the run stands, for the log and the screen."""
        progress = self.trainer.progress
        finite = [loss for loss in self._losses if loss == loss and loss != float("inf")]
        seconds = sum(report.seconds for report in self._speed) or 1.0
        share = min(1.0, progress.share(self.recipe))
        return {
            "step": progress.step,
            "lines": progress.lines,
            "epoch": progress.epoch,
            "minutes": round(progress.seconds / 60, 3),
            "share": round(share, 4),
            **({"synthetic_share": round(progress.synthetic_share, 4)} if self.recipe.synthesis else {}),
            "loss": round(sum(finite) / len(finite), 4) if finite else None,
            "learning_rate": self._speed[-1].learning_rate if self._speed else 0.0,
            "lines_per_second": round(sum(report.lines for report in self._speed) / seconds, 1),
            "minutes_left": round(progress.seconds / 60 * (1 - share) / share, 1) if share else None,
            "non_finite": progress.non_finite,
        }

    def due(self, trainer: Trainer) -> None:
        """Validate and save when it is time."""
        progress = trainer.progress
        if progress.seconds - progress.last_validation >= 60 * self.recipe.validate_minutes:
            self._watch(self.validate(self.recipe.validation_lines))
        if progress.seconds - progress.last_save >= 60 * self.recipe.save_minutes:
            self.save()

    def _watch(self, cer: float | None) -> None:
        """End the run early when validations bring no progress any more."""
        progress, patience = self.trainer.progress, self.recipe.patience
        if cer is None or progress.trunk_saved or not progress.stalls(cer, patience):
            return
        progress.end_early(self.recipe)
        self.reporter.message(
            f"{patience} validations without progress: the mean CER stays near {progress.stale_above:.4f}; "
            + ("the learning rate falls from here" if self.recipe.optimisation.decay_share else "the run ends here")
        )
        self.files.log({"event": "early end"} | self.figures())

    def trunk(self, trainer: Trainer) -> None:
        """Keep the state before the decay."""
        self.files.save_state(TRUNK_RESUME, self._state())
        self.files.save_model(TRUNK, trainer.average.state_dict(), self.info(), with_auxiliary=True)
        self.reporter.message("the trunk is saved; the learning rate falls from here")

    def validate(self, limit: int) -> float | None:
        """CER of the running average on each validation set; keeps it when the mean is the best so far.

        Returns:
            The mean CER; None without validation sets, and on the blank plateau, where it says nothing.
        """
        progress = self.trainer.progress
        progress.last_validation = progress.seconds
        if not self.data.validation:
            return None
        network = self.trainer.average
        autocast = self.device.autocast()
        results = [
            validate(network, source, self.alphabet, limit, autocast, self.processes) for source in self.data.validation
        ]
        mean = sum(result.errors.rate for result in results) / len(results)
        progress.validation = {
            result.name: {"cer": round(result.errors.rate, 5), "lines": result.lines} for result in results
        }
        figures = self.figures() | {"cer": {result.name: round(result.errors.rate, 5) for result in results}}
        self.files.log({"event": "validation", "mean_cer": round(mean, 5), "limit": limit} | figures)
        self.reporter.validation(results, figures)
        if mean < progress.best:
            progress.best = mean
            self.files.save_model(BEST, network.state_dict(), self.info())
        return None if self._on_plateau(results) else mean

    def _on_plateau(self, results: Sequence[SetResult]) -> bool:
        """True on the blank plateau, which is named."""
        lines = sum(result.lines for result in results)
        blank = sum(result.blank_lines for result in results)
        found = lines > 0 and blank / lines >= PLATEAU_BLANK_SHARE
        if found:
            self.reporter.message(
                f"{blank} of {lines} lines are read as empty: the blank plateau, which CTC passes through first. It "
                "ends after about 5,000 to 15,000 lines; if it does not, lower the learning rate or start from a "
                "model (--init-from)"
            )
        return found

    def save(self) -> None:
        """Write `last.safetensors` and the resume state."""
        self.trainer.progress.last_save = self.trainer.progress.seconds
        self.files.save_model(LAST, self.trainer.average.state_dict(), self.info(), with_auxiliary=True)
        self.files.save_state(RESUME, self._state())

    def finish(self, finished: bool) -> None:
        """The last validation, on all lines, and the last save."""
        if finished and self.trainer.progress.step:
            # Only figures on all lines compare with each other from here on.
            self.trainer.progress.best = float("inf")
            self.validate(0)
            self._compare_with_start()
        self.save()
        self.files.log({"event": "end" if finished else "stopped"} | self.figures() | asdict(self.skipped))
        self.files.finish()

    def _versions(self) -> dict[str, str]:
        """What the run computes on, and with."""
        from hwr import __version__

        return {
            "hardware": hardware(self.device, self.processes),
            "precision": self.device.precision,
            "hwr": __version__,
            "torch": torch.__version__,
        }

    @property
    def skipped(self) -> Skipped:
        """Counts of the lines that were passed over."""
        return self.trainer.planner.skipped

    def _synthetic_facts(self) -> dict[str, Any]:
        """What the model states of synthetic lines."""
        if self.recipe.synthesis is None:
            return {}
        facts = {"lines": self.trainer.progress.synthetic, "licence": self.recipe.synthesis.licence}
        return {"synthetic lines": {name: value for name, value in facts.items() if value != ""}}

    def info(self) -> ModelInfo:
        """The facts for a model file, as of now."""
        network, progress, recipe, base = self.trainer.network, self.trainer.progress, self.recipe, self.start.base
        return ModelInfo(
            spec=self.start.spec,
            alphabet=self.alphabet.characters,
            height=network.height,
            normalisation=NORMALISATION.name,
            normalisation_version=NORMALISATION.version,
            stride=network.stride,
            name=recipe.name,
            # What a model learned before stays in it, with the bounds on its use.
            licence=recipe.licence or (base.licence if base else ""),
            trained_on=(base.trained_on if base else {}) | self._trained_on | self._synthetic_facts(),
            validation=progress.validation,
            training={
                "command": self.command,
                "seed": recipe.seed,
                "steps": progress.step,
                "lines_seen": progress.lines,
                "minutes": round(progress.seconds / 60, 1),
                "init_from": recipe.init_from,
                **self._versions(),
            },
        )
