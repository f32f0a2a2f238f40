"""What the compression of bundles costs: MiB for a thousand lines, and CER read from the packed lines.

    python -m benchmarks.bundle_quality DATA... [-m MODEL] [--limit 300] [--quality 100 90 80 60]

DATA are line stores (their `val` split) or Parquet files. Each line is normalised, packed at each quality (100: without
loss), unpacked and read; the change is against reading the same lines unpacked.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.bundle import BundleHeader, BundleLine, BundleShard, write_bundle
from hwr.decode.lattice import greedy_text
from hwr.files.images import decode_image
from hwr.line import NORMALISATION, normalise_line
from hwr.metrics import ErrorCounts, character_errors
from hwr.recognize.models import DEFAULT_MODEL, load_model
from hwr.recognize.runtimes import Runtime
from hwr.store.lines import LineStore, StoredLine


def cer(runtime: Runtime, inks: list[NDArray[np.uint8]], texts: list[str]) -> float:
    """CER of normalised lines."""
    alphabet = runtime.info.make_alphabet()
    errors = ErrorCounts()
    for log_probs, text in zip(runtime.log_probs(inks), texts, strict=True):
        errors += character_errors(text, greedy_text(log_probs, alphabet))
    return errors.rate


def packed(inks: list[NDArray[np.uint8]], quality: int, height: int) -> tuple[list[NDArray[np.uint8]], int]:
    """Lines after packing and unpacking, and the bytes of the shards."""
    header = BundleHeader("set", "val", NORMALISATION.name, NORMALISATION.version, height, quality)
    with tempfile.TemporaryDirectory() as folder:
        lines = (BundleLine(ink, "", str(number)) for number, ink in enumerate(inks))
        written = write_bundle(Path(folder), header, lines)
        shards = [BundleShard(path) for path in written.shards]
        unpacked = [line.ink for shard in shards for group in range(shard.groups) for line in shard.read_group(group)]
    return unpacked, written.bytes


def main() -> None:
    """Pack, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--quality", type=int, nargs="+", default=[100, 90, 80, 60])
    options = parser.parse_args()
    runtime = load_model(options.model)
    height = runtime.info.height
    print(f"{'set':20} {'lines':>5} {'CER':>7} " + " ".join(f"{f'quality {q}':>22}" for q in options.quality))
    for path in options.data:
        stored: list[StoredLine] = list(itertools.islice(LineStore(path, "val"), options.limit))
        inks = [normalise_line(decode_image(line.image, line.id), height) for line in stored]
        texts = [line.text for line in stored]
        plain = cer(runtime, inks, texts)
        cells = []
        for quality in options.quality:
            unpacked, size = packed(inks, quality, height)
            change = cer(runtime, unpacked, texts) - plain
            cells.append(f"{size / 2**20 / len(inks) * 1000:5.2f} MiB/1000 {change:+.4f}")
        print(f"{path.name:20} {len(inks):5} {plain:7.4f} " + " ".join(f"{cell:>22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
