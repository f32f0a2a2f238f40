"""The reading commands in a process in which torch, torchaudio and onnx cannot be imported.

A `sitecustomize` module, which Python imports at its start, refuses them and notes at the end what was imported. It
reaches every child process through PYTHONPATH. `tests/test_package.py` looks at the imports of single modules.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import tiny_model
from helpers.line_images import stored_line
from helpers.line_sets import NumberReader
from helpers.synth_sources import write_font, write_text
from hwr.store.writing import write_lines

SITE = """
import atexit, importlib.abc, os, sys

REFUSED = {"torch", "torchaudio", "onnx"}

class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def note():
    with open(os.environ["IMPORTED"], "w") as file:
        file.write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))

sys.meta_path.insert(0, Refusing())
atexit.register(note)
"""


@dataclass(frozen=True)
class Done:
    """What a child process left."""

    code: int
    out: str
    err: str
    imported: frozenset[str]


class Process:
    """Runs commands without torch, from a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(SITE)

    def python(self, *arguments: object) -> Done:
        noted = self.folder / "imported"
        noted.unlink(missing_ok=True)
        paths = [str(self.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "IMPORTED": str(noted)}
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=variables,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, frozenset(noted.read_text().split()))

    def hwr(self, *arguments: object) -> Done:
        return self.python("-m", "hwr", *arguments)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Process:
    return Process(tmp_path_factory.mktemp("torch-free"))


@pytest.fixture(scope="module")
def model(process: Process) -> Path:
    return tiny_model.write_tiny_model(process.folder / "model")


@pytest.fixture(scope="module")
def line_image(process: Process) -> Path:
    paper = np.full((40, 160), 235, np.uint8)
    for x in range(10, 150, 12):
        paper[10 + x % 7 : 30, x : x + 3] = 20 + x % 90
    path = process.folder / "line.png"
    Image.fromarray(paper).save(path)
    return path


@pytest.mark.parametrize("library", ["torch", "torchaudio", "onnx", "onnx.helper"])
def test_the_process_refuses_the_libraries(process: Process, library: str) -> None:
    done = process.python("-c", f"import {library}")
    assert done.code == 1 and f"No module named {library.partition('.')[0]!r}" in done.err


def test_the_process_notes_what_is_imported(process: Process) -> None:
    assert {"pyarrow", "numpy"} <= process.python("-c", "import pyarrow").imported


def test_help(process: Process) -> None:
    done = process.hwr("--help")
    assert done.code == 0, done.err
    assert "recognize" in done.out
    assert not done.imported & {"numpy", "cv2", "onnxruntime", "pyarrow", "rich"}


COMMANDS = ["prepare", "train", "recognize", "eval", "calibrate", "align", "synth", "models", "export"]


def test_help_of_every_command(process: Process) -> None:
    code = f"import hwr.cli\nfor name in {COMMANDS}: hwr.cli.cli.main([name, '--help'], standalone_mode=False)"
    done = process.python("-c", code)
    assert done.code == 0, done.err
    assert done.out.count("Usage: ") == len(COMMANDS)
    assert not done.imported & {"cv2", "onnxruntime", "pyarrow"}


def test_models(process: Process) -> None:
    done = process.hwr("models")
    assert done.code == 0, done.err
    assert "pyarrow" not in done.imported


def test_recognize(process: Process, model: Path, line_image: Path) -> None:
    done = process.hwr("recognize", line_image, "--line", "-m", model)
    assert done.code == 0, done.err
    assert "onnxruntime" in done.imported
    assert "pyarrow" not in done.imported


def test_recognize_a_page(process: Process, model: Path) -> None:
    page = np.full((400, 600), 235, np.uint8)
    for y in range(60, 340, 60):
        for x in range(50, 550, 14):
            page[y + x % 9 : y + 24, x : x + 4] = 30
    Image.fromarray(page).save(process.folder / "page.png")
    done = process.hwr("recognize", process.folder / "page.png", "-m", model)
    assert done.code == 0, done.err
    assert "pyarrow" not in done.imported


def test_eval(process: Process, model: Path) -> None:
    store = NumberReader().store(process.folder / "set", [("abc", ""), ("cab", "")])
    done = process.hwr("eval", store, "-m", model)
    assert done.code == 0, done.err
    assert "CER" in done.out
    assert {"onnxruntime", "pyarrow"} <= done.imported


def test_align(process: Process, model: Path, line_image: Path) -> None:
    done = process.hwr("align", line_image, "--text", "abc", "-m", model)
    assert done.code == 0, done.err
    assert '"text": "abc"' in done.out
    assert "onnxruntime" in done.imported
    assert "pyarrow" not in done.imported


def test_align_a_set(process: Process, model: Path, line_image: Path) -> None:
    folder = process.folder / "lines"
    folder.mkdir()
    write_lines(folder / "val.parquet", [stored_line(1, "abc", line_image.read_bytes())])
    done = process.hwr("align", folder, "-m", model)
    assert done.code == 0, done.err
    assert '"id": "line-1"' in done.out


def test_synth(process: Process) -> None:
    text = write_text(process.folder / "prose.txt")
    fonts = write_font(process.folder / "fonts")
    done = process.hwr("synth", "--text", text, "--fonts", fonts, "-o", process.folder / "made", "--lines", 3)
    assert done.code == 0, done.err
    assert {"cv2", "pyarrow"} <= done.imported


@pytest.mark.parametrize("command", ["train", "export"])
def test_what_needs_torch_says_so_in_one_line(process: Process, model: Path, command: str) -> None:
    store = NumberReader().store(process.folder / "set", [("abc", ""), ("cab", "")], split="train")
    arguments = [store, "-o", process.folder / "run"] if command == "train" else [model]
    done = process.hwr(command, *arguments)
    assert done.code == 2
    assert done.err.startswith("hwr: error: ") and done.err.count("\n") == 1
    assert "torch" in done.err and "pip install" in done.err
