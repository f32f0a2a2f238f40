"""One training run, from recipe to model: opens the data, builds the network, logs, validates, saves, resumes."""

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from hwr import __version__
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.export import export_graph
from hwr.model.info import ModelInfo
from hwr.model.network import count_parameters
from hwr.recognize.models import model_of_run
from hwr.text import counted
from hwr.train.batches import PoolBuilder
from hwr.train.datasets import open_run_data, training_texts, with_cache, with_held_out, write_caches
from hwr.train.device import choose_device, hardware
from hwr.train.folder import BEST, CACHE, LAST, RESUME, TRUNK, TRUNK_RESUME, RunFolder, Saver, restore
from hwr.train.loading import describe_counts, load_batches
from hwr.train.loop import StepReport, Trainer
from hwr.train.processes import ALONE, Processes
from hwr.train.recipe import Recipe
from hwr.train.reporters import Reporter
from hwr.train.schedule import Progress
from hwr.train.start import initial_model
from hwr.train.validate import (
    MAX_TUNING_LINES,
    ErrorRates,
    ReadLine,
    SetResult,
    describe_decoder,
    inherited_decoder,
    measure,
    tune_decoder,
    validate,
)

LOG_SECONDS = 20.0
"""Seconds in steps between two entries of the log."""

PLATEAU_BLANK_SHARE = 0.95
"""Minimum share of empty readings on the blank plateau."""


@dataclass(frozen=True)
class RunResult:
    """The end of a run: `finished` unless it was stopped."""

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
    """Train as `recipe` says and keep everything in `folder`. `note` is a message for when everything is ready.

    With `deadline` all steps are done this many minutes from now, including waiting, validation and saving: if less
    time is left than the recipe has, the run counts as further on, and its learning rate falls in time.

    `last.safetensors` is the running average of the weights at the end, `best.safetensors` the one with the lowest mean
    validation CER, `trunk.safetensors` the one before the learning rate fell.

    Raises:
        HwrError: data, recipe, model or folder cannot be used, or the loss stays non-finite.
    """
    ends = None if deadline is None else time.monotonic() + 60 * deadline
    run = Run(recipe, folder, reporter, command, processes)
    run.trainer.deadline = ends
    run.prepare(resume)
    if note:
        reporter.message(note)
    run.validate_start()
    finished = run.train(stop)
    run.finish(finished)
    model = model_of_run(folder)
    if finished and processes.first and find_spec("onnx") is not None:
        export_graph(model, model.with_suffix(".onnx"))
    return RunResult(finished, model, run.trainer.progress)


