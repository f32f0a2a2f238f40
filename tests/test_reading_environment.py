"""An installation without torch reads, evaluates and prepares, and says what training lacks.

It is made in a fresh virtual environment by the commands of requirements/read.txt.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwr.metrics import character_errors

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "data" / "samples"

pytestmark = pytest.mark.slow


class Environment:
    """A virtual environment, used from a folder that is not the repository."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work
        self.empty_size = self.size()

    def size(self) -> int:
        """Return the bytes of all files."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        return sum(path.stat().st_size for path in files)

    def pip(self, *arguments: str) -> None:
        self.run("python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, check=True)

    def run(self, program: str, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment. No variable leads it to another installation or to a cached model."""
        command = [str(self.folder / "bin" / program), *arguments]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        variables["XDG_CACHE_HOME"] = str(self.work / "cache")
        return subprocess.run(
            command, check=check, capture_output=True, text=True, cwd=self.work, env=variables, timeout=600
        )

    def hwr(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("hwr", *map(str, arguments))


@pytest.fixture(scope="module")
def environment(source_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    base = tmp_path_factory.mktemp("reading")
    subprocess.run([sys.executable, "-m", "venv", base / "venv"], check=True)
    (base / "work").mkdir()
    made = Environment(base / "venv", base / "work")
    made.pip("install", "-r", str(source_copy / "requirements" / "read.txt"))
    made.pip("install", "--no-deps", str(source_copy))
    return made


def test_it_takes_less_than_600_megabytes(environment: Environment) -> None:
    """Not counted: pip and setuptools, which Python itself puts into a new environment."""
    assert 100_000_000 < environment.size() - environment.empty_size < 600_000_000


def test_it_holds_neither_torch_nor_onnx(environment: Environment) -> None:
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('torch', 'torchaudio', 'onnx')])"
    assert environment.run("python", "-c", code).stdout.strip() == "[None, None, None]"


def test_it_reads_the_sample_page(environment: Environment) -> None:
    done = environment.hwr("recognize", SAMPLES / "page.png")
    assert done.returncode == 0, done.stderr
    truth = (SAMPLES / "page.txt").read_text(encoding="utf-8")
    assert character_errors(truth, done.stdout).rate < 0.3


def test_it_fails_a_build_on_a_poor_rate(environment: Environment) -> None:
    done = environment.hwr("eval", SAMPLES / "lines" / "val.parquet", "--max-cer", "0")
    assert done.returncode == 1, done.stderr


def test_it_prepares_a_folder_with_text_files(environment: Environment) -> None:
    source = environment.work / "source"
    source.mkdir()
    for name in ("line-1", "line-2", "line-3"):
        shutil.copy(SAMPLES / f"{name}.png", source)
        shutil.copy(SAMPLES / f"{name}.txt", source / f"{name}.gt.txt")
    done = environment.hwr("prepare", source, "-o", environment.work / "store")
    assert done.returncode == 0, done.stderr
    assert list((environment.work / "store").glob("*.parquet"))


@pytest.mark.parametrize(
    "arguments",
    [["train", SAMPLES / "lines", "-o", "run"], ["export", "small", "-o", "small.onnx"]],
    ids=["train", "export"],
)
def test_what_needs_torch_says_how_to_install_it(environment: Environment, arguments: list[str | Path]) -> None:
    done = environment.hwr(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwr: error: ")
    assert "pip install" in line and "torch" in line
