"""Compare the members of the recurrent family on handwriting: equal weights, equal lines seen.

    python -m benchmarks.recurrent_family DATA... -o FOLDER [--scale full|small] [--lines N] [--only NAME...]

Each member is a VGSL network (`MEMBERS`). Members differ in one thing: the layer that reads in order or, for those over
the plane, the last convolutions before a BLSTM. {n} is chosen so that all have the same number of weights to within
5 %. Each is trained from random weights on the train splits of DATA. Their val splits are read greedily, as `hwr eval`
reads them.

A finished member is not trained again, and an interrupted one resumes, so the table grows from call to call. It gives
the CER with its 95 % interval (whole writers are drawn), the difference from BLSTM with the interval of a paired
bootstrap, weights, multiplications of a line, and the processor time of a line in training (forward and backward pass
on random ink) and in reading. Errors and characters of several seeds are added up.

The scale `full` is for lines of text and takes a GPU or a day of CPU time; it trains with the settings of `hwr train`.
The scale `small` is for single words (height 32) and takes an hour of one CPU core: it uses AdamW, whose steps on small
matrices are cheaper than those of Muon, and no augmentation.
"""

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.ablations import Errors, errors_of, kept, paired_interval
from benchmarks.shared import validation_sets
from hwr.errors import UsageError
from hwr.evaluate.intervals import bootstrap_totals, effective_number, rate_intervals
from hwr.evaluate.lines import read_set
from hwr.model import vgsl
from hwr.model.network import build
from hwr.recognize.recognizer import Recognizer
from hwr.train.augment.options import AugmentOptions
from hwr.train.folder import CACHE
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.reporters import PlainReporter
from hwr.train.run import train

CLASSES = 80
"""Classes for which {n} is chosen; the alphabet of the data changes the count of all members alike."""
TOLERANCE = 0.05
REFERENCE = "BLSTM"
SEEDS = 3
TIMED_STEPS = 9


@dataclass(frozen=True)
class Scale:
    """The size of all members.

    Attributes:
        trunk: convolutions before layers along the line.
        planes: convolutions before layers over the plane, which are followed by a BLSTM of `head` units.
        weights: learned weights of each member.
        width: columns of a typical line.
        max_multiplications: bound for one line of this width.
        lines: lines that a run sees.
        optimisation: of each run.
        augment: augmentation of each run.
    """

    trunk: str
    planes: str
    head: int
    weights: int
    width: int
    max_multiplications: float
    lines: int
    optimisation: Optimisation
    augment: AugmentOptions


SCALES = {
    "full": Scale(
        trunk="[1,48,0,1 C5,5,16,2,2 C3,3,32 Mp2,2 C3,3,64 C3,3,64 Mp2,1 C3,3,96 Mp0,1",
        planes="[1,48,0,1 C5,5,16,2,2 C3,3,32 Mp4,2",
        head=160,
        weights=400_000,
        width=1000,
        max_multiplications=0.4e9,
        lines=30_000,
        optimisation=Optimisation(warm_up_steps=50),
        augment=AugmentOptions(),
    ),
    "small": Scale(
        trunk="[1,32,0,1 C5,5,8,2,2 C3,3,16 Mp2,2 C3,3,32 Mp2,1 C3,3,48 Mp0,1",
        planes="[1,32,0,1 C5,5,8,2,2 C3,3,16 Mp2,2",
        head=64,
        weights=100_000,
        width=200,
        max_multiplications=0.04e9,
        lines=20_000,
        optimisation=Optimisation("adamw", learning_rate=3e-3, warm_up_steps=50, columns_per_batch=1000),
        augment=AugmentOptions(strength=0),
    ),
}


@dataclass(frozen=True)
class Member:
    """A network: layers after the trunk of a scale, and whether it is trained with several seeds."""

    layers: str
    main: bool = False


