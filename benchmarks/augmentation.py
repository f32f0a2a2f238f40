"""Measure the cost of line augmentation, and draw its results.

    python -m benchmarks.augmentation                            time of a batch, and of each kind
    python -m benchmarks.augmentation --step                     and its share of a training step of `small`
    python -m benchmarks.augmentation --sheet FILE.png DATA...   a contact sheet of augmented lines
    python -m benchmarks.augmentation --kinds FILE.png DATA      one row a kind, each for every line

The batch is that of a CPU training step: 24 lines of 48 rows and 580 columns on average.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwr.train.augment.augment import augment
from hwr.train.augment.options import AugmentOptions

HEIGHT, LINES, MEAN_WIDTH = 48, 24, 580

GEOMETRY: dict[str, tuple[str, ...]] = {
    "height": ("height_log_scale", "vertical_overshoot"),
    "shear": ("shear",),
    "rotation": ("rotation_degrees", "rotation_overshoot"),
    "perspective": ("perspective", "perspective_width"),
    "elastic": ("elastic_sigma",),
    "grid": ("grid_width_change",),
    "wander": ("baseline_wander",),
}
"""The kinds of geometry and the sizes that turn them on."""

RARE = tuple(field.name.removesuffix("_probability") for field in fields(AugmentOptions) if "_prob" in field.name)
KINDS = (*GEOMETRY, "gamma", *RARE)
"""All kinds of augmentation; the rare ones have a probability."""


def only(kind: str, probability: float = 1.0) -> AugmentOptions:
    """Return the default options with one kind for every line, or for a share of them, and without all others."""
    changes: dict[str, Any] = {f"{other}_probability": probability if other == kind else 0.0 for other in RARE}
    for other, names in (GEOMETRY | {"gamma": ("gamma",)}).items():
        if other != kind:
            changes |= {name: (0.0, 0.0) if name == "height_log_scale" else 0.0 for name in names}
    return replace(AugmentOptions(), **changes)


def stroke_batch(lines: int, mean_width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lines of random strokes: ink (lines, HEIGHT, W), widths and equal target widths."""
    generator = torch.Generator().manual_seed(0)
    widths = torch.randint(int(mean_width * 0.9), int(mean_width * 1.1), (lines,), generator=generator)
    noise = torch.rand((lines, 1, HEIGHT, int(widths.max())), generator=generator)
    smooth = torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2)
    ink = ((smooth - 0.52) * 2500.0).clamp(0.0, 255.0).to(torch.uint8)[:, 0]
    for line, width in enumerate(widths.tolist()):
        ink[line, :, width:] = 0
    return ink, widths, torch.full((lines,), mean_width)


def median_ms(work: Callable[[int], object], repeats: int) -> float:
    """Median wall time of `work(number of the repeat)` in milliseconds, after three calls that do not count."""
    times = []
    for repeat in range(repeats + 3):
        start = time.perf_counter()
        work(repeat)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[3:])


def print_costs(device: str, repeats: int) -> None:
    """Time a whole batch, and what each kind adds to it."""
    options = AugmentOptions()
    ink, widths, targets = stroke_batch(LINES, MEAN_WIDTH)
    ink = ink.to(device)

    def cost(chosen: AugmentOptions) -> float:
        def work(repeat: int) -> None:
            augment(ink, widths, targets, torch.arange(LINES) + 1000 * repeat, chosen)
            if device == "cuda":
                torch.cuda.synchronize()

        return median_ms(work, repeats)

    whole = cost(options)
    plain = cost(AugmentOptions(strength=0.0))
    print(f"{LINES} lines of {MEAN_WIDTH} columns, {device}, {torch.get_num_threads()} threads, median of {repeats}")
    print(f"all kinds at their defaults: {whole:.2f} ms a batch, {whole / LINES * 1e3:.0f} us a line")
    print(f"geometry and nothing else:   {plain:.2f} ms a batch")
    nothing = cost(only("motion", 0.0))
    print(f"draws and empty kinds add:   {nothing - plain:.2f} ms a batch")
    print(f"{'kind':16} {'default':>8} {'for all lines, ms':>18} {'at the default, ms':>19}")
    for kind in KINDS:
        if kind in GEOMETRY:
            continue  # in the grid: always computed
        share = 1.0 if kind == "gamma" else options.probability(kind)
        everywhere = cost(only(kind)) - nothing
        print(f"{kind:16} {share:8.2f} {everywhere:18.2f} {everywhere * share:19.2f}")


