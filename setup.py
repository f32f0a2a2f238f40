"""Copies the shipped models and the recipes, which are next to the package, into the installed package.

`checkpoints/*` becomes `hwr/checkpoints/*` and `recipes/*` becomes `hwr/recipes/*`. An editable installation copies
nothing: there the package finds the folders of the repository.

The beam search is compiled where there is a C compiler; without it, it runs in NumPy.
"""

import shutil
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # builds do not look for modules here by themselves

from hwr.decode.build_search import compile_search, library_name  # noqa: E402

SHIPPED = {"checkpoints": (".safetensors", ".onnx", ".lm", ".md"), "recipes": (".toml",)}
"""Folders of the repository, and the suffixes of the files in them that are installed."""
SEARCH = f"decode/{library_name()}"
"""The compiled search in the package."""


def shipped_files() -> list[str]:
    """Return the shipped files. Trunks, from which training continues, are in a folder of their own and stay behind."""
    return [
        f"{folder}/{path.name}"
        for folder, suffixes in SHIPPED.items()
        for path in sorted((ROOT / folder).glob("*"))
        if path.suffix in suffixes
    ]


class BuildWithModels(build_py):
    """`build_py` that also copies the shipped files and compiles the search."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in SHIPPED:
            # Remove files of an earlier build that are no longer in the repository.
            shutil.rmtree(Path(self.build_lib, "hwr", folder), ignore_errors=True)
        for name in shipped_files():
            target = Path(self.build_lib, "hwr", name)
            self.mkpath(str(target.parent))
            self.copy_file(name, str(target), preserve_mode=False)
        try:
            compile_search(Path(self.build_lib, "hwr", SEARCH))
        except OSError as error:
            self.warn(f"the beam search is not compiled and will run in NumPy: {error}")

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *shipped_files()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        added = [Path(self.build_lib, "hwr", name) for name in (*shipped_files(), SEARCH)]
        found = [] if self.editable_mode else [str(path) for path in added if path.exists()]
        return [*super().get_outputs(include_bytecode), *found]


class WheelOfOnePlatform(bdist_wheel):
    """`bdist_wheel` whose wheel fits any Python, but only the platform that the search was compiled for."""

    def get_tag(self) -> tuple[str, str, str]:
        _, _, platform = super().get_tag()
        return "py3", "none", platform


class WithLibrary(Distribution):
    """A distribution with a file of one platform in it."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithModels, "bdist_wheel": WheelOfOnePlatform})
