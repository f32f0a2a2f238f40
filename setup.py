"""Copies the shipped models and the recipes, which are next to the package, into the installed package.

`checkpoints/*` becomes `hwr/checkpoints/*` and `recipes/*` becomes `hwr/recipes/*`. An editable installation copies
nothing: there the package finds the folders of the repository.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent

SHIPPED = {"checkpoints": (".safetensors", ".onnx", ".lm", ".md"), "recipes": (".toml",)}
"""Folders of the repository, and the suffixes of the files in them that are installed."""


def shipped_files() -> list[str]:
    """Return the shipped files. Trunks, from which training continues, are in a folder of their own and stay behind."""
    return [
        f"{folder}/{path.name}"
        for folder, suffixes in SHIPPED.items()
        for path in sorted((ROOT / folder).glob("*"))
        if path.suffix in suffixes
    ]


class BuildWithModels(build_py):
    """`build_py` that also copies the shipped files."""

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

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *shipped_files()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(Path(self.build_lib, "hwr", name)) for name in shipped_files()]
        return [*super().get_outputs(include_bytecode), *copied]


setup(cmdclass={"build_py": BuildWithModels})