MEMBERS = {
    "no recurrence": Member("{trunk} C1,7,{n} C1,7,{n}", main=True),
    "Elman": Member("{trunk} Nfx{n}", main=True),
    "Jordan": Member("{trunk} Jfx{n}"),
    "minGRU": Member("{trunk} Mfx{n}"),
    "GRU": Member("{trunk} Gfx{n}"),
    "LSTM": Member("{trunk} Lfx{n}", main=True),
    "BLSTM": Member("{trunk} Lbx{n}", main=True),
    "two BLSTM": Member("{trunk} Lbx{n} Lbx{n}", main=True),
    "RCL, T = 0": Member("{planes} RC3,3,{n},0 Mp2,1 RC3,3,{n},0 Mp0,1 Lbx{head}"),
    "RCL, T = 1": Member("{planes} RC3,3,{n},1 Mp2,1 RC3,3,{n},1 Mp0,1 Lbx{head}"),
    "RCL, T = 3": Member("{planes} RC3,3,{n},3 Mp2,1 RC3,3,{n},3 Mp0,1 Lbx{head}"),
    "GRCL, T = 3": Member("{planes} GC3,3,{n},3 Mp2,1 GC3,3,{n},3 Mp0,1 Lbx{head}"),
    "ReNet": Member("{planes} Lby{n} Lbx{n} Mp2,1 Lby{n} Lbx{n} Mp0,1 Lbx{head}"),
}


def fit(member: Member, scale: Scale) -> str:
    """Return the specification of a member with {n} chosen; {classes} is left open.

    Raises:
        UsageError: no {n} comes within 5 % of the weights, or a line takes too many multiplications.
    """
    template = f"{member.layers} Do0.1 O1c{{classes}}]"
    best: tuple[int, str] | None = None
    for n in range(2, 2048):
        spec = template.format(trunk=scale.trunk, planes=scale.planes, head=scale.head, n=n, classes="{classes}")
        off = vgsl.parse(spec.format(classes=CLASSES)).weights() - scale.weights
        if best is None or abs(off) < abs(best[0]):
            best = (off, spec)
        if off > 0:
            break
    assert best is not None
    off, spec = best
    if abs(off) > TOLERANCE * scale.weights:
        raise UsageError(f"{member.layers}: no size has {scale.weights:,} weights; the nearest is off by {off:+,}")
    cost = vgsl.parse(spec.format(classes=CLASSES)).multiplications(scale.width)
    if cost > scale.max_multiplications:
        raise UsageError(f"{member.layers}: {cost:,} multiplications, more than {scale.max_multiplications:,}")
    return spec


@dataclass(frozen=True)
class Result:
    """Results of one run of a member.

    Attributes:
        errors: edits, characters and cluster of each validation line.
        lines: lines seen in training.
        read_seconds: processor time of reading all validation lines.
    """

    errors: Errors
    lines: int
    read_seconds: float


def measure(spec: str, seed: int, data: Sequence[Path], scale: Scale, folder: Path) -> Result:
    """Train and read one member, or return what an earlier call found."""

    def make() -> Result:
        recipe = Recipe(
            train=tuple(TrainingSet(str(path)) for path in data),
            spec=spec,
            name=folder.name,
            seed=seed,
            lines=scale.lines,
            minutes=1e6,
            validate_minutes=1e6,
            optimisation=scale.optimisation,
            augment=scale.augment,
        )
        resume = (folder / "resume.pt").exists()
        _share_cache(folder)
        run = train(recipe, folder, PlainReporter(), resume=resume, command="benchmarks.recurrent_family")
        recognizer = Recognizer(run.model)
        sets = validation_sets(data)
        start = time.process_time()
        read = [line for item in sets for line in read_set(item, recognizer)]
        seconds = time.process_time() - start
        return Result(errors_of(read), run.progress.lines, seconds)

    return kept(folder / "result.json", Result, make)


def _share_cache(folder: Path) -> None:
    """Link the cache of a run to one for all members; a complete run removes its own cache, but not a linked one."""
    shared = folder.parent / CACHE
    for path in (shared, folder):
        path.mkdir(parents=True, exist_ok=True)
    if not (folder / CACHE).exists():
        (folder / CACHE).symlink_to(shared.resolve(), target_is_directory=True)


def pooled(seeds: Sequence[Errors]) -> Errors:
    """Add up edits and characters of each line over the seeds."""
    total: dict[str, tuple[int, int, str]] = {}
    for errors in seeds:
        for line, (edits, length, cluster) in errors.items():
            before = total.get(line, (0, 0, cluster))
            total[line] = (before[0] + edits, before[1] + length, cluster)
    return total


