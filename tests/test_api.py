"""What `import hwr` offers, and what it costs."""

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

import hwr
from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import FORMATS, find_format, to_bytes
from hwr.page.page import Alternative
from hwr.recognize.recognizer import Recognizer

ROOT = Path(__file__).parent.parent


def test_the_names_are_those_of_their_modules() -> None:
    assert hwr.Recognizer is Recognizer
    assert {"Page", "Recognizer", "__version__"} <= set(dir(hwr))
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = hwr.Recogniser  # type: ignore[attr-defined]


def test_all_names_are_there_and_documented() -> None:
    for name in hwr.__all__:
        assert name == "__version__" or getattr(hwr, name).__doc__
    names: dict[str, object] = {}
    exec("from hwr import *", names)
    assert set(hwr.__all__) <= set(names)


def test_importing_it_imports_nothing_else() -> None:
    code = """
import sys
before = set(sys.modules)
import hwr
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - {"hwr"} - set(sys.stdlib_module_names)), [name for name in sys.modules if name.startswith("hwr.")])
hwr.Recognizer
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == ["[] []", "False"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_page_is_saved_in_the_format_of_the_ending(name: str, tmp_path: Path) -> None:
    form, target = find_format(name), tmp_path / f"page{FORMATS[name].suffix.upper()}"
    picture = np.full((RICH.height, RICH.width), 255, np.uint8)
    RICH.save(target, image=picture)
    if name == "pdf":  # it states when it was made
        with pdfium.PdfDocument(target) as document:
            assert "friends" in document[0].get_textpage().get_text_range()
    elif not form.binary:
        assert len(target.read_bytes()) == len(to_bytes(form, RICH, picture))
    assert list(tmp_path.iterdir()) == [target]


def test_xml_alone_is_page_unless_a_format_is_named(tmp_path: Path) -> None:
    RICH.save(tmp_path / "a.xml")
    RICH.save(str(tmp_path / "b.xml"), format="alto")
    assert b"<PcGts" in (tmp_path / "a.xml").read_bytes() and b"<alto" in (tmp_path / "b.xml").read_bytes()
    read = hwr.read_page_file((tmp_path / "a.xml").read_bytes(), "a.xml")
    assert [line.text for line in read.lines] == [line.text for line in RICH.lines]
    assert hwr.read_page_file(tmp_path / "a.xml") == hwr.read_page_file(str(tmp_path / "a.xml")) == read


def test_what_cannot_be_saved_is_one_clear_line(tmp_path: Path) -> None:
    for path, options, reason in (
        ("page.docx", {}, "the ending is not that of a format"),
        ("page", {"format": "docx"}, "unknown format 'docx'"),
        ("page.pdf", {}, "; name the image of the page with image=$"),
    ):
        with pytest.raises(hwr.errors.HwrError, match=reason) as failed:
            RICH.save(tmp_path / path, **options)
        assert "\n" not in str(failed.value)
    with pytest.raises(hwr.errors.OutputError):
        RICH.save("/dev/full/page.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_size_is_fitted(tmp_path: Path) -> None:
    Image.new("L", (2 * RICH.width, 2 * RICH.height), 255).save(tmp_path / "scan.png")
    replace(RICH, image=str(tmp_path / "scan.png")).save(tmp_path / "page.pdf")
    with pdfium.PdfDocument(tmp_path / "page.pdf") as document:
        width, height = document[0].get_size()
        text = document[0].get_textpage()
        dear = text.get_text_bounded(0, height / 2, width, height)
    assert "Dear" in dear and width / height == pytest.approx(RICH.width / RICH.height)


class Reader(HTMLParser):
    """The text of HTML, the texts of its marks, and the tags that it opens and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.marks, self.open, self.seen = "", list[tuple[str, str]](), list[str](), set[str]()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        if tag == "mark":
            self.marks.append((dict(attributes)["title"] or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "mark" in self.open:
            title, text = self.marks[-1]
            self.marks[-1] = (title, text + data)


def test_a_notebook_shows_the_text_and_marks_doubtful_words() -> None:
    first = RICH.lines[0]
    words = list(first.words)
    words[1] = replace(words[1], alternatives=(Alternative("<b>", 0.125),))
    page = replace(RICH, lines=(replace(first, words=tuple(words)), *RICH.lines[1:]), warnings=("pale <ink>",))
    reader = Reader()
    reader.feed(page._repr_html_())
    assert reader.open == [] and not reader.seen & {"friends", "b", "ink"}, "all text is escaped"
    for line in page.lines:
        assert line.text in reader.text
    assert "pale <ink>" in reader.text and "5 lines, read by small <2>" in reader.text
    assert reader.marks[:2] == [("confidence 0.25, or <b> 0.12", "<friends>"), ("confidence 0.50", "&")]


def test_odd_pages_are_shown() -> None:
    for page in (EMPTY, ODD):
        reader = Reader()
        reader.feed(page._repr_html_())
        assert reader.open == [] and f"{len(page.lines)} lines" in reader.text


def test_results_have_short_reprs() -> None:
    line = replace(RICH.lines[1], polygon=RICH.lines[1].polygon * 200)
    page = replace(RICH, lines=(line,) * 500)
    assert repr(page) == "<Page 'page é & \"co\".png', 800 x 600: 500 lines, read by small <2>>"
    assert repr(line) == "<Line l2: 'Łódź — ſæ 𝔘 漢', confidence 0.00>"
    assert repr(line.words[0]) == "<Word 'Łódź', confidence 0.75>"
    assert repr(page.regions[0]) == "<Region r1: text>"
    layout = hwr.find_lines(np.full((100, 100), 255, np.uint8))
    assert repr(layout) == "<Layout: 0 lines in 0 regions>"


@pytest.mark.parametrize("image", [np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9)), "page.png"])
def test_find_lines_takes_grey_arrays_only(image: object) -> None:
    with pytest.raises(hwr.errors.UsageError, match="array of shape"):
        hwr.find_lines(image)  # type: ignore[arg-type]