def print_share(repeats: int) -> None:
    """Time augmentation and a training step of the `small` preset in turn, on the CPU, and compare them."""
    from torch.nn.functional import ctc_loss

    from hwr.model.network import build, preset_spec
    from hwr.train.device import has_bf16_units

    classes, label_length = 134, 30
    ink, widths, targets = stroke_batch(LINES, MEAN_WIDTH)
    network = build(preset_spec("small", classes), auxiliary=True).train()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4, foreach=True)
    labels = torch.randint(1, classes, (LINES, label_length), generator=torch.Generator().manual_seed(1))
    precise = not has_bf16_units(torch.device("cpu"))
    times: list[tuple[float, float]] = []
    for repeat in range(repeats + 2):
        start = time.perf_counter()
        lines = augment(ink, widths, targets, torch.arange(LINES) + 1000 * repeat, AugmentOptions())
        between = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            outputs = [output for output in network.forward_with_auxiliary(lines) if output is not None]
        loss = torch.zeros(())
        for output in outputs:
            steps = torch.full((LINES,), output.shape[1])
            lengths = torch.full((LINES,), label_length)
            loss = loss + ctc_loss(output.float().transpose(0, 1), labels, steps, lengths)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        times.append((between - start, time.perf_counter() - between))
    ours, theirs = (statistics.median(column) * 1e3 for column in zip(*times[2:], strict=True))
    print(f"{LINES} lines of {MEAN_WIDTH} columns, {torch.get_num_threads()} threads, median of {repeats}")
    print(
        f"augmentation {ours:.1f} ms, step of `small` in {'fp32' if precise else 'bf16'} {theirs:.0f} ms: "
        f"{100.0 * ours / theirs:.1f} %"
    )


def read_lines(path: Path, count: int, start: int) -> list[NDArray[np.uint8]]:
    """Return normalised lines of a Parquet file, spread over its first group after `start`."""
    from hwr.files.images import decode_image
    from hwr.line import normalise_line
    from hwr.store.lines import LineStore

    file = LineStore(path)
    stored = file.read_group(start % len(file.groups))
    step = max(1, len(stored) // count)
    return [normalise_line(decode_image(line.image, line.id), HEIGHT) for line in stored[::step][:count]]


def one_line(ink: NDArray[np.uint8], target: int, seed: int, options: AugmentOptions) -> NDArray[np.uint8]:
    """Return an augmented line as dark ink on white, (HEIGHT, target)."""
    batch = torch.from_numpy(np.ascontiguousarray(ink))[None]
    seeds = torch.tensor([seed])
    result = augment(batch, torch.tensor([ink.shape[1]]), torch.tensor([target]), seeds, options)
    return np.asarray(255.0 - result[0, 0].numpy() * 255.0, dtype=np.uint8)


def write_sheet(path: Path, rows: list[tuple[str, list[NDArray[np.uint8]]]], width: int) -> None:
    """Draw labelled rows of lines, cut to `width` columns each, into one picture."""
    import cv2

    pieces = []
    for label, lines in rows:
        cells = []
        for line in lines:
            cell = np.full((HEIGHT + 4, width + 6), 200, np.uint8)
            shown = line[:, :width]
            cell[2 : 2 + HEIGHT, 2 : 2 + shown.shape[1]] = shown
            cells.append(cell)
        row = np.concatenate(cells, axis=1)
        title = np.full((HEIGHT + 4, 130 if label else 0), 255, np.uint8)
        if label:
            cv2.putText(title, label, (2, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,), 1, cv2.LINE_AA)
        pieces.append(np.concatenate([title, row], axis=1))
    if not cv2.imwrite(str(path), np.concatenate(pieces, axis=0)):
        raise SystemExit(f"{path}: cannot be written")


def sheet(path: Path, data: list[Path], lines: int, copies: int, strength: float, seed: int, width: int) -> None:
    """Each line as it is and augmented `copies` times, with the width jitter of training."""
    options = AugmentOptions(strength=strength)
    generator = np.random.default_rng(seed)
    rows = []
    for index, file in enumerate(data):
        for number, ink in enumerate(read_lines(file, lines, seed), start=index * lines):
            row = [255 - ink]
            for copy in range(copies):
                target = max(1, round(ink.shape[1] * float(np.exp(generator.uniform(-0.25, 0.2) * strength))))
                row.append(one_line(ink, target, seed * 10007 + number * 101 + copy, options))
            rows.append((f"{file.parent.name}"[:16], row))
    write_sheet(path, rows, width)


def kinds_sheet(path: Path, data: list[Path], copies: int, seed: int, width: int) -> None:
    """Return a row for each kind, alone, for `copies` lines."""
    inks = [ink for file in data for ink in read_lines(file, max(1, copies // len(data)), seed)]
    rows = [("as it is", [255 - ink for ink in inks])]
    for kind in KINDS:
        chosen = only(kind)
        rows.append((kind, [one_line(ink, ink.shape[1], seed + number, chosen) for number, ink in enumerate(inks)]))
    write_sheet(path, rows, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path, help="Parquet files of lines, for a sheet")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--kinds", type=Path, help="write a sheet with one row a kind to this PNG")
    parser.add_argument("--step", action="store_true", help="compare with a training step on the CPU")
    parser.add_argument("--lines", type=int, default=4, help="lines a file on the sheet")
    parser.add_argument("--copies", type=int, default=3, help="augmented copies of each line, or lines of a kind")
    parser.add_argument("--columns", type=int, default=420, help="columns of each line that are shown")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=31)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if (given.sheet or given.kinds) and not given.data:
        parser.error("a sheet needs Parquet files of lines")
    if given.sheet:
        sheet(given.sheet, given.data, given.lines, given.copies, given.strength, given.seed, given.columns)
    if given.kinds:
        kinds_sheet(given.kinds, given.data, given.copies, given.seed, given.columns)
    if given.step:
        print_share(given.repeats)
    elif not given.sheet and not given.kinds:
        print_costs(given.device, given.repeats)


if __name__ == "__main__":
    main()
