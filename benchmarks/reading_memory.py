"""Measure memory and time of `hwr recognize` for large images and long documents.

    python -m benchmarks.reading_memory
    python -m benchmarks.reading_memory --pages 300 -m base

The sample page is enlarged to each size and stored in each format, then read in a child process with the greedy
decoder; so are TIFF and PDF documents of many sample pages. The table gives the peak memory of the process (VmHWM of
Linux) and seconds, start-up included. Making the images takes 2 GB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from hwr.recognize import DEFAULT_MODEL

PAGE = Path(__file__).parent.parent / "data" / "samples" / "page.png"
PAPER = 235
LARGE = (
    ("JPEG", "L", 5_000),
    ("PNG", "RGB", 9_900),
    ("PNG", "RGB", 13_400),
    ("PNG", "L", 20_000),
    ("JPEG", "RGB", 20_000),
    ("TIFF", "RGB", 20_000),
    ("TIFF", "1", 20_000),
)
"""Format, mode and side of square images."""
OPTIONS: dict[str, dict[str, Any]] = {"PNG": {"compress_level": 1}, "TIFF": {"compression": "tiff_lzw"}}

CHILD = r"""
import re, sys
from hwr import cli
sys.argv = ["hwr", "recognize", *sys.argv[1:]]
try:
    cli.main()
finally:
    print(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
"""


def read(path: Path, model: str) -> tuple[float, float]:
    """MiB at most and seconds of reading a file."""
    output = path.with_suffix(".out.json")
    arguments = [path, "-m", model, "--decoder", "greedy", "--format", "json", "-o", output, "--force"]
    start = time.perf_counter()
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) / 1024, time.perf_counter() - start


def large_images(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each large image with what it is; it is removed when the next one is asked for."""
    with Image.open(PAGE) as page:
        sample = page.convert("L")
    for kind, mode, side in LARGE:
        image = Image.new("L", (side, side), PAPER)
        image.paste(sample.resize((side * sample.width // sample.height, side)))
        path = folder / "large"
        image.convert(mode).save(path, kind, **OPTIONS.get(kind, {}))
        del image
        yield f"{kind} {mode}, {side} x {side}", path
        path.unlink()


def documents(folder: Path, pages: int) -> Iterator[tuple[str, Path]]:
    """Documents of ten and of many sample pages."""
    with Image.open(PAGE) as page:
        sample = page.convert("L")
    for kind in ("TIFF", "PDF"):
        for count in (10, pages):
            path = folder / "document"
            copies = [sample.copy() for _ in range(count)]
            copies[0].save(path, kind, save_all=True, append_images=copies[1:], resolution=200)
            yield f"{kind}, {count} pages", path
            path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--pages", type=int, default=60, help="pages of the documents")
    options = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    print(f"{'':32} {'MiB':>6} {'s':>7}")
    with tempfile.TemporaryDirectory() as name:
        for cases in (large_images(Path(name)), documents(Path(name), options.pages)):
            for what, path in cases:
                memory, seconds = read(path, options.model)
                print(f"{what:32} {memory:6.0f} {seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
