"""The training loop."""

import copy
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor, nn

from hwr.errors import TrainingError
from hwr.model.network import Network
from hwr.train.batches import Batch, Planner
from hwr.train.device import Device, return_free_memory
from hwr.train.distributed import ALONE, Processes
from hwr.train.feed import EpochEnds, PoolBegins, PoolEnds, ReadyBatch, feed, prepare, take
from hwr.train.graphs import GraphedPass
from hwr.train.loss import ctc_loss, span_mask
from hwr.train.optimiser import Optimiser
from hwr.train.recipe import Recipe
from hwr.train.schedule import Progress, in_decay, learning_rate

STALL_FACTOR = 5.0
"""A step that takes longer than this many median steps was stopped from outside; it counts as a median step."""

LOSS_SCALE = 1024.0
"""Factor of the loss in a backward pass on CUDA with bf16: there torch runs recurrent layers in fp16, whose smallest
numbers are larger than many a gradient of a mean over some ten thousand characters."""

MAX_NON_FINITE = 50
"""So many steps without a finite loss one after the other end the run."""


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
    """Network, running average, optimiser and position: all that a run changes.

    `deadline`, a time of `time.monotonic`, ends the run early enough for its decay; None: only the recipe ends it.
    """

    def __init__(
        self,
        network: Network,
        planner: Planner,
        recipe: Recipe,
        device: Device,
        processes: Processes = ALONE,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.network = network.to(device.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        self.average = copy.deepcopy(self.network)
        self.average.requires_grad_(False)
        self.planner, self.recipe, self.device, self.processes = planner, recipe, device, processes
        self.deadline: float | None = None
        self.forward: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]] = processes.parallel(self.network)
        if recipe.graphs and device.device.type == "cuda" and processes.count == 1:
            self.forward = GraphedPass(self.network, self.forward, lambda: device.autocast(cache=False), tell)
        self.optimiser = Optimiser(self.network, recipe.optimisation)
        self._loss_scale = LOSS_SCALE if device.device.type == "cuda" and device.precision == "bf16" else 1.0
        self.progress = Progress()
        self._durations: deque[float] = deque(maxlen=50)

    def run(self, observer: Observer, stop: Callable[[], bool]) -> bool:
        """Train until the recipe's minutes or lines are reached (True) or `stop()` says so (False)."""
        progress = self.progress
        with feed(self.planner, progress, self.recipe, self.device.device, self.processes) as items:
            for item in items:
                match item:
                    case PoolBegins():
                        progress.synthetic_share = item.synthetic_share
                    case PoolEnds():
                        progress.pool, progress.batch = item.number + 1, 0
                        progress.synthetic += item.synthetic
                        if self.device.device.type == "cpu":
                            return_free_memory()
                    case EpochEnds():
                        # An epoch may have no pool: of a set with a weight below 1 it shows a part, perhaps none.
                        if (item.pools and progress.lines == 0) or not self.planner.has_lines:
                            self.refuse_to_train()
                        progress.epoch, progress.pool = progress.epoch + 1, 0
                    case _:
                        if progress.share(self.recipe) >= 1:
                            return True
                        if self.processes.any(stop()):
                            return False
                        self._enter_decay(observer)
                        report = self.timed_step(item)
                        progress.batch += 1
                        observer.step(report, progress)
                        observer.due(self)
        raise AssertionError("the feed has no end")  # without lines it was refused above

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

    def timed_step(self, batch: Batch | ReadyBatch) -> StepReport:
        """One step, and its time on the run's clock."""
        started = time.perf_counter()
        ready = take(batch) if isinstance(batch, ReadyBatch) else self._ready(batch)
        step = self.progress.step - self.progress.warm_up_from
        rate = learning_rate(step, self.progress.share(self.recipe), self.recipe.optimisation)
        loss = self._step(ready, rate)
        duration = self.processes.of_first(time.perf_counter() - started)
        if len(self._durations) == self._durations.maxlen:
            median = sorted(self._durations)[len(self._durations) // 2]
            if duration > STALL_FACTOR * median:
                duration = median
        self._durations.append(duration)
        self.progress.step += 1
        self.progress.lines += ready.lines
        self.progress.characters += ready.labels
        self.progress.seconds += duration
        self._keep_the_deadline()
        return StepReport(self.progress.step, loss, rate, ready.lines, duration)

    def _keep_the_deadline(self) -> None:
        """Let the clock jump to where the time that is left before the deadline is all that is left of the run."""
        if self.deadline is not None:
            left = self.processes.of_first(self.deadline - time.monotonic())
            self.progress.seconds = max(self.progress.seconds, 60 * self.recipe.minutes - left)

    def _ready(self, batch: Batch) -> ReadyBatch:
        return prepare(batch, self.device.device, self.recipe.augment, self.processes)

    def _step(self, ready: ReadyBatch, rate: float) -> float:
        """One forward and backward pass and the update; the loss, which may be non-finite."""
        self.network.train()
        self.optimiser.zero_grad()
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        loss = self._loss(ready)
        value, factor, means = self.processes.combine(loss, ready.characters, _float_buffers(self.network))
        if not math.isfinite(value):
            return self._skip(value, statistics)
        factor *= self._loss_scale
        torch.autograd.backward(loss if factor == 1.0 else loss * factor)
        self._unscale()
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

    def _loss(self, ready: ReadyBatch) -> Tensor:
        options, device = self.recipe.optimisation, self.device.device
        steps = ready.part.target_width // self.planner.stride
        spans = span_mask(len(ready.ink), steps, options.span_steps, options.steps_per_span, device)
        with self.device.autocast():
            log_probs, auxiliary = self.forward(ready.ink, spans)
        lengths = ready.part.target_lengths
        loss = ctc_loss(log_probs, ready.targets, lengths)
        if auxiliary is not None and options.shortcut_weight:
            loss = loss + options.shortcut_weight * ctc_loss(auxiliary, ready.targets, lengths)
        return loss

    @torch.no_grad()
    def _unscale(self) -> None:
        if self._loss_scale != 1.0:
            gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
            torch._foreach_mul_(gradients, 1 / self._loss_scale)

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
