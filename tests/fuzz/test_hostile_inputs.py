"""Commands on hostile input: never an internal error, a hang, an error of several lines, or much memory.

`HWR_FUZZ=2000 pytest -m slow tests/fuzz` runs more mutations of each kind, `HWR_FUZZ=1000-2000` those with other seeds.
"""

import faulthandler
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import click
import pytest
from click.testing import CliRunner

from fuzz import lines, models, pages
from helpers.tiny_model import write_tiny_model
from hwr.cli import cli
from hwr.errors import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL, HwrError, Outcome

ROOT = Path(__file__).parents[2]
FAST = 4
"""Cases of each kind in the fast set."""
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


def seeds(asked: str) -> range:
    """Return the seeds of the slow set: a number of them, or from one to another."""
    first, dash, last = asked.partition("-")
    return range(int(first), int(last)) if dash else range(int(first))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cases; temporary files and caches go there too."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """Let a case that takes too long fail, or end the process where Python cannot interrupt it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {MAX_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "numbers", [range(FAST), pytest.param(seeds(os.environ.get("HWR_FUZZ", "500")), marks=pytest.mark.slow)], ids=str
)
def test_hostile_input_is_refused_or_read(kind: str, numbers: range, place: Path) -> None:
    weights = write_tiny_model(place)
    before = peak_memory()
    accepted = 0
    for seed in numbers:
        folder = place / f"{kind}-{seed}"
        folder.mkdir()
        case = KINDS[kind](random.Random(f"{kind} {seed}"), folder)
        if isinstance(case, list) and case[0] in READERS and "-m" not in case:
            case += ["-m", str(weights)]
        signal.alarm(MAX_SECONDS)
        faulthandler.dump_traceback_later(2 * MAX_SECONDS, exit=True)
        accepted += run(case, f"{kind} {seed}: {case}")
        assert peak_memory() - before < MAX_MEMORY, f"{kind} {seed}: {case}"
        shutil.rmtree(folder)
    assert accepted or len(numbers) <= FAST, "everything was refused: the cases test too little"


def peak_memory() -> int:
    """Return the most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(case: list[str] | Callable[[], object], what: str) -> bool:
    """Run a case; return whether something was done with the input."""
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
    if error is not None:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    outcome = result.return_value if result else None
    code = outcome.exit_code if isinstance(outcome, Outcome) else EXIT_OK
    assert code in (EXIT_OK, EXIT_ERROR, EXIT_PARTIAL), what
    return code != EXIT_ERROR
