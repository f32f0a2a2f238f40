"""Measure the peak memory of reading a line store of 1,000,000 lines, compared with one of 10,000.

    python -m benchmarks.linestore_memory [--lines 10000 1000000] [--reader NAME] [--limit 300]

This writes synthetic stores (tiny images, about 250 bytes a line) in two layouts: row groups of 256 lines, as
`hwr prepare` writes them, and one giant row group, as other programs may. Each store is read in a process of its own,
which reports its peak memory. The exit code is 1 if, for any reader, the largest store takes more memory than the
smallest by more than the limit (MiB).

To measure something else, add a function to READERS: it takes the path of a `.parquet` file and returns how many lines
it has seen, all or at least SAMPLED. It runs alone in its process.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines

LIMIT_MIB = 300
HEIGHT, WIDTH = 24, 240


def read_lines(path: Path) -> int:
    """Read every line with its image."""
    return sum(1 for _ in LineStore(path))


def read_shuffled(path: Path) -> int:
    """Read every group once, in an order in which training may request them: windows of groups, shuffled."""
    file = LineStore(path)
    order = list(range(len(file.groups)))
    window = 64
    generator = random.Random(0)
    count = 0
    for start in range(0, len(order), window):
        chunk = order[start : start + window]
        if file.groups[chunk[0]].row_group != file.groups[chunk[-1]].row_group:
            generator.shuffle(chunk)  # inside a giant row group only reading forward is cheap
        count += sum(len(file.read_group(index)) for index in chunk)
    return count


def read_texts(path: Path) -> int:
    """Read only the texts."""
    return sum(1 for _ in LineStore(path).texts())


def read_for_training(path: Path) -> int:
    """Do what a training run without a cache does: the alphabet of all texts, the order of the epoch, then batches."""
    from hwr.text import Alphabet
    from hwr.train.batches import PoolBuilder
    from hwr.train.datasets import StoreLines
    from hwr.train.recipe import Recipe

    source = StoreLines(path, 48, "train")
    builder = PoolBuilder([source], [1.0], Alphabet.of(source.texts()), 4, Recipe())
    seen = 0
    for number in range(len(builder.pools(0))):
        pool = builder.build(0, number)
        seen += sum(builder.cutter.collate(lines).lines for lines in pool.batches)
        if seen >= SAMPLED:
            break
    return seen


def read_for_eval(path: Path) -> int:
    """Do what `hwr eval` does with a store, with the network replaced by a reader of nothing."""
    from hwr.decode.reading import Reading
    from hwr.evaluate.evaluation import evaluate
    from hwr.evaluate.sets import Selection, find_sets
    from hwr.text import Alphabet

    class Nothing:
        alphabet = Alphabet("abc")

        def read_lines(self, lines: Sequence[Any], /) -> list[Reading]:
            return [Reading("", 0.0, ()) for _ in lines]

    found, _ = find_sets([path], "train")
    selection = Selection(SAMPLED)
    return evaluate(Nothing(), found, selection).total.lines  # type: ignore[arg-type]


SAMPLED = 40_000
"""Lines that training and evaluation decode: enough to reach the memory at which they stay."""

READERS: dict[str, Callable[[Path], int]] = {
    "lines": read_lines,
    "shuffled": read_shuffled,
    "texts": read_texts,
    "training": read_for_training,
    "eval": read_for_eval,
}


def small_images() -> list[bytes]:
    """PNG files of a few strokes."""
    generator = np.random.default_rng(0)
    files = []
    for _ in range(64):
        image = np.full((HEIGHT, WIDTH), 230, np.uint8)
        for start in generator.integers(4, WIDTH - 8, 12):
            image[6:18, start : start + 2] = 40
        files.append(cv2.imencode(".png", image)[1].tobytes())
    return files


def synthetic_lines(count: int) -> Iterator[StoredLine]:
    """Lines with small real images, a few hundred bytes each."""
    images = small_images()
    for number in range(count):
        yield StoredLine(
            image=images[number % len(images)],
            path=f"{number}.png",
            text=f"line {number} of the synthetic store",
            id=f"synthetic-{number:07d}",
            width=WIDTH,
            height=HEIGHT,
            writer=f"writer-{number % 500}",
        )


def write_store(path: Path, layout: str, count: int) -> None:
    """Write one store; a giant row group is written by pyarrow alone, with its own defaults."""
    if layout == "groups":
        write_lines(path, synthetic_lines(count))
        return
    import pyarrow as pa
    from pyarrow import parquet

    lines = synthetic_lines(count)
    images, texts = [], []
    for line in lines:
        images.append({"bytes": line.image, "path": line.path})
        texts.append(line.text)
    parquet.write_table(pa.table({"image": images, "text": texts}), path, row_group_size=count)


def peak_mib() -> float:
    """Return the peak memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Unlike ru_maxrss this does not count what the parent held before the process was its own.
        kib = next(row.split()[1] for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(kib) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(arguments: list[str]) -> None:
    """Run one step in this process and print what it took."""
    task, name, path, *rest = arguments
    start = time.perf_counter()
    if task == "write":
        write_store(Path(path), name, int(rest[0]))
        count = int(rest[0])
    else:
        count = READERS[name](Path(path))
    print(json.dumps({"lines": count, "mib": peak_mib(), "seconds": time.perf_counter() - start}))


def run_child(*arguments: str) -> dict[str, float]:
    """Run a step in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments], check=True, capture_output=True, text=True, timeout=3600
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> int:
    """Write, read, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--reader", choices=READERS, action="append", help="only this one; may be repeated")
    parser.add_argument("--layout", choices=["groups", "giant"], action="append", help="only this one; may be repeated")
    parser.add_argument("--limit", type=float, default=LIMIT_MIB, help="MiB")
    options = parser.parse_args()
    worst = 0.0
    print(f"{'layout':8} {'reader':10} " + " ".join(f"{count:>13,}" for count in options.lines) + "  difference")
    for layout in options.layout or ["groups", "giant"]:
        with tempfile.TemporaryDirectory() as folder:
            stores = {count: Path(folder, f"{count}.parquet") for count in options.lines}
            for count, path in stores.items():
                run_child("write", layout, str(path), str(count))
            for reader in options.reader or READERS:
                results = {count: run_child("read", reader, str(path)) for count, path in stores.items()}
                for count, result in results.items():
                    assert result["lines"] == count or result["lines"] >= SAMPLED, (layout, reader, result)
                memory = [result["mib"] for result in results.values()]
                worst = max(worst, max(memory) - min(memory))
                cells = " ".join(f"{value:>9.0f} MiB" for value in memory)
                seconds = results[max(results)]["seconds"]
                print(
                    f"{layout:8} {reader:10} {cells}  {max(memory) - min(memory):.0f} MiB  ({seconds:.0f} s)",
                    flush=True,
                )
    print(f"largest difference: {worst:.0f} MiB, limit {options.limit:.0f} MiB")
    return 0 if worst <= options.limit else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        sys.exit(main())
