"""Compare training with one process and all threads to training with one process per core, in lines a second.

    python -m benchmarks.processes RECIPE [--lines 1500] [--rounds 2] [--cores 2]

Trains the recipe from scratch on `--lines` lines, in turn with one process of `--cores` threads and, by torchrun, with
`--cores` processes of one thread. Prints lines a second of each round, by the time in steps (which `--minutes` counts)
and by wall-clock time from the first step to the end, with data feeding but without start and validation; and the ratio
of the medians. The batches are the same: each process takes its share of the lines of every batch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from hwr.files.atomic import atomic_write
from hwr.settings import load_toml, to_toml
from hwr.train.recipe import Recipe


@dataclass(frozen=True)
class Speed:
    """Lines a second, by the time spent in steps and by wall-clock time."""

    steps: float
    wall: float


def train(recipe: Path, folder: Path, processes: int, threads: int) -> Speed:
    """Train in a run folder; wall-clock time starts with the first step, which is logged at once."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--nproc-per-node", str(processes), "-m"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads // processes)}
    command = [*start, "hwr", "train", "--recipe", str(recipe), "-o", str(folder)]
    log = folder / "metrics.jsonl"
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and not (log.exists() and '"step", "step"' in log.read_text(encoding="utf-8")):
            time.sleep(0.05)
        started = time.perf_counter()
        code = run.wait()
        wall = time.perf_counter() - started
    if code:
        raise SystemExit(f"the training ended with exit code {code}: {' '.join(command)}")
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    end = events[-1]
    lines = end["lines"] - steps[0]["lines"]
    return Speed(lines / (60 * (end["minutes"] - steps[0]["minutes"])), lines / wall)


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--lines", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    recipe = replace(load_toml(Recipe, options.recipe), lines=options.lines, minutes=1000.0, validation=(), threads=0)
    found: dict[int, list[Speed]] = {1: [], options.cores: []}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "recipe.toml"
        with atomic_write(path) as temporary:
            temporary.write_text(to_toml(recipe), encoding="utf-8")
        for number in range(options.rounds):
            for processes in found:
                speed = train(path, Path(scratch) / f"{processes}-{number}", processes, options.cores)
                found[processes].append(speed)
                threads = options.cores // processes
                print(
                    f"{processes} process(es) of {threads} thread(s): {speed.steps:.1f} lines/s in steps, "
                    f"{speed.wall:.1f} by wall-clock time",
                    flush=True,
                )
    medians = [statistics.median(speed.steps for speed in speeds) for speeds in found.values()]
    print(f"{options.cores} processes against one: {medians[1] / medians[0]:.2f} times the lines a second")


if __name__ == "__main__":
    main()
