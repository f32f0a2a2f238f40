"""The training loop: network, running average and optimiser, step by step."""

import copy
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hwr.errors import TrainingError
from hwr.model.layers import Dropout
from hwr.model.network import Network
from hwr.train.batches import seed_of
from hwr.train.device import Device, return_free_memory
from hwr.train.loading import ReadyBatch
from hwr.train.loss import ctc_loss, span_mask
from hwr.train.optimiser import Optimiser
from hwr.train.processes import ALONE, Processes
from hwr.train.recipe import Recipe
from hwr.train.schedule import Progress, in_decay, learning_rate, regularisation

STALL_FACTOR = 5.0
"""A step this many times slower than the median is assumed to have been suspended; it counts as a median step."""

LOSS_SCALE = 1024.0
"""Factor of the loss in a backward pass on CUDA with bf16: there torch runs recurrent layers in fp16, whose smallest
numbers are larger than many gradients of a mean over some ten thousand characters."""

MAX_NON_FINITE = 50
"""Stop after this many consecutive steps with a loss that is not finite."""


@dataclass(frozen=True)
class StepReport:
    """Figures of one step; lines are those of the whole batch."""

    step: int
    loss: float
    learning_rate: float
    lines: int
    seconds: float


class Observer(Protocol):
    """Logs, validates and saves while the loop runs."""

    def before_decay(self) -> None:
        """Called once, before the learning rate falls."""
        ...

    def after_step(self, report: StepReport) -> None: ...


