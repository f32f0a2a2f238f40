"""The cost of a run, estimated from a few real steps: `hwr train --dry-run`."""

import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

import torch

from hwr.model.network import count_parameters
from hwr.text import counted
from hwr.train.device import Device, hardware
from hwr.train.folder import restore
from hwr.train.loading import load_batches
from hwr.train.processes import ALONE, Processes
from hwr.train.recipe import Recipe
from hwr.train.reporters import Reporter, short
from hwr.train.run import Run

WARM_UP_STEPS, TIMED_STEPS = 2, 12
"""Number of untimed steps, in which kernels for new shapes are made, and of timed ones."""


def estimate_cost(
    recipe: Recipe, folder: Path, reporter: Reporter, resume: bool = False, processes: Processes = ALONE
) -> str:
    """Return what the run, or the rest of it, would cost, as a table; nothing is written.

    Raises:
        HwrError: data, recipe, model or state cannot be used.
    """
    run = Run(recipe, folder, reporter, "", processes)
    if resume:
        for message in restore(run.folder, run.trainer, recipe, run.alphabet.characters):
            reporter.message(message)
    run.open_data(cache=False)
    seen, progress = run.progress.lines, run.progress
    minutes = max(0.0, recipe.minutes - progress.seconds / 60)
    batches = load_batches(run.builder(), progress, run.device.device, processes)
    timed = [(batch.batch, run.trainer.step(batch)) for batch in islice(batches, WARM_UP_STEPS + TIMED_STEPS)]
    timed = timed[min(WARM_UP_STEPS, len(timed) - 1) :]
    lines = sum(report.lines for _, report in timed)
    columns = sum(batch.target_width * batch.lines for batch, _ in timed) / lines
    speed = lines / sum(report.seconds for _, report in timed)
    left = min(60 * minutes * speed, max(0, recipe.lines - seen) if recipe.lines else float("inf"))
    epoch = sum(item.facts["lines"] * item.weight for item in run.data.training)
    multiplications = run.trainer.network.specification.multiplications(round(columns))
    rows = [
        *(
            (f"{item.source.name}", f"{counted(item.facts['lines'], 'line')}, weight {item.weight:g}")
            for item in run.data.training
        ),
        ("machine", f"{hardware(run.device, processes)}, {run.device.precision}"),
        ("weights", f"{count_parameters(run.trainer.network):,}"),
        ("mean line", f"{columns:.0f} columns, {multiplications / 1e6:,.1f} million multiplications to read"),
        ("speed", f"{short(speed)} lines a second in {len(timed)} steps"),
        ("the run", f"{left / speed / 60:.1f} minutes in steps, {left:,.0f} lines" + f" after {seen:,}" * (seen > 0)),
        ("epochs", f"{left / epoch:.2f}" if epoch else "-"),
        ("peak memory", _peak_memory(run.device)),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:{width}}{figure}" for name, figure in rows)


def _peak_memory(device: Device) -> str:
    """Return the memory of the GPU, or else of this process."""
    if device.device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device.device) / 2**20:,.0f} MiB"
    with suppress(ImportError):  # not on Windows
        import resource

        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        return f"{kilobytes / 1024:,.0f} MiB"
    return "unknown"
