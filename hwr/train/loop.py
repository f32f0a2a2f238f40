"""The training loop."""

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor, nn

from hwr.errors import TrainingError
from hwr.model.network import Network
from hwr.train.augment import augment
from hwr.train.device import Device, return_free_memory
from hwr.train.distributed import ALONE, Processes
from hwr.train.loss import ctc_loss, span_mask
from hwr.train.optimiser import Optimiser
from hwr.train.plan import Batch, Block, Planner
from hwr.train.recipe import Recipe
from hwr.train.schedule import in_decay, learning_rate

STALL_FACTOR = 5.0
"""A step that takes longer than this many median steps was stopped from outside; it counts as a median step."""

MAX_NON_FINITE = 50
"""So many steps without a finite loss one after the other end the run."""

LEAST_PROGRESS = 0.005
"""A validation counts as progress when its CER is lower by this part at least."""


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    lines: int = 0
    characters: int = 0
    seconds: float = 0.0
    epoch: int = 0
    pool: int = 0
    batch: int = 0
    synthetic_share: float = 0.0  # of the present pool
    synthetic: int = 0  # lines made for the pools before it
    non_finite: int = 0
    non_finite_in_a_row: int = 0
    last_validation: float = 0.0
    last_save: float = 0.0
    trunk_saved: bool = False
    best: float = float("inf")
    validation: dict[str, Any] = field(default_factory=dict)
    warm_up_from: int = 0  # the step at which the optimiser began afresh
    stale: int = 0  # validations without progress
    stale_above: float = float("inf")  # the mean CER that counted as progress last
    early_end: tuple[float, float, int] | None = None  # share, and the minutes and lines of the recipe it belongs to

    def share(self, recipe: Recipe) -> float:
        """How much of the run is over, 0 to 1 or more; of a run that is cut short, how much of what is left of it."""
        by_lines = self.lines / recipe.lines if recipe.lines else 0.0
        share = max(self.seconds / (60 * recipe.minutes), by_lines)
        if self.early_end is not None and self.early_end[1:] == (recipe.minutes, recipe.lines):
            share /= self.early_end[0]
        return share

    def end_early(self, recipe: Recipe) -> None:
        """Bring the end forward, so that the decay begins now and keeps its share of the run.

        The end holds for the length that the recipe has now: a run that is made longer forgets it.
        """
        self.early_end = (self.share(recipe) / (1 - recipe.optimisation.decay_share), recipe.minutes, recipe.lines)
        self.stale = 0

    def stalls(self, cer: float, patience: int) -> bool:
        """Note the mean CER of a validation; True when `patience` of them in a row brought no progress."""
        if cer < self.stale_above * (1 - LEAST_PROGRESS):
            self.stale_above, self.stale = cer, 0
        else:
            self.stale += 1
        return 0 < patience <= self.stale


@dataclass(frozen=True)
class StepReport:
    """Figures of one step."""

    step: int
    loss: float
    learning_rate: float
    lines: int
    seconds: float


class Observer(Protocol):
    """What the loop tells as it goes on."""

    def step(self, report: StepReport, progress: Progress) -> None: ...

    def trunk(self, trainer: "Trainer") -> None: ...

    def due(self, trainer: "Trainer") -> None:
        """Called after each step; validates and saves when it is time."""
        ...


