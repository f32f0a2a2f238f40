"""Code that several benchmarks share: their sets, and times of calls and of processes."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hwr.evaluate.sets import EvaluationSet, find_sets

Result = TypeVar("Result")


def validation_sets(paths: Sequence[Path]) -> list[EvaluationSet]:
    """Return the val splits of line stores.

    Raises:
        SystemExit: one is missing.
    """
    sets, failed = find_sets(paths, "val")
    if failed:
        raise SystemExit(failed[0].error)
    return sets


@dataclass(frozen=True)
class Seconds:
    """Elapsed time, and processor time over all cores."""

    passed: float
    cores: float


def timed(work: Callable[[], Result]) -> tuple[Result, Seconds]:
    """Return the result of a call, and the time that it took."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return result, Seconds(time.perf_counter() - start, time.process_time() - used)


def time_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Seconds, float]:
    """Run a command in a process of its own; return its time, and its peak memory in MiB (Linux).

    Raises:
        SystemExit: the command failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {message.decode(errors='replace').strip()}")
    return Seconds(time.perf_counter() - start, usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 1024


def memory_of_process(name: str) -> float:
    """Return a figure of this process in MiB (Linux): VmRSS, the resident memory, or VmHWM, its peak."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) / 1024
