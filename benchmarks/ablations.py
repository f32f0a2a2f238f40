"""Compare recipes: train each on the same number of lines, then read the same validation lines.

    python -m benchmarks.ablations VARIANTS.toml -o FOLDER --val DATA... [--only NAME...]

VARIANTS.toml names a base recipe, and for each variant what is changed in it:

    recipe = "recipes/small.toml"
    lines = 12000

    [[variant]]
    name = "as it is"

    [[variant]]
    name = "without spans"
    [variant.optimisation]
    span_time_steps = 0

Each variant is trained by the same code as `hwr train` (a finished one is not trained again), and read greedily through
the path of `hwr eval`. The table gives the CER of each set and its difference from the first variant, with the 95 %
interval of a paired bootstrap: whole writers (pages where writers are too few) are drawn, the same for both. A
difference whose interval contains 0 is not significant. Trained lines, minutes in steps and lines a second follow.
"""

import argparse
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import validation_sets
from hwr.errors import UsageError
from hwr.evaluate.intervals import MIN_CLUSTERS, effective_number, expanded_tail
from hwr.evaluate.lines import ScoredLine, read_set
from hwr.evaluate.sets import EvaluationSet
from hwr.files.atomic import write_file
from hwr.model.files import merge
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.settings import from_dict, load_toml, to_dict
from hwr.train.recipe import Recipe
from hwr.train.reporters import PlainReporter
from hwr.train.run import train

Result = TypeVar("Result")

REPLICATES = 2000
FIGURES = "figures.json"
COMMON = ("train", "lines", "minutes", "init_from", "seed", "optimisation", "augment")
"""Keys of the recipe that the head of the file sets for all variants."""

Errors = dict[str, tuple[int, int, str]]
"""Line -> character edits, characters, and the writer or page that the line is drawn with."""


@dataclass(frozen=True)
class Variant:
    """A recipe under a name."""

    name: str
    recipe: Recipe


@dataclass(frozen=True)
class Figures:
    """Results of a variant: errors by set, and its cost."""

    errors: dict[str, Errors]
    lines: int
    minutes: float

    def rate(self, name: str) -> float:
        """Return the CER of a set."""
        return error_rate(self.errors[name])


def error_rate(errors: Errors) -> float:
    """Return the CER over all lines."""
    return sum(count[0] for count in errors.values()) / sum(count[1] for count in errors.values())


