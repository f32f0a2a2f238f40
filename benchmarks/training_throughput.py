"""What a training step costs, against the matrix rate of the machine.

    python -m benchmarks.training_throughput DATA... [--preset small] [--steps 40] [--precision auto]

DATA are line stores or bundles. Prints the rate of a square matrix product (the ceiling), then for real batches, with
augmentation: lines a second, the share of the ceiling that the multiplications of the network reach, and where the
time of a step goes. Multiplications: those of the forward pass, counted layer by layer, times three (the backward pass
has two products for each one of the forward pass). Medians over the steps.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from hwr.image import NORMALISATION
from hwr.model.network import Network, build, count_parameters
from hwr.model.presets import PRESETS, preset_spec
from hwr.text import Alphabet
from hwr.train.augment import augment
from hwr.train.data import Normalised, open_sources
from hwr.train.device import Device, choose_device
from hwr.train.loop import Trainer
from hwr.train.loss import ctc_loss
from hwr.train.plan import Batch, Planner
from hwr.train.recipe import Recipe, TrainingSet

MATRIX = 2048
WARM_UP = 5


def matrix_rate(device: Device) -> float:
    """Floating-point operations a second of a square matrix product in the run's precision; the best of ten."""
    kind = torch.bfloat16 if device.precision == "bf16" else torch.float32
    size = MATRIX if device.device.type == "cpu" else 4 * MATRIX
    a, b = (torch.randn(size, size, device=device.device, dtype=kind) for _ in range(2))
    times = [timed(lambda: a @ b, device) for _ in range(10)]
    return 2 * size**3 / min(times)


def timed(call: Callable[[], object], device: Device) -> float:
    """Seconds of a call; waits for a card to be done."""
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    call()
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def forward_operations(network: Network, batch: Batch) -> float:
    """Floating-point operations (2 a multiplication) of one forward pass of a batch."""
    total = 0.0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d | nn.Conv1d):
            assert isinstance(output, torch.Tensor)
            total += 2.0 * output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += 2.0 * inputs[0].numel() * module.out_features
        elif isinstance(module, nn.RNNBase):
            steps = inputs[0].shape[0] * inputs[0].shape[1]
            total += 2.0 * steps * sum(p.numel() for n, p in module.named_parameters() if n.startswith("weight"))

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network.run(torch.zeros(len(batch.texts), 1, network.height, batch.target_width))
    for hook in hooks:
        hook.remove()
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    options = parser.parse_args()
    device = choose_device(options.precision)
    recipe = Recipe(train=tuple(TrainingSet(str(path)) for path in options.data), preset=options.preset)
    height = build(preset_spec(options.preset, 2)).height
    wanted = Normalised(NORMALISATION.name, NORMALISATION.version, height)
    sources = [source for path in options.data for source in open_sources(path, wanted, "train")]
    alphabet = Alphabet.of(text for source in sources for text in source.texts())
    network = build(preset_spec(options.preset, alphabet.classes), shortcut=True).train()
    planner = Planner(sources, [1.0] * len(sources), alphabet, network.stride, recipe.optimisation, recipe.seed)
    started = time.perf_counter()
    pooled = planner.batches(0, 0, planner.pools(0)[0])
    reading = (time.perf_counter() - started) / len(pooled)
    batches = pooled[: options.steps + WARM_UP]
    operations = [3 * forward_operations(network, batch) for batch in batches]
    trainer = Trainer(network, planner, recipe, device)
    measure(trainer, batches, operations, device, reading)


def measure(trainer: Trainer, batches: list[Batch], operations: list[float], device: Device, reading: float) -> None:
    """Run the batches and print the medians."""
    rates, speeds, steps, parts = [], [], [], []
    for number, (batch, count) in enumerate(zip(batches, operations, strict=True)):
        seconds = timed(lambda batch=batch: trainer._step(batch, 1e-4), device)  # type: ignore[misc]
        if number >= WARM_UP:
            lines = len(batch.texts)
            rates.append(count / seconds)
            speeds.append(lines / (seconds + reading))
            steps.append(seconds)
            parts.append(split(trainer, batch, device))
    ceiling = matrix_rate(device)
    share = statistics.median(rates) / ceiling
    columns = sum(batch.target_width * len(batch.texts) for batch in batches) / sum(len(b.texts) for b in batches)
    print(f"{device.device.type}, {device.precision}, {torch.get_num_threads()} threads")
    print(f"network            {count_parameters(trainer.network) / 1e6:.2f} M weights with the shortcut head")
    print(f"mean line          {columns:.0f} columns")
    print(f"matrix product     {ceiling / 1e9:,.0f} GFLOP/s")
    print(f"step               {1000 * statistics.median(steps):.0f} ms, {share:.0%} of the matrix rate")
    print(f"lines a second     {statistics.median(speeds):.1f}, reading of the data included")
    for name, values in zip(PARTS, zip(*parts, strict=True), strict=True):
        print(f"  {name:32} {1000 * statistics.median(values):6.1f} ms")
    print(f"  {'reading a batch from the bundle':32} {1000 * reading:6.1f} ms")


PARTS = ("augmentation", "convolutions, forward", "the rest, forward", "loss", "optimiser, clipping, average")


def split(trainer: Trainer, batch: Batch, device: Device) -> tuple[float, ...]:
    """Seconds of the parts of a step that can be timed apart; what is left of a step is the backward pass."""
    network, lines = trainer.network, len(batch.texts)
    widths = torch.full((lines,), batch.target_width, dtype=torch.int64)
    move = device.device
    arguments = (batch.ink.to(move), batch.widths.to(move), widths.to(move), batch.seeds.to(move))
    augmenting = timed(lambda: augment(*arguments, trainer.recipe.augment), device)
    ink = augment(*arguments, trainer.recipe.augment)
    with torch.no_grad(), device.autocast():
        convolutions = timed(lambda: network._columns(ink, None, None), device)
        whole = timed(lambda: network.run(ink), device)
        log_probs = network.run(ink)[0]
    scores = log_probs.clone().requires_grad_()
    targets, lengths = batch.targets.to(move), batch.target_lengths.to(move)
    loss = timed(lambda: ctc_loss(scores, targets, lengths).backward(), device)

    def update() -> None:
        nn.utils.clip_grad_norm_(network.parameters(), 1.0, foreach=True)
        trainer.optimiser.step()
        trainer._update_average()

    return augmenting, convolutions, max(0.0, whole - convolutions), loss, timed(update, device)


if __name__ == "__main__":
    main()
