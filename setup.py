"""Puts the shipped models and the recipes, which lie beside the package, into the installed package.

`checkpoints/*` becomes `hwr/checkpoints/*` and `recipes/*` becomes `hwr/recipes/*`. An editable installation
copies nothing: there the package finds the folders of the repository.

Of `NAME.onnx` only what it has beyond the weights in `NAME.safetensors` is put in, as `NAME.onnx.delta`: the wheel
would be nearly twice as large otherwise. Installed hwr puts the two together when it loads the model.
"""

import shutil
import struct
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from hwr.delta import DELTA_SUFFIX, make_delta  # noqa: E402 (the build does not look for modules here by itself)

SHIPPED = {"checkpoints": (".safetensors", ".onnx", ".lm", ".md"), "recipes": (".toml",)}
"""Folders of the repository, and the endings of the files in them that are installed."""


def shipped_files() -> list[tuple[str, str]]:
    """Each shipped file in the repository and in the package. Trunks, from which training goes on, stay behind."""
    return [
        (f"{folder}/{path.name}", f"hwr/{folder}/{installed_name(path)}")
        for folder, endings in SHIPPED.items()
        for path in sorted((ROOT / folder).glob("*"))
        if path.suffix in endings and "trunk" not in path.name
    ]


def installed_name(path: Path) -> str:
    """The name of a shipped file in the package: networks whose weights ship too are kept as a delta."""
    network = path.suffix == ".onnx" and path.with_suffix(".safetensors").exists()
    return path.name + DELTA_SUFFIX if network else path.name


def delta_of(network: Path) -> bytes:
    """What the ONNX file has beyond the tensors of the safetensors file beside it."""
    weights = network.with_suffix(".safetensors").read_bytes()
    (header,) = struct.unpack("<Q", weights[:8])
    return make_delta(network.read_bytes(), weights[8 + header :])


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
            if destination.suffix == DELTA_SUFFIX:
                destination.write_bytes(delta_of(ROOT / source))
            else:
                self.copy_file(source, str(destination), preserve_mode=False)

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *(source for source, _ in shipped_files())]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(Path(self.build_lib, target)) for _, target in shipped_files()]
        return [*super().get_outputs(include_bytecode), *copied]


setup(cmdclass={"build_py": BuildWithModels})