def load_variants(path: Path) -> list[Variant]:
    """Return the variants of a file, each the base recipe with its changes; tables are merged key by key."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(set(data) - {"recipe", "variant", *COMMON}):
        raise UsageError(f"{path}: unknown key {unknown[0]!r}; known are: recipe, variant, {', '.join(COMMON)}")
    if not data.get("variant"):
        raise UsageError(f"{path}: there is no [[variant]]")
    base = to_dict(load_toml(Recipe, Path(data["recipe"])))
    limits: dict[str, Any] = {key: data[key] for key in COMMON if key in data}
    variants = []
    for entry in data["variant"]:
        changes = {key: value for key, value in entry.items() if key != "name"}
        recipe = from_dict(Recipe, merge(merge(base, limits), changes), f"{path}: {entry['name']}")
        variants.append(Variant(entry["name"], recipe))
    return variants


def kept(path: Path, kind: type[Result], make: Callable[[], Result]) -> Result:
    """Return the result that an earlier call left in a file; otherwise make it, and keep it there as JSON."""
    if not path.exists():
        write_file(path, json.dumps(vars(make())).encode())
    return kind(**json.loads(path.read_bytes()))


def measure(variant: Variant, folder: Path, sets: Sequence[EvaluationSet]) -> Figures:
    """Train the variant, or load what an earlier call left, and read the sets."""

    def make() -> Figures:
        resume = (folder / "resume.pt").exists()
        result = train(variant.recipe, folder, PlainReporter(), resume=resume, command="benchmarks.ablations")
        errors = read_errors(folder / "last.safetensors", sets)
        return Figures(errors, result.progress.lines, result.progress.seconds / 60)

    return kept(folder / FIGURES, Figures, make)


def read_errors(model: Path, sets: Sequence[EvaluationSet]) -> dict[str, Errors]:
    """Return the errors of each line of each set, always read greedily."""
    recognizer = Recognizer(model, decoder=DecoderOptions("greedy"))
    return {item.name: errors_of(list(read_set(item, recognizer))) for item in sets}


def errors_of(lines: Sequence[Any]) -> Errors:
    """Return edits and characters of each line, by its writer, or by its page if there are too few writers."""
    scored = [line for line in lines if isinstance(line, ScoredLine)]
    sizes: dict[str, int] = {}
    for line in scored:
        sizes[str(line.writer)] = sizes.get(str(line.writer), 0) + line.characters.reference_length
    by_writer = effective_number(np.array(list(sizes.values()))) >= MIN_CLUSTERS
    return {
        line.id: (
            line.characters.edits,
            line.characters.reference_length,
            str(line.writer) if by_writer else f"{line.writer}/{line.page}",
        )
        for line in scored
    }


def paired_interval(first: Errors, second: Errors, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of CER(second) - CER(first) over the lines of both; clusters are drawn with
    replacement. A line may count more often in one than in the other, as with errors of several seeds.
    """
    clusters = sorted({first[line][2] for line in first if line in second})
    index = {cluster: number for number, cluster in enumerate(clusters)}
    totals: NDArray[np.float64] = np.zeros((len(clusters), 4))
    for line, (edits, length, cluster) in first.items():
        if line in second:
            totals[index[cluster]] += (edits, length, *second[line][:2])
    drawn = np.random.default_rng(seed).integers(len(clusters), size=(REPLICATES, len(clusters)))
    sums = totals[drawn].sum(axis=1)
    differences = sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1]
    tail = expanded_tail(max(2.0, effective_number(totals[:, 1].astype(np.int64))))
    low, high = np.quantile(differences, (tail, 1 - tail))
    return float(low), float(high)


def print_table(names: Sequence[str], results: Sequence[Figures]) -> None:
    """Print a Markdown table: CER, and the difference from the first variant with its interval."""
    sets = list(results[0].errors)
    print("| variant | lines | minutes | lines/s |" + "".join(f" {name} |" for name in sets))
    print("|---|---|---|---|" + "---|" * len(sets))
    for name, figures in zip(names, results, strict=True):
        cells = []
        for item in sets:
            cell = f"{figures.rate(item):.4f}"
            if figures is not results[0]:
                low, high = paired_interval(results[0].errors[item], figures.errors[item])
                difference = figures.rate(item) - results[0].rate(item)
                clear = "" if low <= 0 <= high else " **"
                cell += f" ({difference:+.4f}: {low:+.4f} to {high:+.4f}){clear}"
            cells.append(cell)
        speed = figures.lines / (60 * figures.minutes)
        print(f"| {name} | {figures.lines:,} | {figures.minutes:.1f} | {speed:.0f} | " + " | ".join(cells) + " |")


def main() -> None:
    """Train what is not trained yet, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--val", type=Path, nargs="+", required=True, help="line stores whose val split is read")
    parser.add_argument("--only", nargs="*", help="names of variants; the first of the file is always taken")
    options = parser.parse_args()
    variants = load_variants(options.variants)
    if options.only is not None:
        variants = [variant for variant in variants if variant is variants[0] or variant.name in options.only]
    sets = validation_sets(options.val)
    results = []
    for number, variant in enumerate(variants):
        recipe = replace(variant.recipe, validation=())
        folder = options.output / variant.name.replace(" ", "-")
        results.append(measure(Variant(variant.name, recipe), folder, sets))
        print_table([item.name for item in variants[: number + 1]], results)
        print(flush=True)


if __name__ == "__main__":
    main()
