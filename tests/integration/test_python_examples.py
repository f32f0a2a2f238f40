"""The Python examples of the documents run as they are, in a folder with the files that they name."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.synth_sources import write_font, write_text
from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.train.augment.options import AugmentOptions

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "data" / "samples"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOCUMENTS = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(path.read_text("utf-8"))
]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the examples use without defining them, in a folder with the files that they open."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "scans").mkdir()
    for target in ("page.png", "scans/page.png"):
        shutil.copy(SAMPLES / "page.png", target)
    shutil.copy(SAMPLES / "line-1.png", "line.png")
    Image.open("page.png").convert("L").save("book.pdf")
    shutil.copytree(SAMPLES / "lines", "forms")
    write_font(tmp_path / "my-fonts")
    write_text(tmp_path / "prose.txt")
    grey = to_grey("line.png")
    ink = normalise_line(grey, 48)[None]
    width = torch.tensor([ink.shape[2]])
    return {
        "grey": grey,
        "images": [grey],
        "pages": [],
        "ink": torch.from_numpy(np.ascontiguousarray(ink)),
        "widths": width,
        "target_widths": width,
        "seeds": torch.tensor([1]),
        "options": AugmentOptions(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_examples_run(document: Path, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        after = dict(names)
        exec(compile(block, document.name, "exec"), after)
        printed, made = capsys.readouterr().out.strip(), after.keys() - names.keys() - {"__builtins__"}
        assert printed or made, f"this example does nothing:\n{block}"


def test_most_documents_about_the_api_have_an_example() -> None:
    assert len(DOCUMENTS) >= 9
