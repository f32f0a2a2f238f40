"""Measure the CPU time of commands from a cold start: Python, imports, models and one line or page.

    python -m benchmarks.cold_start [-m MODEL] [--runs 7]

Each command runs in a process of its own on one thread, all in turn. The table gives the lowest and the median CPU
seconds (user and system), and the peak memory. Compiled modules (.pyc) are in use, as after an installation: the first
run of each command does not count. `floor` opens the network in ONNX Runtime with NumPy alone, without hwr.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.shared import Seconds, time_process
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.models import find_model

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
FLOOR = "import numpy, onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"


def commands(model: str) -> dict[str, list[str]]:
    """Return what is timed: arguments of the interpreter."""
    hwr = ["-m", "hwr"]
    line = [*hwr, "recognize", "-m", model, "--line", str(SAMPLES / "line-1.png")]
    found = {
        "python": ["-c", "pass"],
        "hwr --help": [*hwr, "--help"],
        "line, greedy": [*line, "--decoder", "greedy"],
        "line, one language": [*line, "--language", "en"],
        "line": line,
        "page": [*hwr, "recognize", "-m", model, str(SAMPLES / "page.png")],
    }
    int8 = find_model(model).int8
    return found if int8 is None else {"floor": ["-c", FLOOR, str(int8)]} | found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        every = commands(arguments.model)
        taken: dict[str, list[tuple[Seconds, float]]] = {name: [] for name in every}
        for _ in range(arguments.runs + 1):
            for name, words in every.items():
                taken[name].append(time_process([sys.executable, *words], environment))
    print(f"model {arguments.model}, {arguments.runs} runs, load {os.getloadavg()[0]:.1f}")
    print(f"{'':20} {'least':>8} {'median':>8} {'memory':>10}")
    for name, runs in taken.items():
        seconds = [time.cores for time, _ in runs[1:]]
        peak = max(mebibytes for _, mebibytes in runs)
        print(f"{name:20} {min(seconds):6.2f} s {statistics.median(seconds):6.2f} s {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
