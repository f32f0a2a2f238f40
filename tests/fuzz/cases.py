"""Hostile cases: the command that each kind and seed gives, run within limits of time and memory."""

import faulthandler
import os
import random
import re
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from click.testing import CliRunner

from fuzz import lines, models, pages
from hwr.cli import cli
from hwr.errors import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL, HwrError, Outcome

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 60
MAX_MEMORY = 2 * 2**30

Make = Callable[[random.Random, Path], list[str] | Callable[[], object]]
KINDS: dict[str, Make] = {
    make.__name__: make  # type: ignore[attr-defined]
    for make in (
        *(pages.image, pages.pdf, pages.xml, pages.page_json, pages.zip_file),
        *(lines.table, lines.parquet, lines.iam, lines.text),
        *(models.model, models.graph, models.language_model, models.arpa, models.recipe, models.run_state),
    )
}
READERS = ("recognize", "eval", "align")


def parse_seeds(text: str) -> range:
    """Return the seeds that a user asks for: a number of them, or from one to another, the last one excluded."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last)) if dash else range(int(first))


def use_folder(place: Path) -> None:
    """Work from the root of the repository, with temporary files and caches in `place`."""
    os.chdir(ROOT)
    os.environ.update(HOME=str(place / "home"), XDG_CACHE_HOME=str(place / "cache"))


def run_seed(kind: str, seed: int, place: Path, weights: Path) -> bool:
    """Run the case of a kind and a seed in a folder of its own; return whether something was done with the input.

    Raises:
        AssertionError: it ended with an internal error, or a message of several lines.
        TimeoutError: it took more than `MAX_SECONDS`.
    """
    folder = place / f"{kind}-{seed}"
    folder.mkdir()
    case = KINDS[kind](random.Random(f"{kind} {seed}"), folder)
    if isinstance(case, list) and case[0] in READERS and "-m" not in case:
        case += ["-m", str(weights)]
    try:
        with _time_limit():
            return _run(case, f"{kind} {seed}: {case}")
    finally:
        shutil.rmtree(folder)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Interrupt a case that takes too long, or end the process where Python cannot interrupt it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {MAX_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MAX_SECONDS)
    faulthandler.dump_traceback_later(2 * MAX_SECONDS, exit=True)
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def peak_memory() -> int:
    """Return the most memory in bytes that this process has had.

    Linux hands the peak of `getrusage` from a program to the one that it starts; the one of the memory map is fresh.
    """
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE) if status.is_file() else None
    if found:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _run(case: list[str] | Callable[[], object], what: str) -> bool:
    if callable(case):
        result = None
        try:
            case()
        except HwrError as found:
            error: BaseException | None = found
        else:
            return True
    else:
        result = CliRunner().invoke(cli, case, standalone_mode=False)
        error = result.exception
    if isinstance(error, HwrError):
        assert "\n" not in str(error), what
        return False
    if isinstance(error, click.ClickException):
        return False
    if isinstance(error, TimeoutError):
        raise error
    if error is not None:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    outcome = result.return_value if result else None
    code = outcome.exit_code if isinstance(outcome, Outcome) else EXIT_OK
    assert code in (EXIT_OK, EXIT_ERROR, EXIT_PARTIAL), what
    return code != EXIT_ERROR
