"""Measure the cost of a training step, compared with the matrix rate of the machine.

    python -m benchmarks.training_throughput DATA... [--preset small] [--optimiser muon] [--steps 40]

DATA are line stores. Prints the rate of a square matrix product (the ceiling), then for real batches, with
augmentation: lines a second, the share of the ceiling that the multiplications of the network reach, and where the
time of a step goes, by kind of operation, with the rate that the products of each kind reach (the roofline: what stays
far below the ceiling is bound by memory or by small products, or is not a product). Multiplications: those of the
forward pass, counted layer by layer, times three (the backward pass has two products for each one of the forward pass).
Medians over the steps; the kinds are sums over the profiled steps.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from hwr.model.network import PRESETS, Network, build, count_parameters, preset_spec
from hwr.text import Alphabet
from hwr.train.batches import Batch, PoolBuilder
from hwr.train.datasets import StoreLines
from hwr.train.device import Device, choose_device
from hwr.train.loading import ReadyBatch, load_batches
from hwr.train.loop import Trainer
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.schedule import Progress

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
    """Seconds of a call; waits for the GPU."""
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    call()
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def forward_operations(network: Network, batch: Batch) -> dict[str, float]:
    """Floating-point operations (2 a multiplication) of one forward pass of a batch, by kind of layer."""
    total = {"convolutions": 0.0, "recurrent layers": 0.0, "heads": 0.0}

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        if isinstance(module, nn.Conv2d):
            assert isinstance(output, torch.Tensor)
            total["convolutions"] += 2.0 * output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear | nn.Conv1d):
            assert isinstance(output, torch.Tensor)
            total["heads"] += 2.0 * output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.RNNBase):
            steps = inputs[0].shape[0] * inputs[0].shape[1]
            weights = sum(p.numel() for n, p in module.named_parameters() if n.startswith("weight"))
            total["recurrent layers"] += 2.0 * steps * weights

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network.forward_with_auxiliary(torch.zeros(len(batch.texts), 1, network.height, batch.target_width))
    for hook in hooks:
        hook.remove()
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--optimiser", choices=["adamw", "muon"], default=Optimisation().optimiser)
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    options = parser.parse_args()
    device = choose_device(options.precision)
    recipe = Recipe(
        train=tuple(TrainingSet(str(path)) for path in options.data),
        preset=options.preset,
        optimisation=Optimisation(optimiser=options.optimiser),
    )
    height = build(preset_spec(options.preset, 2)).height
    sources = [StoreLines(path, height, "train") for path in options.data]
    alphabet = Alphabet.of(text for source in sources for text in source.texts())
    network = build(preset_spec(options.preset, alphabet.classes), auxiliary=True).train()
    weights = [1.0] * len(sources)
    builder = PoolBuilder(sources, weights, alphabet, network.stride, recipe)
    started = time.perf_counter()
    found = load_batches(builder, Progress(), device.device)
    batches = list(islice(found, options.steps + WARM_UP))
    reading = (time.perf_counter() - started) / len(batches)
    operations = [forward_operations(network, ready.batch) for ready in batches]
    trainer = Trainer(network, recipe, device)
    measure(trainer, batches, operations, device, reading)


def measure(
    trainer: Trainer, batches: list[ReadyBatch], operations: list[dict[str, float]], device: Device, reading: float
) -> None:
    """Run the batches and print the medians."""
    rates, speeds, steps = [], [], []
    for number, (batch, counts) in enumerate(zip(batches, operations, strict=True)):
        seconds = timed(lambda batch=batch: trainer._update(batch, 1e-4, 1.0), device)  # type: ignore[misc]
        if number >= WARM_UP:
            rates.append(3 * sum(counts.values()) / seconds)
            speeds.append(batch.batch.lines / (seconds + reading))
            steps.append(seconds)
    ceiling = matrix_rate(device)
    share = statistics.median(rates) / ceiling
    sizes = [(ready.batch.target_width, ready.batch.lines) for ready in batches]
    columns = sum(width * lines for width, lines in sizes) / sum(lines for _, lines in sizes)
    print(f"{device.device.type}, {device.precision}, {torch.get_num_threads()} threads")
    print(f"network            {count_parameters(trainer.network) / 1e6:.2f} M weights with the auxiliary head")
    print(f"mean line          {columns:.0f} columns")
    print(f"matrix product     {ceiling / 1e9:,.0f} GFLOP/s")
    print(f"step               {1000 * statistics.median(steps):.0f} ms, {share:.0%} of the matrix rate")
    print(f"lines a second     {statistics.median(speeds):.1f}, reading and augmentation included")
    print(f"reading a batch    {1000 * reading:.1f} ms")
    print_kinds(trainer, batches[:PROFILED], operations[:PROFILED], ceiling, device)


PROFILED = 8

KINDS = {
    "convolutions": ("convolution",),
    "recurrent layers": ("rnn", "lstm"),
    "orthogonal updates (Muon)": ("baddbmm", "bmm"),
    "heads": ("linear", "addmm", "aten::mm"),
    "norms": ("batch_norm", "instance_norm", "native_norm"),
    "activations and pooling": ("threshold", "clamp", "relu", "pool", "amax"),
    "loss": ("ctc", "softmax"),
    "random numbers": ("random", "bernoulli", "uniform", "normal_"),
    "geometry of augmentation": ("grid_sampler",),
}
"""Kind -> parts of the names of its operations; the first that fits counts. What fits none is "all else"."""


def print_kinds(
    trainer: Trainer, batches: list[ReadyBatch], operations: list[dict[str, float]], ceiling: float, device: Device
) -> None:
    """Time of each kind of operation in a step, and the rate that products reach."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device.device.type == "cuda"
    activities = [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]
    with profile(activities=activities) as profiler:
        for batch in batches:
            trainer._update(batch, 1e-4, 1.0)
    times = dict.fromkeys((*KINDS, "all else"), 0.0)
    for event in profiler.key_averages():
        seconds = (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6
        name = event.key.lower()
        kind = next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), "all else")
        times[kind] += seconds
    whole = sum(times.values())
    print(f"\n{'kind':28} {'ms a step':>10} {'share':>6} {'GFLOP/s':>8} {'of ceiling':>10}")
    for kind, seconds in sorted(times.items(), key=lambda item: -item[1]):
        row = f"{kind:28} {1000 * seconds / len(batches):10.1f} {seconds / whole:6.1%}"
        if kind in operations[0] and seconds:
            rate = 3 * sum(counts[kind] for counts in operations) / seconds
            row += f" {rate / 1e9:8,.0f} {rate / ceiling:10.0%}"
        print(row)


if __name__ == "__main__":
    main()
