"""Puts the shipped models and the recipes, which lie beside the package, into the installed package.

`checkpoints/*` becomes `hwr/checkpoints/*` and `recipes/*` becomes `hwr/recipes/*`. An editable installation
copies nothing: there the package finds the folders of the repository.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent

SHIPPED = {"checkpoints": (".safetensors", ".onnx", ".lm", ".md"), "recipes": (".toml",)}
"""Folders of the repository, and the endings of the files in them that are installed."""


def shipped_files() -> list[tuple[str, str]]:
    """Each shipped file in the repository and in the package. Trunks, from which training goes on, stay behind."""
    return [
        (f"{folder}/{path.name}", f"hwr/{folder}/{path.name}")
        for folder, endings in SHIPPED.items()
        for path in sorted((ROOT / folder).glob("*"))
        if path.suffix in endings and "trunk" not in path.name
    ]


class BuildWithModels(build_py):
    """`build_py` that also copies the shipped files."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in SHIPPED:
            # What an earlier build left there may have gone from the repository.
            shutil.rmtree(Path(self.build_lib, "hwr", folder), ignore_errors=True)
        for source, target in shipped_files():
            destination = Path(self.build_lib, target)
            self.mkpath(str(destination.parent))
            self.copy_file(source, str(destination), preserve_mode=False)

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *(source for source, _ in shipped_files())]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(Path(self.build_lib, target)) for _, target in shipped_files()]
        return [*super().get_outputs(include_bytecode), *copied]


setup(cmdclass={"build_py": BuildWithModels})