class Run:
    """A run: data, trainer and folder. Observes the loop: logs, validates, saves.

    Attributes:
        data: without a cache and without lines held out until `prepare`.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, reporter: Reporter, command: str = "", processes: Processes = ALONE
    ) -> None:
        self.recipe, self.folder, self.reporter, self.command = recipe, RunFolder(folder), reporter, command
        self.processes = processes
        self.files = Saver(self.folder, reporter.message, processes.first)
        self.device = choose_device(recipe.precision, recipe.threads, processes)
        torch.manual_seed(recipe.seed)
        self.start = initial_model(self._start_recipe(), lambda height: training_texts(recipe, height))
        network, self.alphabet = self.start.network, self.start.alphabet
        self.data = open_run_data(recipe, network.height, reporter.message)
        self.trainer = Trainer(network, recipe, self.device, processes)
        self.decoder, self._decoder_message = inherited_decoder(self.start.base, self.alphabet)
        self._losses: deque[float] = deque(maxlen=100)
        self._speed: deque[StepReport] = deque(maxlen=100)
        self._logged = 0.0
        self._first: list[ReadLine] = []
        self._skipped_reported = False

    @property
    def progress(self) -> Progress:
        """The progress of the trainer."""
        return self.trainer.progress

    def _start_recipe(self) -> Recipe:
        """Return the recipe; if the model that the run began with is gone, its own last model replaces it."""
        last = self.folder.path / LAST
        init_from = self.recipe.init_from
        if not init_from or Path(init_from).exists() or not (self.folder.path / RESUME).exists():
            return self.recipe
        return replace(self.recipe, init_from=str(last), alphabet="keep") if last.exists() else self.recipe

    def prepare(self, resume: bool) -> None:
        """Make the run folder, or restore its state, and cache the lines.

        Raises:
            HwrError: the state or the folder cannot be used, a store is corrupt, or there is no room for the cache.
        """
        messages = []
        if resume:
            # First, so that a state or recipe that does not fit leaves the folder as it is.
            messages = restore(self.folder, self.trainer, self.recipe, self.alphabet.characters)
        else:
            self.folder.refuse_if_used()
        if self.processes.first:
            self.folder.start(self.recipe)
            damaged = self.folder.truncate_log(self.progress.step)
            messages += [f"{damaged} damaged lines of the log were removed"] * (damaged > 0)
        self.open_data()
        self._log_start(messages)

    def open_data(self, cache: bool = True) -> None:
        """Cache the lines if the recipe says so, and hold some out to validate on."""
        if cache and self.recipe.cache:
            folder = self.folder.path / CACHE
            if self.processes.first:
                write_caches(self.data, folder, self.reporter.message)
            self.processes.sum([0.0])  # the others wait for the first
            self.data = with_cache(self.data, folder)
        self.data = with_held_out(self.data, self.recipe)

    def _log_start(self, messages: Sequence[str]) -> None:
        progress = self.progress
        self.files.log({"event": "session", "step": progress.step, "lines": progress.lines} | self._versions())
        for message in messages:
            self.reporter.message(message)
        self.reporter.message(
            f"{count_parameters(self.trainer.network):,} weights, {self.alphabet.classes} classes, "
            f"{hardware(self.device, self.processes)}, {self.device.precision}, "
            f"training sets: {len(self.data.training)}, validation sets: {len(self.data.validation)}"
            + (f"; resuming at step {progress.step}, {counted(progress.lines, 'line')} seen" if progress.step else "")
        )
        for message in filter(None, (self.start.message, self._decoder_message, self._describe_validation())):
            self.reporter.message(message)

    def _describe_validation(self) -> str:
        if not self.data.validation:
            why = "too few texts to hold any out" if self.recipe.hold_out else "no validation data"
            return f"{why}: no CER is measured, and {LAST} is the model; give --val to measure it"
        if not self.recipe.hold_out or self.recipe.validation:
            return ""
        lines = sum(1 for source in self.data.validation for _ in source.texts())
        return f"{counted(lines, 'line')} {'is' if lines == 1 else 'are'} held out to validate on"

    def builder(self) -> PoolBuilder:
        """Return what builds the pools of this run."""
        sources = [item.source for item in self.data.training]
        weights = [item.weight for item in self.data.training]
        return PoolBuilder(sources, weights, self.alphabet, self.trainer.network.stride, self.recipe)

    def train(self, stop: Callable[[], bool]) -> bool:
        """Train to the end of the recipe (True) or until `stop()` says so (False); see `Trainer.run`."""
        before = self.progress.step
        batches = load_batches(self.builder(), self.progress, self.device.device, self.processes)
        finished = self.trainer.run(batches, self, stop)
        if finished and before and self.progress.step == before:
            self.reporter.message(
                "nothing was trained: the run has reached its end; give it more --minutes or --lines to continue"
            )
        return finished

    def validate_start(self) -> None:
        """Measure how well the model that this run starts from reads the validation sets."""
        if self.start.base and self.data.validation and not self.progress.step:
            self.reporter.message("before training:")
            self.validate(self.recipe.validation_lines)
            if self.processes.first:
                rates = measure(self._first, self.decoder, self.alphabet)
                self.progress.before = asdict(rates) | {"sets": self._validation_sets()}

    def _validation_sets(self) -> list[str]:
        return [item.name for item in self.data.validation]

    def _settle_decoder(self) -> None:
        """Tune the inherited decoder, and compare what `hwr recognize` reads with the model before and after."""
        if not self.progress.before or not self.processes.first:
            return
        tuned = tune_decoder(self._first, self.decoder, self.alphabet)
        if tuned != self.decoder:
            self.decoder = tuned
            self.files.save_model(BEST, self.trainer.average.state_dict(), self.info())
            self.reporter.message(f"decoder tuned on {counted(len(self._first), 'line')}: {describe_decoder(tuned)}")
        self._compare(measure(self._first, self.decoder, self.alphabet))

    def _compare(self, after: ErrorRates) -> None:
        """Report the error rates before and after; those of other lines, after a resume, are not compared."""
        rates = dict(self.progress.before)
        same_sets = rates.pop("sets") == self._validation_sets()
        before = ErrorRates(**rates)
        if not same_sets or before.lines != after.lines:
            return
        self.reporter.message(
            f"{counted(after.lines, 'validation line')}, as `hwr recognize` reads them: "
            f"{before} before training, {after} after"
            + ("" if after.cer < before.cer else ": nothing was gained; keep the old model, or add lines")
        )

    def after_step(self, report: StepReport) -> None:
        """Log, validate and save when it is time."""
        progress = self.progress
        self._losses.append(report.loss)
        self._speed.append(report)
        if progress.seconds - self._logged >= LOG_SECONDS or report.step == 1:
            self._logged = progress.seconds
            figures = self.figures()
            self.files.log({"event": "step"} | figures)
            self.reporter.progress(figures)
        if progress.epoch > 0:
            self._report_skipped()
        due = progress.seconds - progress.last_validation >= 60 * self.recipe.validate_minutes
        if due and progress.share(self.recipe) < 1:  # the last validation follows the last step
            self._end_early_without_progress(self.validate(self.recipe.validation_lines))
        if progress.seconds - progress.last_save >= 60 * self.recipe.save_minutes:
            self.save()

    def _report_skipped(self) -> None:
        """Say once how many lines are not trained on, and why."""
        counts = describe_counts(Counter(self.progress.skipped))
        if counts and not self._skipped_reported:
            self.reporter.message(f"lines skipped in training: {counts}")
        self._skipped_reported = True

    def figures(self) -> dict[str, Any]:
        """Return the state of the run, for the log and the screen."""
        progress = self.progress
        finite = [loss for loss in self._losses if loss == loss and loss != float("inf")]
        seconds = sum(report.seconds for report in self._speed) or 1.0
        share = min(1.0, progress.share(self.recipe))
        return {
            "step": progress.step,
            "lines": progress.lines,
            "epoch": progress.epoch,
            "minutes": round(progress.seconds / 60, 3),
            "share": round(share, 4),
            "loss": round(sum(finite) / len(finite), 4) if finite else None,
            "learning_rate": self._speed[-1].learning_rate if self._speed else 0.0,
            "lines_per_second": round(sum(report.lines for report in self._speed) / seconds, 1),
            "minutes_left": round(progress.seconds / 60 * (1 - share) / share, 1) if share else None,
            "non_finite": progress.non_finite,
        }

    def _end_early_without_progress(self, cer: float | None) -> None:
        """End the run early when validations bring no progress any more."""
        progress, patience = self.progress, self.recipe.patience
        if cer is None or progress.trunk_saved or not progress.stalls(cer, patience):
            return
        progress.end_early(self.recipe)
        self.reporter.message(
            f"{patience} validations without progress: the mean CER stays near {progress.stale_above:.4f}; "
            + ("the learning rate falls from here" if self.recipe.optimisation.decay_share else "the run ends here")
        )
        self.files.log({"event": "early end"} | self.figures())

    def before_decay(self) -> None:
        """Save the state before the decay."""
        self.files.save_state(TRUNK_RESUME, self._state())
        self.files.save_model(TRUNK, self.trainer.average.state_dict(), self.info(), with_auxiliary=True)
        self.reporter.message("the trunk is saved; the learning rate falls from here")

    def validate(self, limit: int) -> float | None:
        """Measure the CER of the running average on each validation set; save it if the mean is the best so far.

        Returns:
            The mean CER; None without validation sets, and on the blank plateau, where it means nothing.
        """
        progress = self.progress
        progress.last_validation = progress.seconds
        if not self.data.validation:
            return None
        results = self._read_validation_sets(limit) if self.processes.first else []
        mean = self.processes.of_first(sum(result.errors.rate for result in results) / max(1, len(results)))
        if results:
            self._first = [line for result in results for line in result.first]
            self._log_validation(results, mean, limit)
        if mean < progress.best:
            progress.best = mean
            self.files.save_model(BEST, self.trainer.average.state_dict(), self.info())
        return None if self.processes.any(self._on_plateau(results)) else mean

    def _read_validation_sets(self, limit: int) -> list[SetResult]:
        network, autocast = self.trainer.average, self.device.autocast()
        sets = self.data.validation
        keep = min(MAX_TUNING_LINES // len(sets), self.recipe.validation_lines)
        return [validate(network, source, self.alphabet, limit, autocast, keep=keep) for source in sets]

    def _log_validation(self, results: Sequence[SetResult], mean: float, limit: int) -> None:
        self.progress.validation = {
            result.name: {"cer": round(result.errors.rate, 5), "lines": result.lines} for result in results
        }
        figures = self.figures() | {"cer": {result.name: round(result.errors.rate, 5) for result in results}}
        self.files.log({"event": "validation", "mean_cer": round(mean, 5), "limit": limit} | figures)
        self.reporter.validation(results, figures)

    def _on_plateau(self, results: Sequence[SetResult]) -> bool:
        """Return whether the network is on the blank plateau, and say so."""
        lines = sum(result.lines for result in results)
        empty = sum(result.empty_readings for result in results)
        found = lines > 0 and empty / lines >= PLATEAU_BLANK_SHARE
        if found:
            self.reporter.message(
                f"{empty} of {lines} lines are read as empty: the blank plateau, which CTC passes through first. It "
                "ends after about 5,000 to 15,000 lines; if it does not, lower the learning rate or start from a "
                "model (--init-from)"
            )
        return found

    def save(self) -> None:
        """Write `last.safetensors` and the resume state."""
        self.progress.last_save = self.progress.seconds
        self.files.save_model(LAST, self.trainer.average.state_dict(), self.info(), with_auxiliary=True)
        self.files.save_state(RESUME, self._state())

    def _state(self) -> dict[str, Any]:
        """Return the trainer's state, and the alphabet that its labels belong to."""
        return self.trainer.state() | {"alphabet": self.alphabet.characters}

    def finish(self, finished: bool) -> None:
        """Run the last validation, on all lines, and the last save; a run that is complete needs no cache any more.

        Raises:
            OutputError: something could not be saved.
        """
        self._report_skipped()
        if finished and self.progress.step:
            # From here on, only figures on all lines compare with each other.
            self.progress.best = float("inf")
            self.validate(0)
            self._settle_decoder()
        self.save()
        event = {"event": "end" if finished else "stopped", "skipped": self.progress.skipped}
        self.files.log(event | self.figures())
        if finished and self.processes.first:
            # Before the last attempt to write: on a full disk, this makes room.
            shutil.rmtree(self.folder.path / CACHE, ignore_errors=True)
        self.files.finish()

    def _versions(self) -> dict[str, str]:
        """Return the machine and the software of the run."""
        return {
            "hardware": hardware(self.device, self.processes),
            "precision": self.device.precision,
            "hwr": __version__,
            "torch": torch.__version__,
        }

    def info(self) -> ModelInfo:
        """Return the current facts for a model file."""
        network, progress, recipe, base = self.trainer.network, self.progress, self.recipe, self.start.base
        sets = {item.source.name: item.facts for item in self.data.training}
        return ModelInfo(
            spec=self.start.spec,
            alphabet=self.alphabet.characters,
            height=network.height,
            normalisation=NORMALISATION,
            normalisation_version=NORMALISATION_VERSION,
            stride=network.stride,
            text_direction=self.alphabet.direction,
            name=recipe.name or self.folder.path.resolve().name,
            # Facts and limits of what a model learned before stay in it.
            licence=recipe.licence or (base.licence if base else ""),
            trained_on=(base.trained_on if base else {}) | sets,
            validation=progress.validation,
            decoder=self.decoder,
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
