"""Commands on hostile input: never an internal error, a hang, an error of several lines, or much memory.

`HWR_FUZZ=2000 pytest -m slow tests/fuzz` runs more mutations of each kind, `HWR_FUZZ=1000-2000` those with other seeds.
`PYTHONPATH=tests python -m fuzz 1000-2000` runs the same without pytest, and prints what it found.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.cases import KINDS, MAX_MEMORY, ROOT, parse_seeds, peak_memory, run_seed, use_folder
from helpers.tiny_model import write_tiny_model

FAST = 4
"""Cases of each kind in the fast set."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cases; temporary files and caches go there too."""
    monkeypatch.chdir(ROOT)
    for name in ("HOME", "XDG_CACHE_HOME"):  # which the fixture restores
        monkeypatch.setenv(name, "")
    use_folder(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "numbers",
    [range(FAST), pytest.param(parse_seeds(os.environ.get("HWR_FUZZ", "500")), marks=pytest.mark.slow)],
    ids=str,
)
def test_hostile_input_is_refused_or_read(kind: str, numbers: range, place: Path) -> None:
    weights = write_tiny_model(place)
    before = peak_memory()
    accepted = 0
    for seed in numbers:
        accepted += run_seed(kind, seed, place, weights)
        assert peak_memory() - before < MAX_MEMORY, f"{kind} {seed}"
    assert accepted or len(numbers) <= FAST, "everything was refused: the cases test too little"


def test_counts_of_several_runs_are_added(tmp_path: Path) -> None:
    """Each run adds its counts to the log and prints the totals; what is in the log is not run again."""
    for seeds, total in (("0-2", 2), ("2-3", 3), ("0-2", 3)):
        ended = subprocess.run(
            [sys.executable, "-m", "fuzz", seeds, "--kind", "recipe", "--log", str(tmp_path / "log")],
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        row = ended.stdout.splitlines()[-1].split()
        assert row[:2] == ["all", str(total)] and row[4:6] == ["0", "0"]