class Trainer:
    """Everything that a run changes.

    Attributes:
        network, optimiser, progress: of the run.
        average: the running average of the network's weights, which is validated and shipped.
        parallel: the network as a module whose backward pass averages the gradients over processes.
        deadline: the time of `time.monotonic` at which the decay must be over; None: only the recipe ends the run.
    """

    def __init__(self, network: Network, recipe: Recipe, device: Device, processes: Processes = ALONE) -> None:
        self.network = network.to(device.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        self.average = copy.deepcopy(self.network)
        self.average.requires_grad_(False)
        self.recipe, self.device, self.processes = recipe, device, processes
        self.deadline: float | None = None
        self.parallel = processes.parallel(self.network)
        self.optimiser = Optimiser(self.network, recipe.optimisation)
        self.progress = Progress()
        self._loss_scale = LOSS_SCALE if device.device.type == "cuda" and device.precision == "bf16" else 1.0
        self._dropouts = [(module, module.p) for module in self.network.modules() if isinstance(module, Dropout)]
        self._durations: deque[float] = deque(maxlen=50)

    def run(self, batches: Iterator[ReadyBatch], observer: Observer, stop: Callable[[], bool]) -> bool:
        """Train until the recipe's minutes or lines are reached (True) or `stop()` says so (False).

        Raises:
            HwrError: a batch cannot be made, or the loss stays non-finite.
        """
        for batch in batches:
            share = self.progress.share(self.recipe)
            if share >= 1:
                return True
            if self.processes.any(stop()):
                return False
            if not self.progress.trunk_saved and in_decay(share, self.recipe.optimisation):
                self.progress.trunk_saved = True
                observer.before_decay()
            observer.after_step(self.step(batch))
            if batch.ends_pool and self.device.device.type == "cpu":
                return_free_memory()
        raise AssertionError("batches have no end")

    def step(self, batch: ReadyBatch) -> StepReport:
        """Train on one batch and advance the progress, with the time of the step on the run's clock."""
        progress, options = self.progress, self.recipe.optimisation
        started = time.perf_counter()
        batch.wait()
        share = progress.share(self.recipe)
        rate = learning_rate(progress.step - progress.warm_up_from, share, options)
        loss = self._update(batch, rate, regularisation(share, options))
        duration = self._without_stalls(self.processes.of_first(time.perf_counter() - started))
        self._count(batch, duration)
        return StepReport(progress.step, loss, rate, batch.batch.lines, duration)

    def _count(self, batch: ReadyBatch, duration: float) -> None:
        """Advance the progress by a batch that took `duration` seconds."""
        progress = self.progress
        progress.step += 1
        progress.lines += batch.batch.lines
        progress.characters += batch.batch.characters
        if batch.epoch == 0:
            progress.skipped = dict(batch.skipped + Counter(progress.skipped))
        progress.position = batch.after
        progress.seconds += duration
        if self.deadline is not None:
            # The clock jumps to where the time left before the deadline is all that is left of the run.
            left = self.processes.of_first(self.deadline - time.monotonic())
            progress.seconds = max(progress.seconds, 60 * self.recipe.minutes - left)

    def _without_stalls(self, duration: float) -> float:
        """Return the duration of a step, or that of a median step if the process was suspended; see `STALL_FACTOR`."""
        if len(self._durations) == self._durations.maxlen:
            median = sorted(self._durations)[len(self._durations) // 2]
            if duration > STALL_FACTOR * median:
                duration = median
        self._durations.append(duration)
        return duration

    def _update(self, batch: ReadyBatch, rate: float, strength: float) -> float:
        """Run one forward and backward pass and the update; return the loss of the whole batch, perhaps non-finite."""
        # Dropout and spans depend on the step alone, so that a resumed run draws what it would have drawn.
        torch.manual_seed(seed_of(self.recipe.seed, self.progress.step, self.processes.rank))
        for dropout, probability in self._dropouts:
            dropout.p = strength * probability
        self.network.train()
        self.optimiser.zero_grad()
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        loss = self._loss(batch, strength)
        (value,) = self.processes.sum([float(loss.detach())])
        if not math.isfinite(value):
            return self._skip(value, statistics)
        # DistributedDataParallel takes the mean over the processes, where the sum is needed.
        factor = self._loss_scale * self.processes.count
        torch.autograd.backward(loss if factor == 1.0 else loss * factor)
        self._unscale()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip_norm, foreach=True)
        if not torch.isfinite(norm):
            return self._skip(float(norm), statistics)
        self.optimiser.step(rate)
        self.progress.non_finite_in_a_row = 0
        self._update_average()
        return value

    def _loss(self, batch: ReadyBatch, strength: float) -> Tensor:
        """Return this process' part of the loss: the sum over its lines, divided by the characters of the batch."""
        options, rows = self.recipe.optimisation, batch.batch
        time_steps = rows.target_width // self.network.stride
        longest = round(strength * options.span_time_steps)
        mask = span_mask(len(batch.ink), time_steps, longest, options.time_steps_per_span, self.device.device)
        with self.device.autocast():
            log_probs, auxiliary = self.parallel(batch.ink, mask)
        loss = ctc_loss(log_probs, batch.targets, rows.target_lengths, rows.characters)
        if auxiliary is not None and options.auxiliary_weight:
            auxiliary_loss = ctc_loss(auxiliary, batch.targets, rows.target_lengths, rows.characters)
            loss = loss + options.auxiliary_weight * auxiliary_loss
        return loss if self.processes.rank < rows.lines else 0.0 * loss

    @torch.no_grad()
    def _unscale(self) -> None:
        """Divide the gradients by `LOSS_SCALE` where the loss was multiplied by it."""
        if self._loss_scale != 1.0:
            gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
            torch._foreach_mul_(gradients, 1 / self._loss_scale)

    @torch.no_grad()
    def _skip(self, value: float, statistics: list[Tensor]) -> float:
        """Count a step without a finite loss; restore the `statistics` of the norms from before it."""
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)
        self.progress.non_finite += 1
        self.progress.non_finite_in_a_row += 1
        if self.progress.non_finite_in_a_row >= MAX_NON_FINITE:
            raise TrainingError(
                f"the loss was not finite for {MAX_NON_FINITE} consecutive steps: "
                "lower learning_rate, or train with --precision fp32; the last good state is in the run folder"
            )
        return value

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the exponential moving average of weights and statistics; its memory is short at first."""
        step = self.progress.step
        decay = min(self.recipe.optimisation.ema, (1 + step) / (10 + step))
        average, current = _float_tensors(self.average), _float_tensors(self.network)
        torch._foreach_lerp_(average, current, 1 - decay)

    def state(self) -> dict[str, Any]:
        """Return everything needed to resume exactly, as tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state(),
            "progress": asdict(self.progress),
            "durations": list(self._durations),
        }

    def load_state(self, state: dict[str, Any]) -> list[str]:
        """Resume from a state that `state` gave; return messages about what is not as it was.

        A state of another kind of optimiser leaves this one as it is: it starts from scratch, with a warm-up.
        """
        messages = []
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.progress = Progress(**state["progress"])
        if self.optimiser.fits(state["optimiser"]):
            self.optimiser.load_state(state["optimiser"])
        else:
            self.progress.warm_up_from = self.progress.step
            messages.append("the run used another optimiser before: this one starts from scratch, with a warm-up")
        self._durations = deque(state["durations"], maxlen=self._durations.maxlen)
        return messages


def _float_tensors(network: Network) -> list[Tensor]:
    """Return the weights and the statistics of the norms, without their counters of steps."""
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
