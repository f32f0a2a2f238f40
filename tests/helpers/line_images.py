"""Small images of writing, and files made of them."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwr.store.lines import StoredLine

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


def strokes(width: int = 300, height: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    """Return a grey image of dark upright strokes on white paper, with a small margin on the left and the right."""
    generator = np.random.default_rng(seed)
    grey = np.full((height, width), 255, np.uint8)
    for column in range(4, width - 6, 6):
        top = int(generator.integers(height // 5, height // 2))
        grey[top : height - height // 5, column : column + 2] = generator.integers(0, 60)
    return grey


def image_file(width: int = 300, height: int = 40, seed: int = 0, kind: str = "PNG") -> bytes:
    """Return `strokes` as an image file."""
    buffer = io.BytesIO()
    Image.fromarray(strokes(width, height, seed)).save(buffer, kind)
    return buffer.getvalue()


def write_image(path: Path, width: int = 300, height: int = 40, seed: int = 0) -> Path:
    """Write `strokes` in the format that the ending of the path names; make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strokes(width, height, seed)).save(path)
    return path


def sample_page(rows: int = 250) -> Image.Image:
    """Return the top of the sample page in half its size, which reads much faster than the page.

    The first 250 rows have four lines.
    """
    with Image.open(SAMPLES / "page.png") as page:
        upper = page.convert("L").crop((0, 0, 1650, 2 * rows))
    return upper.resize((825, rows), Image.Resampling.NEAREST)


def stored_line(number: int, text: str = "", image: bytes | None = None) -> StoredLine:
    """Return a line of a store; unless an image is given, its bytes are not an image."""
    return StoredLine(
        image=b"image %d" % number if image is None else image,
        path=f"{number}.png",
        text=text or f"text of line {number}",
        id=f"line-{number}",
        width=300 + number,
        height=40,
        writer=f"writer-{number % 3}",
        page=None,
        lang="en",
        source="test",
        licence=None,
    )
