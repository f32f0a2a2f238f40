"""What a run will cost: a dry run that times a few real steps and leaves everything as it was."""

import copy
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch

from hwr.model.checkpoint import model_bytes
from hwr.model.network import count_parameters
from hwr.train.batches import Batch
from hwr.train.device import Device, hardware
from hwr.train.folder import state_bytes
from hwr.train.loop import Trainer
from hwr.train.recipe import Recipe
from hwr.train.run import Session

WARM_UP_STEPS = 2
"""Steps that are not timed: kernels for new shapes are made, memory is taken."""

TIMED_STEPS, TIMED_SECONDS = 12, 30.0
"""So many steps are timed, or as many as begin within so many seconds."""


@dataclass(frozen=True)
class SetSize:
    """A data set: a training set has a weight, a validation set none."""

    name: str
    lines: int
    characters: int
    weight: float | None

    @property
    def lines_an_epoch(self) -> float:
        """Lines that an epoch shows, on average."""
        return self.lines * (self.weight or 0.0)


@dataclass(frozen=True)
class Cost:
    """What a run will cost.

    Attributes:
        weights: learned numbers of the network, with the auxiliary head.
        multiplications: of one forward pass of a mean line; a step takes three times as many.
        columns: of the mean line as it is trained on; steps: how many were timed.
        lines_per_second: of training, reading of the data included, without validations and saves.
        reading_share: part of that time for reading the data.
        lines: that the run will see from now on; lines_before: that it has seen.
        memory: peak of this process in bytes, None where the system does not tell; disk: bytes of the run folder.
    """

    sets: tuple[SetSize, ...]
    machine: str
    weights: int
    multiplications: float
    columns: float
    steps: int
    lines_per_second: float
    reading_share: float
    minutes: float
    lines: float
    lines_before: int
    memory: int | None
    disk: int

    @property
    def lines_an_epoch(self) -> float:
        """Lines of all training sets that an epoch shows; 0 when all are made for the run."""
        return sum(item.lines_an_epoch for item in self.sets)


def measure_cost(session: Session) -> Cost:
    """Time a few steps of a run that is ready to begin or to go on. Nothing is written, and the run stays as it was.

    Raises:
        HwrError: the data cannot be used.
    """
    trainer, recipe = session.trainer, session.recipe
    sets = _sizes(session)
    pool, reading = _first_pool(trainer)
    before, skipped = copy.deepcopy(trainer.state()), replace(trainer.planner.skipped)
    try:
        reports = []
        for number, batch in enumerate(pool[: WARM_UP_STEPS + TIMED_STEPS]):
            report = trainer.timed_step(batch)
            if number >= min(WARM_UP_STEPS, len(pool) - 1):
                reports.append(report)
            if trainer.processes.any(sum(item.seconds for item in reports) > TIMED_SECONDS):
                break
        model = len(model_bytes(trainer.average.state_dict(), session.info(), with_auxiliary=True))
        # The state twice, as resume.pt and trunk.pt; the weights as best, last and trunk, and once more for ONNX.
        disk = 2 * len(state_bytes(trainer.state())) + 4 * model
    finally:
        trainer.load_state(before)
        trainer.optimiser.zero_grad()
        trainer.planner.skipped = skipped
    stepping = sum(report.seconds for report in reports) / sum(report.lines for report in reports)
    pool_lines = sum(len(batch.texts) for batch in pool)
    columns = sum(batch.target_width * len(batch.texts) for batch in pool) / pool_lines
    rate = 1 / (stepping + reading / pool_lines)
    done = trainer.progress
    minutes = max(0.0, recipe.minutes - done.seconds / 60)
    lines = 60 * minutes / stepping  # the clock of a run counts steps only
    if recipe.lines:
        lines = min(lines, float(max(0, recipe.lines - done.lines)))
    return Cost(
        sets=tuple(sets),
        machine=hardware(session.device, session.processes) + f", {session.device.precision}",
        weights=count_parameters(trainer.network),
        multiplications=trainer.network.specification.multiplications(round(columns)),
        columns=columns,
        steps=len(reports),
        lines_per_second=rate,
        reading_share=rate * reading / pool_lines,
        minutes=lines * stepping / 60,
        lines=lines,
        lines_before=done.lines,
        memory=_peak_memory(session.device),
        disk=disk,
    )


