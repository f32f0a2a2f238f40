"""Run hostile cases and print what was found: `PYTHONPATH=tests python -m fuzz 1000-2000`.

A long run may be split over several commands that share a log, each with other seeds. A command that was interrupted
continues with the kinds that the log lacks.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from fuzz.cases import KINDS, MAX_MEMORY, parse_seeds, peak_memory, run_seed, use_folder
from helpers.tiny_model import write_tiny_model


@dataclass
class Counts:
    """Cases of a kind by result.

    Attributes:
        read: something was done with the input.
        refused: one line said why nothing could be done.
        tracebacks: internal errors, and messages of several lines.
        hangs: took more than a minute.
        seconds: time of the slowest case.
        memory: most memory of the process up to the end of these cases, in bytes.
    """

    kind: str
    seeds: str
    read: int = 0
    refused: int = 0
    tracebacks: int = 0
    hangs: int = 0
    seconds: float = 0.0
    memory: int = 0

    @property
    def cases(self) -> int:
        """All cases."""
        return self.read + self.refused + self.tracebacks + self.hangs


def run_kind(kind: str, seeds: str, place: Path, weights: Path) -> Counts:
    """Run the cases of a kind; name the failing ones on stderr."""
    counts = Counts(kind, seeds)
    for seed in parse_seeds(seeds):
        started = time.monotonic()
        try:
            if run_seed(kind, seed, place, weights):
                counts.read += 1
            else:
                counts.refused += 1
        except TimeoutError as error:
            counts.hangs += 1
            click.echo(f"{kind} {seed}: {error}", err=True)
        except AssertionError as error:
            counts.tracebacks += 1
            click.echo(f"{kind} {seed}: {error}", err=True)
        counts.seconds = max(counts.seconds, time.monotonic() - started)
    counts.memory = peak_memory()
    return counts


def read_log(path: Path) -> list[Counts]:
    """Return the counts in a log; a missing log is empty."""
    return [Counts(**json.loads(row)) for row in path.read_text().splitlines()] if path.exists() else []


def total(kind: str, counts: Sequence[Counts]) -> Counts:
    """Return the sum of counts; of times and memory, the maximum."""
    sums = {name: sum(getattr(one, name) for one in counts) for name in ("read", "refused", "tracebacks", "hangs")}
    seconds, memory = max(one.seconds for one in counts), max(one.memory for one in counts)
    return Counts(kind, "", **sums, seconds=seconds, memory=memory)


def table(counts: Sequence[Counts]) -> str:
    """Return one row for each kind, and one for all."""
    kinds = dict.fromkeys(one.kind for one in counts)
    rows = [total(kind, [one for one in counts if one.kind == kind]) for kind in kinds]
    lines = [
        f"{'kind':<15} {'cases':>6} {'read':>6} {'refused':>8} {'tracebacks':>11} {'hangs':>6} {'s':>6} {'MiB':>6}"
    ]
    for row in [*rows, total("all", counts)]:
        lines.append(
            f"{row.kind:<15} {row.cases:>6} {row.read:>6} {row.refused:>8} {row.tracebacks:>11} {row.hangs:>6} "
            f"{row.seconds:>6.1f} {row.memory / 2**20:>6.0f}"
        )
    return "\n".join(lines)


@click.command()
@click.argument("seeds")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Run only this kind.")
@click.option("--log", type=click.Path(path_type=Path), help="Add the counts to this file, and print the totals of it.")
def main(seeds: str, kinds: tuple[str, ...], log: Path | None) -> None:
    """Run the cases with these SEEDS of each kind: a number of them, or FIRST-END, such as 1000-2000.

    The exit code is 1 if a case fails or the process takes 2 GiB.
    """
    log = log.absolute() if log else None
    before = read_log(log) if log else []
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        use_folder(place)
        weights = write_tiny_model(place)
        for kind in kinds or KINDS:
            if any((one.kind, one.seeds) == (kind, seeds) for one in before):
                continue
            counts.append(run_kind(kind, seeds, place, weights))
            if log:
                with log.open("a") as file:
                    file.write(json.dumps(asdict(counts[-1])) + "\n")
    counts += before
    click.echo(table(counts))
    found = total("all", counts)
    sys.exit(int(bool(found.tracebacks or found.hangs or found.memory >= MAX_MEMORY)))


if __name__ == "__main__":
    main()
