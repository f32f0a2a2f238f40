"""The package: what it requires, what the wheel holds. `test_torch_free.py` runs the commands without torch."""

import ast
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import hwr

ROOT = Path(__file__).parent.parent

MODULES_OF_LIBRARIES = {"cv2": "opencv-python-headless", "PIL": "pillow", "bidi": "python-bidi", "tomli_w": "tomli-w"}
"""Libraries that are imported by another name than they are installed by."""

OPTIONAL = {"torch", "torchaudio", "onnx", "pillow_heif", "_typeshed"}
"""Libraries without which a message says what is missing, and the types of the standard library."""

WITH_TORCH = ("model", "train", "cli/train.py", "cli/export.py")
"""Files and folders of the package that may need torch ..."""
WITHOUT_TORCH = tuple(f"model/{name}.py" for name in ("__init__", "files", "graph", "info", "letters", "vgsl"))
"""... but for these."""

WITHOUT_LIBRARIES = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchaudio", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
"""Python code that makes an installation look as if torch, torchaudio and onnx were not there."""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter of the tests in the repository."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120)


def reading_files() -> Iterator[Path]:
    """The modules that an installation without torch can import."""
    package = ROOT / "hwr"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name in WITHOUT_TORCH or not name.startswith(WITH_TORCH):
            yield path


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_libraries(path: Path) -> set[str]:
    """First names of the absolute imports anywhere in a file, without the standard library."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"hwr"}


def requirements(lines: list[str]) -> dict[str, str]:
    """Requirement lines as name -> versions."""
    parted = (re.fullmatch(r"([a-z0-9-]+)(.*)", line) for line in lines if line and not line.startswith("#"))
    return {match[1]: match[2] for match in parted if match}


@pytest.fixture(scope="module")
def project() -> dict[str, list[str]]:
    """The table [project] of pyproject.toml."""
    table: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def for_reading() -> dict[str, str]:
    """The requirements of requirements/read.txt."""
    return requirements((ROOT / "requirements" / "read.txt").read_text(encoding="utf-8").splitlines())


def test_the_installed_version_is_the_one_of_the_package() -> None:
    assert version("hwr") == hwr.__version__
    assert f"\n## {hwr.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_help_takes_less_than_half_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        done = python("-m", "hwr", "--help")
        assert done.returncode == 0 and "recognize" in done.stdout, done.stderr
        return time.perf_counter() - start

    # The best of several runs: other programs on the machine may slow some of them.
    assert min(seconds() for _ in range(5)) < 0.5


def test_everything_but_training_and_export_imports_without_torch() -> None:
    names = [module_name(path) for path in reading_files() if path.name != "__main__.py"]
    assert {"hwr.cli", "hwr.model.info", "hwr.recognize.models"} <= set(names)
    code = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)\nprint('pyarrow' in sys.modules)"
    done = python("-c", WITHOUT_LIBRARIES + code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False", "pyarrow is to be imported where Parquet is touched, not before"


def test_reading_needs_nothing_that_its_requirements_do_not_name(for_reading: dict[str, str]) -> None:
    used = {name for path in reading_files() for name in imported_libraries(path)} - OPTIONAL
    assert {"click", "numpy", "cv2"} <= used
    assert {MODULES_OF_LIBRARIES.get(name, name) for name in used} - set(for_reading) == set()


def test_reading_requirements_are_those_of_the_package_without_torch(
    project: dict[str, list[str]], for_reading: dict[str, str]
) -> None:
    package = requirements(project["dependencies"])
    assert package["torch"] == package["torchaudio"] == "==2.11.0"
    package["opencv-python-headless"] = package.pop("opencv-python")
    training = {"torch", "torchaudio", "onnx"}
    assert for_reading == {name: versions for name, versions in package.items() if name not in training}
    assert all("<" in versions for versions in for_reading.values())


@pytest.fixture(scope="module")
def wheel(source_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source_copy],
        check=True,
        timeout=300,
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
def test_the_wheel_stays_under_50_megabytes(wheel: Path) -> None:
    """With both precisions of each model and the language models."""
    assert wheel.stat().st_size < 50_000_000


@pytest.mark.slow
def test_the_wheel_holds_the_code_the_data_and_the_models(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "hwr").rglob("*.py")}
    assert code <= names
    splits = {path.relative_to(ROOT).as_posix() for path in (ROOT / "hwr" / "prepare" / "splits").rglob("*.*")}
    assert {name for name in splits if "__pycache__" not in name} <= names
    assert {"hwr/formats/glyphless.ttf", "hwr/formats/page.schema.json"} <= names
    assert {
        "hwr/py.typed",
        *(f"hwr/checkpoints/small.{kind}" for kind in ("safetensors", "onnx", "int8.onnx", "md")),
    } <= names
    assert {f"hwr/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.toml")} <= names
    assert [name for name in names if "trunk" in name or name.startswith(("tests", "data"))] == []


def test_the_lock_file_has_every_requirement_with_hashes(project: dict[str, list[str]]) -> None:
    text = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))
    assert requirements(project["dependencies"]).keys() <= locked.keys()
    assert "hwr" not in locked
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