def _sizes(session: Session) -> list[SetSize]:
    """Lines and characters of every set."""
    weighted: list[tuple[str, Sequence[str], float | None]] = []
    for item in session.data.training:
        weighted.append((item.source.name, list(item.source.texts()), item.weight))
    for source in session.data.validation:
        weighted.append((source.name, list(source.texts()), None))
    return [SetSize(name, len(texts), sum(map(len, texts)), weight) for name, texts, weight in weighted]


def _first_pool(trainer: Trainer) -> tuple[list[Batch], float]:
    """The batches of the first pool of the run's epoch, and the seconds that reading them takes."""
    planner, epoch = trainer.planner, trainer.progress.epoch
    if not planner.has_lines:
        trainer.refuse_to_train()
    started = time.perf_counter()
    while not (pools := planner.pools(epoch)):
        epoch += 1
    share = planner.synthetic_share(trainer.progress.share(trainer.recipe))
    pool = [
        planner.collate(part) for part in planner.mixed(epoch, 0, pools[0], share, trainer.progress.synthetic).parts
    ]
    if not pool:
        trainer.refuse_to_train()
    return pool, trainer.processes.of_first(time.perf_counter() - started)


def _peak_memory(device: Device) -> int | None:
    """Bytes of the card on CUDA, else of this process."""
    if device.device.type == "cuda":
        return torch.cuda.max_memory_allocated(device.device)
    with suppress(ImportError):  # not on Windows
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return None


def cost_table(cost: Cost, recipe: Recipe) -> str:
    """The cost as a table to read."""
    width = max([len("synthetic lines"), *(len(item.name) for item in cost.sets)])
    rows = [f"{'set':{width}}  {'lines':>10}  {'characters':>12}  {'weight':>6}  {'an epoch':>10}"]
    for item in cost.sets:
        weight, shown = ("-", "-") if item.weight is None else (f"{item.weight:g}", f"{item.lines_an_epoch:,.0f}")
        rows.append(f"{item.name:{width}}  {item.lines:>10,}  {item.characters:>12,}  {weight:>6}  {shown:>10}")
    if recipe.synthesis is not None:
        rows.append(f"{'synthetic lines':{width}}  {'-':>10}  {'-':>12}  {'-':>6}  {'-':>10}")
    rows.append("(a set without weight is for validation)")
    epoch = cost.lines_an_epoch
    before = f" after {cost.lines_before:,}" if cost.lines_before else ""
    figures = [
        ("machine", cost.machine),
        ("weights", f"{cost.weights:,}"),
        ("mean line", f"{cost.columns:.0f} columns, {cost.multiplications / 1e6:,.1f} million multiplications to read"),
        ("speed", f"{cost.lines_per_second:.1f} lines a second, over {cost.steps} steps"),
        ("reading data", f"{cost.reading_share:.0%} of the time"),
        ("one epoch", f"{epoch / cost.lines_per_second / 3600:.2f} hours" if epoch else "no data sets"),
        ("the run", f"{cost.minutes:.1f} minutes spent in steps, {cost.lines:,.0f} lines{before}"),
        ("epochs", f"{cost.lines / epoch:.2f}" if epoch else "-"),
        ("peak memory", "unknown" if cost.memory is None else f"{cost.memory / 2**20:,.0f} MiB"),
        ("run folder", f"{cost.disk / 2**20:,.1f} MiB"),
    ]
    return "\n".join([*rows, "", *(f"{name:14}{figure}" for name, figure in figures)])
