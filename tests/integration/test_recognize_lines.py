"""`hwr recognize --lines` as a user calls it."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.line_images import sample_page
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from helpers.pdf_files import scan_pdf

PAGE = Path(__file__).parent.parent.parent / "data" / "samples" / "page.png"
SIZE = (1650, 2300)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two scans, the PAGE file of one and the ALTO file of the other."""
    for name in ("a", "b"):
        shutil.copy(PAGE, tmp_path / f"{name}.png")
    lines = page_line("first", 230, "old", 140, 500) + page_line("second", 300, "old", 140, 500)
    (tmp_path / "a.xml").write_bytes(page_xml(page_region("r", lines, 'type="marginalia"'), size=SIZE))
    lines = alto_line("only", 230, "old", x0=140, x1=500)
    (tmp_path / "b.xml").write_bytes(alto_xml(alto_block("block", lines), size=SIZE))
    return tmp_path


def test_one_image_and_its_file(recognize: Run, scans: Path) -> None:
    done = recognize(scans / "a.png", "--lines", scans / "a.xml", "--format", "json")
    assert (done.code, done.err) == (0, "")
    page = json.loads(done.out)
    assert [(line["id"], line["region"]) for line in page["lines"]] == [("first", "r"), ("second", "r")]
    assert page["regions"][0]["type"] == "marginalia" and page["image"] == str(scans / "a.png")
    assert all(line["text"] != "old" for line in page["lines"])


def test_a_folder_of_images_and_a_folder_of_files(recognize: Run, scans: Path, tmp_path: Path) -> None:
    shutil.copy(PAGE, scans / "c.png")
    done = recognize(scans, "--lines", scans, "-o", tmp_path / "out", "--format", "json")
    assert done.code == 3
    assert f"hwr: error: c.png: no c.xml in {scans}" in done.err
    ids = [[line["id"] for line in json.loads((tmp_path / "out" / f"{n}.json").read_text())["lines"]] for n in "ab"]
    assert ids == [["first", "second"], ["only"]]


def test_options_and_files_that_do_not_fit(recognize: Run, scans: Path, tmp_path: Path) -> None:
    for arguments, reason in (
        (("--line", scans / "a.png", "--lines", scans / "a.xml"), "--line cannot be combined with --lines"),
        (("--order", "rows", "--line", scans / "a.png"), "--order cannot be combined with --line"),
        (("--only", "printed", scans / "a.png", "--lines", scans / "a.xml"), "--only cannot be combined with --lines"),
        ((scans, "--lines", scans / "a.xml"), "one file for several images"),
        ((scans / "a.png", "--lines", scans / "none.xml"), "no such file or folder"),
        ((scans / "a.png", "--lines", scans / "a.png"), "a.png: not an XML file"),
    ):
        done = recognize(*arguments)
        assert done.code == 2 and done.out == ""
        assert done.err.startswith("hwr: error: ") and reason in done.err and done.err.count("\n") == 1


def test_the_given_file_is_never_overwritten(recognize: Run, scans: Path) -> None:
    before = (scans / "a.xml").read_bytes()
    done = recognize(scans / "a.png", "--lines", scans / "a.xml", "-o", scans / "a.xml", "--force")
    assert done.code == 2 and "a.xml: the result would overwrite" in done.err
    assert (scans / "a.xml").read_bytes() == before


def test_a_word_list_is_never_overwritten(recognize: Run, scans: Path) -> None:
    words = scans / "words.txt"
    words.write_text("mill")
    done = recognize(scans / "a.png", "--lexicon", words, "-o", words, "--force")
    assert done.code == 2 and "words.txt: the result would overwrite" in done.err and words.read_text() == "mill"


def test_files_of_a_folder_with_lines_are_never_overwritten(recognize: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "a.xml").rename(scans / "a.page.xml")
    before = {path: path.read_bytes() for path in scans.iterdir()}
    for source, extra in ((scans, ()), (scans / "a.png", ("--format", "text,page"))):
        done = recognize(source, "--lines", scans, "-o", scans, "--format", "page", "--force", *extra)
        assert done.code == 2 and done.err.count("\n") == 1 and "a.page.xml: the result would overwrite" in done.err
    assert {path: path.read_bytes() for path in scans.iterdir()} == before
    for _ in range(2):  # results next to the given files can be replaced
        done = recognize(scans / "b.png", "--lines", scans, "-o", scans, "--format", "page", "--force")
        assert (done.code, done.err) == (0, "")
    assert {path: path.read_bytes() for path in before} == before


def test_files_of_pages_of_a_document_are_never_overwritten(
    recognize: Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "book.pdf"
    book.write_bytes(scan_pdf([sample_page()] * 2))
    out = tmp_path / "out"
    out.mkdir()
    for number in (1, 2):
        shutil.copy(scans / "a.xml", out / f"book-000{number}.page.xml")
    before = (out / "book-0001.page.xml").read_bytes()
    monkeypatch.setattr("hwr.recognize.recognizer.Recognizer.read", lambda *_, **__: pytest.fail("a page was read"))
    for force in ((), ("--force",)):
        done = recognize(book, "--lines", out, "-o", out, "--format", "page", *force)
        assert done.code == 2 and done.err.count("page.xml: the result would overwrite") == 2
        assert (out / "book-0001.page.xml").read_bytes() == before


def test_a_file_for_another_image(recognize: Run, scans: Path) -> None:
    (scans / "a.xml").write_bytes(page_xml(page_region("r", page_line("l", 0, "x")), size=(2300, 1650)))
    done = recognize(scans / "a.png", "--lines", scans / "a.xml")
    assert done.code == 2 and "made for a page of 2300 x 1650, the image is 1650 x 2300" in done.err


def test_a_file_without_lines_is_named_and_not_the_image(recognize: Run, scans: Path) -> None:
    (scans / "a.xml").write_bytes(page_xml("", size=SIZE))
    done = recognize(scans / "a.png", "--lines", scans / "a.xml")
    assert (done.code, done.err) == (0, f"hwr: {scans / 'a.xml'}: it contains no lines, so nothing is read\n")


def test_lines_that_cannot_be_read_are_failures(recognize: Run, scans: Path) -> None:
    lines = page_line("in", 230, "old", 140, 500) + page_line("out", 9000, "old")
    (scans / "a.xml").write_bytes(page_xml(page_region("r", lines), size=SIZE))
    done = recognize(scans / "a.png", "--lines", scans / "a.xml")
    assert done.code == 3 and "1 of 2 lines left out" in done.err
    done = recognize(scans, "--lines", scans)
    assert done.code == 3 and "hwr: 2 pages, 2 lines, " in done.err and ", 1 line left out; " in done.err
