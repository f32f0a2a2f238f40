"""`hwr recognize --format`: every format has the same content."""

import csv
import json
import re
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from helpers.commands import Run
from helpers.line_images import sample_page
from hwr import cli
from hwr.formats import FORMATS
from hwr.formats.read_file import read_page_file

SAMPLE = Path(__file__).parent.parent.parent / "data" / "samples" / "page.png"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "page.png"
    sample_page(rows=500).save(path)
    return path


@pytest.fixture(scope="module")
def written(image: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The reading of the page by the tiny model, in each format."""
    folder = tmp_path_factory.mktemp("written")
    contents = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, form in FORMATS.items():
            arguments = ["hwr", "recognize", str(image), "-m", str(model), "--format", name, "-o", f"{folder}/out/"]
            marks = ["--min-confidence", "0.5"] if form.marks else []
            patch.setattr(sys, "argv", arguments + marks)
            with pytest.raises(SystemExit) as left:
                cli.main()
            assert left.value.code == 0
            contents[name] = (folder / "out" / f"page{form.suffix}").read_bytes()
    return contents


@pytest.fixture(scope="module")
def page(written: dict[str, bytes]) -> dict:  # type: ignore[type-arg]
    """The JSON."""
    found = json.loads(written["json"])
    assert len(found["lines"]) > 5
    return dict(found)


@pytest.mark.parametrize("name", ["alto", "page"])
def test_xml_has_what_json_has(name: str, written: dict[str, bytes], page: dict) -> None:  # type: ignore[type-arg]
    read = read_page_file(written[name], name)
    assert (read.image, read.width, read.height) == ("page.png", page["width"], page["height"])
    assert read.model == page["model"] and read.model.startswith("tiny@")
    assert [region.id for region in read.regions] == [region["id"] for region in page["regions"]]
    for line, expected in zip(read.lines, page["lines"], strict=True):
        keys = ("id", "region", "type", "text", "confidence")
        assert [getattr(line, key) for key in keys] == [expected[key] for key in keys]
        assert len(line.words) == len(expected["words"])
        for word, other in zip(line.words, expected["words"], strict=True):
            assert (word.text, word.confidence, word.uncertain) == (
                other["text"],
                other["confidence"],
                other.get("uncertain", False),
            )
            assert word.box == pytest.approx(other["box"], abs=0.6)


def test_tables_and_web_pages_have_all_words(written: dict[str, bytes], page: dict) -> None:  # type: ignore[type-arg]
    words = [word["text"] for line in page["lines"] for word in line["words"]]
    rows = list(csv.reader(written["tsv"].decode().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row[11] for row in rows[1:] if row[0] == "5"] == words
    assert re.findall(r'class="ocrx_word"[^>]*>([^<]*)<', written["hocr"].decode()) == words
    plain = re.sub(r"\[(\S+)\?\]", r"\1", written["text"].decode())
    assert plain.split() == words


def test_the_pdf_has_all_words(written: dict[str, bytes], page: dict) -> None:  # type: ignore[type-arg]
    pdfium = pytest.importorskip("pypdfium2")
    text = pdfium.PdfDocument(written["pdf"])[0].get_textpage().get_text_range()
    assert text.split() == [word["text"] for line in page["lines"] for word in line["words"]]


def test_the_overlay_is_as_large_as_the_page(written: dict[str, bytes]) -> None:
    with Image.open(BytesIO(written["overlay"])) as drawn:
        assert drawn.size == (825, 500)


def test_pictures_have_no_marks(run: Run) -> None:
    code, out, err = run("recognize", "--format", "pdf", "--min-confidence", 0.5, SAMPLE)
    assert (code, out) == (2, "")
    assert err == (
        "hwr: error: --min-confidence: pdf cannot mark uncertain words; "
        "these formats can: text, markdown, json, hocr, alto, page, overlay\n"
    )