def cer(errors: Errors) -> tuple[float, float, float]:
    """Return the CER and its 95 % interval; whole clusters of lines are drawn."""
    clusters: dict[str, list[int]] = {}
    for edits, length, cluster in errors.values():
        totals = clusters.setdefault(cluster, [0, 0, 0, 0])
        totals[0] += edits
        totals[1] += length
    counts = np.array(list(clusters.values()))
    counts[:, 3] = 1  # words are not counted, and no rate has a denominator of 0
    (low, high), _ = rate_intervals(bootstrap_totals(counts), max(2.0, effective_number(counts[:, 1])))
    return float(counts[:, 0].sum() / counts[:, 1].sum()), low, high


@lru_cache
def training_seconds(spec: str, width: int, columns: int) -> float:
    """Return the processor time of the forward and the backward pass for one line of random ink."""
    torch.manual_seed(0)
    network = build(spec.format(classes=CLASSES), auxiliary=True).train()
    lines, steps = max(1, columns // width), -(-width // network.stride)
    ink, widths = torch.rand(lines, 1, network.height, width), torch.full((lines,), width)
    targets = torch.randint(1, CLASSES, (lines, steps // 4))
    seconds = []
    for _ in range(TIMED_STEPS):
        start = time.process_time()
        log_probs = network(ink, widths).transpose(0, 1)
        lengths = torch.full((lines,), steps), torch.full((lines,), steps // 4)
        functional.ctc_loss(log_probs, targets, *lengths).backward()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)) / lines


def table(found: dict[str, list[Result]], specs: dict[str, str], scale: Scale) -> str:
    """Return a Markdown table of all members that were measured."""
    rows = [
        "| member | seeds | lines seen | weights | multiplications a line | CER | 95 % | against BLSTM | "
        "ms a line in training | ms a line in reading |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, results in found.items():
        errors = pooled([result.errors for result in results])
        rate, low, high = cer(errors)
        specification = vgsl.parse(specs[name].format(classes=CLASSES))
        against = "–"
        if REFERENCE in found and name != REFERENCE:
            least, most = paired_interval(pooled([result.errors for result in found[REFERENCE]]), errors)
            against = f"{least:+.3f} to {most:+.3f}"
        training = 1000 * training_seconds(specs[name], scale.width, scale.optimisation.columns_per_batch)
        reading = np.mean([1000 * result.read_seconds / len(result.errors) for result in results])
        rows.append(
            f"| {name} | {len(results)} | {results[0].lines:,} | {specification.weights():,} | "
            f"{specification.multiplications(scale.width) / 1e6:.1f} M | {rate:.3f} | {low:.3f} to {high:.3f} | "
            f"{against} | {training:.1f} | {reading:.1f} |"
        )
    return "\n".join(rows)


def plot(found: dict[str, list[Result]], path: Path) -> None:
    """Draw the CER of each member with its interval."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "hwr", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    plt.figure(figsize=(6, 0.6 + 0.25 * len(found)))
    for name, results in reversed(found.items()):
        rate, low, high = cer(pooled([result.errors for result in results]))
        plt.errorbar([rate], [name], xerr=[[rate - low], [high - rate]], fmt="o", ms=4, capsize=2, color="C0")
    plt.xlabel("CER with 95 % interval")
    plt.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close()


def main() -> None:
    """Train what is not trained yet, and print the table after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="line stores with a train and a val split")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--lines", type=int, help="lines that each run sees (default: as the scale says)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each main member")
    parser.add_argument("--plot", type=Path, help="SVG file to draw")
    parser.add_argument("--only", nargs="+", choices=MEMBERS, default=list(MEMBERS), metavar="NAME")
    options = parser.parse_args()
    scale = SCALES[options.scale]
    scale = replace(scale, lines=options.lines or scale.lines)
    specs = {name: fit(member, scale) for name, member in MEMBERS.items()}
    found: dict[str, list[Result]] = {}
    for seed in range(1, options.seeds + 1):
        for name in options.only:
            if seed > 1 and not MEMBERS[name].main:
                continue
            folder = options.output / re.sub(r"\W+", "-", f"{name} {seed}")
            result = measure(specs[name], seed, options.data, scale, folder)
            found.setdefault(name, []).append(result)
            print(f"{table(found, specs, scale)}\n", flush=True)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
