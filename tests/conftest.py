"""Fixtures that all tests share."""

import shutil
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

# The benchmarks are not installed, and the checkout is not on the path: the installed package is what is tested.
_benchmarks = ModuleSpec("benchmarks", None, is_package=True)
_benchmarks.submodule_search_locations = [str(ROOT / "benchmarks")]
sys.modules["benchmarks"] = module_from_spec(_benchmarks)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker of pytest-xdist whole files, so that what the tests of a file share is made once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data next to the checkout; tests that need it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data not found: {folder}")
    return folder


@pytest.fixture(scope="session")
def source_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout, without what builds and tools left there, to build the package from."""
    left_out = (".git", ".venv*", "build", "dist", "runs", "*.egg-info", "__pycache__", ".*_cache")
    return Path(
        shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "hwr", ignore=shutil.ignore_patterns(*left_out))
    )