class Trainer:
    """Network, running average, optimiser and position: all that a run changes."""

    def __init__(
        self, network: Network, planner: Planner, recipe: Recipe, device: Device, processes: Processes = ALONE
    ) -> None:
        self.network = network.to(device.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        self.average = copy.deepcopy(self.network)
        self.average.requires_grad_(False)
        self.planner, self.recipe, self.device, self.processes = planner, recipe, device, processes
        self.forward = processes.parallel(self.network)
        self.optimiser = Optimiser(self.network, recipe.optimisation)
        self.progress = Progress()
        self._durations: deque[float] = deque(maxlen=50)

    def run(self, observer: Observer, stop: Callable[[], bool]) -> bool:
        """Train until the recipe's minutes or lines are reached (True) or `stop()` says so (False)."""
        while True:
            pools = self.planner.pools(self.progress.epoch)
            for number in range(self.progress.pool, len(pools)):
                batches, synthetic = self._pool(number, pools[number])
                while batches:
                    if self.progress.share(self.recipe) >= 1:
                        return True
                    if self.processes.any(stop()):
                        return False
                    self._enter_decay(observer)
                    report = self.timed_step(batches.popleft())  # nothing keeps a batch that is done
                    self.progress.batch += 1
                    observer.step(report, self.progress)
                    observer.due(self)
                self.progress.pool, self.progress.batch = number + 1, 0
                self.progress.synthetic += synthetic
                return_free_memory()
            # An epoch may have no pool: of a set with a weight below 1 it shows a part, perhaps none.
            if (pools and self.progress.lines == 0) or not self.planner.has_lines:
                self.refuse_to_train()
            self.progress.epoch, self.progress.pool = self.progress.epoch + 1, 0

    def _pool(self, number: int, blocks: Sequence[Block]) -> tuple[deque[Batch], int]:
        """The batches of pool `number` that are still to do, and how many synthetic lines were made for all of it."""
        progress = self.progress
        if progress.batch == 0:  # a pool in which the run was stopped keeps the share that it began with
            progress.synthetic_share = self.planner.synthetic_share(progress.share(self.recipe))
        pool = self.planner.mixed(progress.epoch, number, blocks, progress.synthetic_share, progress.synthetic)
        return deque(pool.batches[progress.batch :]), pool.synthetic

    def _enter_decay(self, observer: Observer) -> None:
        if not self.progress.trunk_saved and in_decay(self.progress.share(self.recipe), self.recipe.optimisation):
            self.progress.trunk_saved = True
            observer.trunk(self)

    def refuse_to_train(self) -> NoReturn:
        """Raises:
        TrainingError: always; it counts the lines that were passed over.
        """
        passed = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in asdict(self.planner.skipped).items())
        raise TrainingError(f"no usable line in the training data; passed over: {passed}")

    def timed_step(self, batch: Batch) -> StepReport:
        """One step, and its time on the run's clock."""
        started = time.perf_counter()
        step = self.progress.step - self.progress.warm_up_from
        rate = learning_rate(step, self.progress.share(self.recipe), self.recipe.optimisation)
        loss = self._step(batch, rate)
        duration = self.processes.of_first(time.perf_counter() - started)
        if len(self._durations) == self._durations.maxlen:
            median = sorted(self._durations)[len(self._durations) // 2]
            if duration > STALL_FACTOR * median:
                duration = median
        self._durations.append(duration)
        self.progress.step += 1
        self.progress.lines += len(batch.texts)
        self.progress.characters += len(batch.targets)
        self.progress.seconds += duration
        return StepReport(self.progress.step, loss, rate, len(batch.texts), duration)

    def _step(self, batch: Batch, rate: float) -> float:
        """One forward and backward pass and the update; the loss, which may be non-finite."""
        part, characters = self.processes.share(batch)
        self.network.train()
        self.optimiser.zero_grad()
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        loss = self._loss(part)
        value, factor, means = self.processes.combine(loss, characters, _float_buffers(self.network))
        if not math.isfinite(value):
            return self._skip(value, statistics)
        torch.autograd.backward(loss if factor == 1.0 else loss * factor)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip_norm, foreach=True)
        if not torch.isfinite(norm):
            return self._skip(float(norm), statistics)
        self.optimiser.step(rate)
        if self.processes.count > 1:
            for buffer, mean in zip(_float_buffers(self.network), means, strict=True):
                buffer.copy_(mean)
        self.progress.non_finite_in_a_row = 0
        self._update_average()
        return value

    def _loss(self, batch: Batch) -> Tensor:
        options, device = self.recipe.optimisation, self.device.device
        lines = len(batch.texts)
        ink = augment(
            batch.ink.to(device),
            batch.widths.to(device),
            torch.full((lines,), batch.target_width, dtype=torch.int64, device=device),
            batch.seeds.to(device),
            self.recipe.augment,
        )
        steps = batch.target_width // self.planner.stride
        spans = span_mask(lines, steps, options.span_steps, options.steps_per_span, device)
        with self.device.autocast():
            log_probs, shortcut = self.forward(ink, spans)
        targets, lengths = batch.targets.to(device), batch.target_lengths.to(device)
        loss = ctc_loss(log_probs, targets, lengths)
        if shortcut is not None and options.shortcut_weight:
            loss = loss + options.shortcut_weight * ctc_loss(shortcut, targets, lengths)
        return loss

    @torch.no_grad()
    def _skip(self, value: float, statistics: list[Tensor]) -> float:
        """Count a step without a finite loss; the norms' `statistics` go back to what they were before it."""
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)
        self.progress.non_finite += 1
        self.progress.non_finite_in_a_row += 1
        if self.progress.non_finite_in_a_row >= MAX_NON_FINITE:
            raise TrainingError(
                f"the loss was not finite for {MAX_NON_FINITE} steps one after the other: "
                "lower learning_rate, or train with --precision fp32; the last good state is in the run folder"
            )
        return value

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential moving average of weights and statistics; short memory at first."""
        step = self.progress.step
        decay = min(self.recipe.optimisation.ema, (1 + step) / (10 + step))
        average, current = _float_tensors(self.average), _float_tensors(self.network)
        torch._foreach_lerp_(average, current, 1 - decay)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on exactly, as tensors and plain values; all processes must call this together."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state(),
            "progress": asdict(self.progress),
            "random": self.processes.gather(self._random_state()),
            "durations": list(self._durations),
        }

    def load_state(self, state: dict[str, Any]) -> list[str]:
        """Go on from a state that `state` gave; tells what is not as it was, for people.

        A state with another kind of optimiser leaves this one as it is: it begins afresh, with a warm-up.
        """
        told = []
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.progress = Progress(**state["progress"])
        if self.optimiser.fits(state["optimiser"]):
            self.optimiser.load_state(state["optimiser"])
        else:
            self.progress.warm_up_from = self.progress.step
            told.append("the run went on with another optimiser before: this one starts afresh, with a warm-up")
        self._load_random_state(state["random"])
        self._durations = deque(state["durations"], maxlen=self._durations.maxlen)
        return told

    def _random_state(self) -> dict[str, Tensor | None]:
        cuda = torch.cuda.get_rng_state(self.device.device) if self.device.device.type == "cuda" else None
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def _load_random_state(self, states: list[dict[str, Tensor | None]]) -> None:
        """Random numbers go on where they were; with another number of processes they are drawn anew."""
        if len(states) != self.processes.count:
            seed_process(self.recipe.seed + self.progress.step, self.processes)
            return
        own = states[self.processes.rank]
        if own["cpu"] is not None:
            torch.set_rng_state(own["cpu"])
        if own["cuda"] is not None and self.device.device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"], self.device.device)


def seed_process(seed: int, processes: Processes) -> None:
    """Random numbers of a process: those that one process alone would draw, or others in each."""
    torch.manual_seed(seed + 1_000_003 * processes.rank)


def _float_tensors(network: Network) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]


def _float_buffers(network: Network) -> list[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
