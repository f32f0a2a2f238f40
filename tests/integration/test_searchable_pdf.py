"""Words that two readers find in the searchable PDF of a page that was read, on plain and on ruled paper."""

import shutil
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pypdfium2 as pdfium
import pytest

from hwr.files.documents import to_grey
from hwr.files.images import GreyImage
from hwr.recognize.recognizer import Recognizer

PAGE = to_grey(Path(__file__).parent.parent.parent / "data" / "samples" / "page.png")[400:900]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(threads=1)


def ruled(page: GreyImage) -> GreyImage:
    """The page with printed rules, some of which are at the feet of the letters."""
    drawn = page.copy()
    for y in range(20, len(page), 35):
        cv2.line(drawn, (0, y), (page.shape[1], y), 120, 2)
    return np.asarray(cv2.min(drawn, page), np.uint8)


@pytest.mark.parametrize("paper", [np.asarray, ruled], ids=["plain", "ruled"])
def test_two_readers_find_the_words_in_order(paper, recognizer: Recognizer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    image = paper(PAGE)
    page = recognizer.read(image)
    wanted = [word.text for line in page.lines for word in line.words]
    assert len(wanted) > 40
    page.save(tmp_path / "page.pdf", image=image)
    with pdfium.PdfDocument(tmp_path / "page.pdf") as document:
        found = {"PDFium": document[0].get_textpage().get_text_range().split()}
    if shutil.which("pdftotext"):
        command = ["pdftotext", "-raw", "-enc", "UTF-8", str(tmp_path / "page.pdf"), "-"]
        found["poppler"] = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    for reader, words in found.items():
        blocks = SequenceMatcher(None, wanted, words, autojunk=False).get_matching_blocks()
        assert sum(block.size for block in blocks) >= 0.98 * len(wanted), reader
