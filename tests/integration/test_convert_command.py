"""`hwr convert` as a user calls it: every format from every result, without reading."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.line_images import sample_page
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from helpers.pdf_files import scan_pdf
from hwr.formats import FORMATS, find_format, to_bytes
from hwr.formats.json import write_json
from hwr.formats.read_json import read_page_json
from hwr.page.page import Line, Page, Region, Word

COMMAND = ("convert",)
SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
BOX = ((100.0, 100.0), (900.0, 100.0), (900.0, 200.0), (100.0, 200.0))


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that loads a model."""
    monkeypatch.setattr(
        "hwr.recognize.recognizer.Recognizer.__init__", lambda *_, **__: pytest.fail("a model was loaded")
    )


@pytest.fixture(scope="module")
def page() -> Page:
    with Image.open(SAMPLES / "page.png") as image:
        width, height = image.size
    words = (Word("Chère", 0.75, (100.0, 100.0, 500.0, 200.0)), Word("amie", 0.5, (520.0, 100.0, 900.0, 200.0)))
    line = Line("l1", "r1", "default", "Chère amie", 0.625, ((100.0, 180.0), (900.0, 180.0)), BOX, words)
    return Page("page.png", width, height, "small", (Region("r1", "text", BOX),), (line,))


@pytest.fixture
def results(tmp_path: Path, page: Page) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("json", "alto", "page"):
        form = find_format(name)
        (folder / f"page{form.suffix}").write_bytes(to_bytes(form, page))
    shutil.copy(SAMPLES / "page.png", tmp_path / "page.png")
    return folder


@pytest.mark.parametrize("source", ["page.json", "page.alto.xml", "page.page.xml"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_from_every_result(run: Run, results: Path, tmp_path: Path, source: str, name: str) -> None:
    target = tmp_path / f"out{FORMATS[name].suffix}"
    done = run(results / source, "-o", target)
    assert (done.code, done.out, done.err) == (0, "", "")
    if name == "pdf":
        with pdfium.PdfDocument(target) as pdf:
            text = pdf[0].get_textpage().get_text_bounded()
            assert text.split() == ["Chère", "amie"]
    elif name == "overlay":
        with Image.open(target) as drawn, Image.open(SAMPLES / "page.png") as image:
            assert drawn.size == image.size
    else:
        assert "amie" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(("own", "of_line"), [("de", "de"), ("de", "fr"), ("de", ""), ("", "la"), ("", "")])
def test_the_language_of_a_line_survives_json(page: Page, own: str, of_line: str) -> None:
    spoken = replace(page, language=own, lines=(replace(page.lines[0], language=of_line),))
    assert read_page_json(write_json(spoken), "x") == spoken


def test_a_folder_and_several_pages(run: Run, results: Path, tmp_path: Path, page: Page) -> None:
    (results / "page.alto.xml").unlink()
    (results / "page.page.xml").rename(results / "b.page.xml")
    twice = (results / "page.json").read_bytes() * 2
    (results / "page.json").write_bytes(twice)
    done = run(results, "-o", tmp_path / "all.txt")
    assert done.code == 0 and (tmp_path / "all.txt").read_text() == "Chère amie\n\fChère amie\n\fChère amie\n"
    assert done.err.startswith("hwr: 3 pages, 3 lines; results in ")
    for name in ("mets.xml", "Metadata.xml"):  # an export from Transkribus has them
        (results / name).write_text("<mets/>")
    assert run(results, "--format", "text,alto", "-o", tmp_path / "out").code == 0
    assert "not JSON of hwr" in run(results / "mets.xml").err
    names = ["b.alto.xml", "b.txt", "page-0001.alto.xml", "page-0002.alto.xml", "page.txt"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_formats_of_the_same_page_are_converted_once(run: Run, results: Path, tmp_path: Path, page: Page) -> None:
    for name, start in (("page.json", "json"), ("page.alto.xml", "alto"), ("page.page.xml", "page")):
        data = (results / name).read_text().replace("amie", start)
        (results / name).write_text(data)
    out = tmp_path / "all.txt"
    done = run(results, "-o", out)
    assert (done.code, out.read_text()) == (0, "Chère page\n")
    assert done.err.startswith(f"hwr: 2 files left out, such as {results}/page.alto.xml: of the files of a page")
    shutil.copy(results / "page.page.xml", results / "page.xml")
    (results / "page.page.xml").write_text((results / "page.xml").read_text().replace("Chère page", "Chère copie"))
    done = run(results, "-o", out, "--force")
    assert (done.code, out.read_text()) == (0, "Chère page\n"), done.err
    assert "hwr: 3 files left out" in done.err
    done = run(results, "--format", "page", "-o", results, "--force")
    assert done.code == 2 and "page.page.xml: the result would overwrite" in done.err
    alto = (results / "page.alto.xml").read_bytes()
    (results / "page.xml").write_bytes(alto)  # given, so that page.page.xml may be a reading of its lines
    assert run(results, "-o", out, "--force").code == 0 and out.read_text() == "Chère alto\n"
    shutil.copy(results / "page.page.xml", results / "page.xml")
    (results / "page.xml").write_text((results / "page.xml").read_text().replace("Chère copie", "Chère page"))
    (results / "page.page.xml").unlink()
    (results / "page.xml").rename(results / "page.page.xml")
    export = tmp_path / "export"
    for name in ("page", "alto"):
        (export / "doc" / name).mkdir(parents=True)
        (results / f"page.{name}.xml").rename(export / "doc" / name / "p1.xml")
    for source in (export, export / "doc"):
        done = run(source, "-o", out, "--force")
        assert (done.code, out.read_text()) == (0, "Chère page\n") and "1 file left out" in done.err
    book = tmp_path / "book"
    book.mkdir()
    (book / "book.json").write_text(write_json(page) * 2)
    for number, count in ((1, 3), (2, 2)):  # pages are left out only if all of them are there
        shutil.copy(results / "page.json", book / "other.json")
        shutil.copy(export / "doc" / "page" / "p1.xml", book / f"book-000{number}.page.xml")
        assert run(book, "-o", out, "--force").code == 0
        assert out.read_text().count("\f") == count
    named = [export / "doc" / name / "p1.xml" for name in ("alto", "page")]
    assert run(*named, "-o", out, "--force").code == 0
    assert out.read_text() == "Chère alto\n\fChère page\n"
    for name in "ab":  # the same names in other folders are other pages
        shutil.copytree(export / "doc" / "page", tmp_path / "letters" / name / "page")
    assert run(tmp_path / "letters", "-o", out, "--force").code == 0
    assert out.read_text() == "Chère page\n\fChère page\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"", "not JSON of hwr, PAGE XML or ALTO"),
        ("a.json", b"[1]", "not JSON of hwr, PAGE XML or ALTO"),
        ("a.json", b"{", "not JSON of hwr"),
        ("a.json", b'{"lines": [', "line 1: not JSON, or cut off"),
        ("a.json", b"{}", "not JSON of hwr"),
        ("a.json", b'{"lines": []}', "the key 'image' is missing"),
        ("a.json", b'{"image": "a.png", "width": 1, "height": 1, "imag": 1}', "unknown key 'imag'"),
        ("a.jsonl", b'{"loss": 1}\n' * 3, "not JSON of hwr, PAGE XML or ALTO"),
        ("a.json", b'[{"id": 1}, {"id": 2}]', "not JSON of hwr, PAGE XML or ALTO"),
        ("a.json", b'{"image": "\xff"}', "not UTF-8"),
        ("a.json", b'{"lines":' * 100_000, "line 1: not JSON, or cut off"),
        ("a.jpg", b"\xff\xd8", "not JSON of hwr, PAGE XML or ALTO; hwr recognize reads images"),
        ("a.xml", b"<html/>", "not JSON of hwr, PAGE XML or ALTO"),
        ("a.xml", b"<alto><Layout>", "broken XML"),
    ],
)
def test_a_file_that_is_not_a_result(run: Run, tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = run(tmp_path / name)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1) and reason in done.err


def test_a_folder_that_cannot_be_made_is_named_once(run: Run, results: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    shutil.copy(results / "page.json", results / "b.json")
    done = run(results, "--format", "text", "-o", f"{tmp_path}/out/")
    assert done.code == 2 and done.err.count("cannot be written: ") == done.err.count("error") == 1
    assert f"{tmp_path}/out is not a folder" in done.err


def test_other_files_in_a_folder_are_left_out(run: Run, results: Path, tmp_path: Path) -> None:
    for name in ("page.alto.xml", "page.page.xml"):
        (results / name).unlink()
    others = {"log.jsonl": b'{"loss": 1}\n' * 9, "manifest.json": b'{"@context": "x"}', "tei.xml": b"<TEI/>"}
    for name, content in others.items():
        (results / name).write_bytes(content)
    done = run(results, "--format", "text")
    assert (done.code, "Chère amie" in done.out) == (0, True)
    first = done.err.splitlines()[0]
    assert first == f"hwr: 3 files left out, such as {results}/log.jsonl: not JSON of hwr, PAGE XML or ALTO"
    (results / "cut.json").write_bytes((results / "page.json").read_bytes()[:200])
    (results / "empty.xml").write_bytes(b"")
    done = run(results, "--format", "text")
    assert done.code == 3 and "cut.json: line 1: not JSON, or cut off" in done.err and "empty.xml: " in done.err
    (results / "page.json").unlink()
    (results / "cut.json").unlink()
    (results / "empty.xml").unlink()
    done = run(results, "--format", "text")
    assert done.code == 2 and done.err.count("not JSON of hwr, PAGE XML or ALTO") == 3


def test_numbers_of_a_page_are_checked(run: Run, results: Path, page: Page) -> None:
    whole = json.loads((results / "page.json").read_text())
    for change in ({"width": "wide"}, {"height": float("nan")}, {"lines": {}}, {"regions": {}}):
        (results / "page.json").write_text(json.dumps({**whole, **change}))
        done = run(results / "page.json")
        assert done.code == 2 and next(iter(change)) in done.err, done.err


def test_a_bad_line_costs_only_itself(run: Run, results: Path, page: Page) -> None:
    whole = json.loads((results / "page.json").read_text())
    whole["lines"].append({**whole["lines"][0], "id": "bad", "text": None})
    (results / "page.json").write_text(json.dumps(whole))
    done = run(results / "page.json")
    assert done.code == 3 and done.out.splitlines() == page.text.splitlines()
    assert "line 'bad' left out: " in done.err and "text = None" in done.err


def test_an_image_that_is_missing_is_named(run: Run, results: Path, tmp_path: Path) -> None:
    (tmp_path / "page.png").unlink()
    done = run(results / "page.json", "-o", tmp_path / "a.pdf")
    assert done.code == 2 and "'page.png' is not in" in done.err and "--images" in done.err
    assert not (tmp_path / "a.pdf").exists()
    assert run(results / "page.json", "-o", tmp_path / "a.pdf", "--images", SAMPLES).code == 0


def test_a_result_is_never_overwritten_by_its_conversion(run: Run, results: Path) -> None:
    before = (results / "page.json").read_bytes()
    done = run(results / "page.json", "-o", results / "page.json", "--force")
    assert done.code == 2 and "overwrite an input" in done.err
    assert (results / "page.json").read_bytes() == before


@pytest.mark.parametrize("source", ["page.json", "page.alto.xml", "page.page.xml"])
@pytest.mark.parametrize(("target", "form"), [("page.png", "overlay"), ("page.png", "text"), ("link.png", "overlay")])
def test_the_image_of_a_page_is_never_overwritten(
    run: Run, results: Path, tmp_path: Path, source: str, target: str, form: str
) -> None:
    (tmp_path / "link.png").symlink_to("page.png")
    done = run(results / source, "--format", form, "-o", tmp_path / target, "--force")
    assert done.code == 2 and f"{target}: the result would overwrite" in done.err and done.err.count("\n") == 1
    assert (tmp_path / "page.png").read_bytes() == (SAMPLES / "page.png").read_bytes()


def test_a_document_of_scans_is_never_replaced_by_its_pages(run: Run, tmp_path: Path, page: Page) -> None:
    scan = scan_pdf([sample_page()] * 2)
    (tmp_path / "b.pdf").write_bytes(scan)
    shutil.copy(SAMPLES / "page.png", tmp_path / "page.png")
    (tmp_path / "a.json").write_text(write_json(page))
    (tmp_path / "b.json").write_text(write_json(replace(page, image="b.pdf#1")) + write_json(page))
    for inputs in (["b.json"], ["a.json", "b.json", "a.json"]):
        done = run(*(tmp_path / name for name in inputs), "-o", tmp_path / "b.pdf", "--force")
        assert done.code == 2 and "b.pdf: the result would overwrite" in done.err
        assert (tmp_path / "b.pdf").read_bytes() == scan


def test_the_folder_above_the_working_folder_has_images(
    run: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results)
    assert run("page.json", "-o", "a.pdf").code == 0
    assert run("../results/page.json", "-o", "b.pdf").code == 0


def test_a_pdf_of_hwr_is_not_taken_for_the_scan(run: Run, results: Path, tmp_path: Path, page: Page) -> None:
    assert run(results / "page.json", "-o", results / "page.pdf").code == 0
    shutil.copy(results / "page.pdf", tmp_path / "book.pdf")
    (tmp_path / "page.png").rename(tmp_path / "p.png")
    done = run(results / "page.json", "-o", tmp_path / "new.pdf")
    assert done.code == 2 and "'page.png' is not in" in done.err
    (results / "book.json").write_text(write_json(replace(page, image="book.pdf")))  # a page that names it
    assert run(results / "book.json", "-o", tmp_path / "new.pdf").code == 0


def test_images_are_found_by_every_spelling_and_never_by_a_path_from_elsewhere(
    run: Run, results: Path, tmp_path: Path
) -> None:
    whole = json.loads((results / "page.json").read_text())
    secret = tmp_path / "elsewhere" / "secret.png"
    secret.parent.mkdir()
    (tmp_path / "page.png").rename(secret)
    for name in (str(secret), "../elsewhere/secret.png", "x" * 5000, "a\0b"):
        (results / "page.json").write_text(json.dumps({**whole, "image": name}))
        assert run(results / "page.json", "-o", tmp_path / "a.pdf").code == 2
    secret.rename(results / "PÄGE.PNG")
    for name in ("scans\\päge.png", "/home/someone/pa\u0308ge.png#1"):
        (results / "page.json").write_text(json.dumps({**whole, "image": name}))
        assert run(results / "page.json", "-o", tmp_path / "a.pdf", "--force").code == 0


def test_a_separator_in_a_text_is_not_the_end_of_a_page(run: Run, results: Path, tmp_path: Path) -> None:
    whole = json.loads((results / "page.json").read_text())
    whole["lines"][0]["text"] = "one\u2028two\x85three"
    two = json.dumps(whole, ensure_ascii=False) + "\n"
    (tmp_path / "two.json").write_text(two * 2, encoding="utf-16")
    assert run(tmp_path / "two.json", "--format", "text").code == 0


def test_a_page_that_is_cut_off_costs_only_itself(run: Run, results: Path, tmp_path: Path) -> None:
    good = (results / "page.json").read_text()
    (tmp_path / "book.json").write_text(good + good[:200] + "\n" + good)
    done = run(tmp_path / "book.json", "-o", tmp_path / "book.txt")
    assert done.code == 3 and "book.json: line 2: not JSON, or cut off" in done.err
    assert (tmp_path / "book.txt").read_text() == "Chère amie\n\fChère amie\n"


def test_pages_of_two_files_are_never_mixed(run: Run, results: Path, tmp_path: Path, page: Page) -> None:
    missing = write_json(replace(page, image="none.png"))
    (tmp_path / "a.json").write_text(write_json(page) + missing)
    (tmp_path / "b.json").write_text(write_json(page))
    (tmp_path / "none.png").unlink(missing_ok=True)
    done = run(tmp_path / "a.json", tmp_path / "b.json", "--format", "pdf", "-o", tmp_path / "out")
    assert done.code == 3 and done.err.count("none.png") == 1
    for name in ("a.pdf", "b.pdf"):
        with pdfium.PdfDocument(tmp_path / "out" / name) as pdf:
            assert len(pdf) == 1


def test_lines_that_cannot_be_used_are_named(run: Run, tmp_path: Path) -> None:
    bad = page_line("bad", 100, "l\x01st")
    (tmp_path / "a.xml").write_bytes(page_xml(page_region("r", page_line("good", 50, "kept") + bad)))
    done = run(tmp_path / "a.xml")
    assert (done.code, done.out) == (3, "kept\n")
    assert "line 'bad' left out: " in done.err and "not text" in done.err


def test_standard_input(run: Run, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.TextIOWrapper(io.BytesIO((results / "page.json").read_bytes()))
    monkeypatch.setattr("sys.stdin", data)
    done = run("-", "--format", "text")
    assert (done.code, done.out, done.err) == (0, "Chère amie\n", "")


@pytest.fixture
def two_pages(tmp_path: Path) -> Path:
    """ALTO with two pages of a TIFF."""
    blocks = [alto_block("b", alto_line(f"l{k}", 60 * k, text)) for k, text in enumerate(("one", "two"))]
    body = f'{blocks[0]}</PrintSpace></Page><Page PHYSICAL_IMG_NR="2" WIDTH="400" HEIGHT="300"><PrintSpace>{blocks[1]}'
    (tmp_path / "book.xml").write_bytes(alto_xml(body, image="book.tif"))
    return tmp_path / "book.xml"


def test_alto_with_several_pages(run: Run, two_pages: Path, tmp_path: Path) -> None:
    done = run(two_pages)
    assert done.code == 0
    assert done.out.splitlines() == ["==> book.tif#1 <==", "one", "==> book.tif#2 <==", "two"]
    Image.new("L", (400, 300), 255).save(
        tmp_path / "book.tif", save_all=True, append_images=[Image.new("L", (400, 300), 0)]
    )
    assert run(two_pages, "-o", tmp_path / "book.pdf").code == 0
    assert len(pdfium.PdfDocument(tmp_path / "book.pdf")) == 2


def test_a_page_without_an_image_of_its_own(run: Run, two_pages: Path, tmp_path: Path) -> None:
    Image.new("L", (400, 300), 255).save(tmp_path / "book.tif")
    done = run(two_pages, "-o", tmp_path / "book.pdf")
    assert done.code == 3 and "book.tif: has no page 2" in done.err


def test_lines_with_broken_numbers_keep_their_texts(run: Run, tmp_path: Path) -> None:
    lines = "".join(page_line(f"l{k}", 60 * k, f"text {k}") for k in range(5)).replace("20,", "2O,")
    (tmp_path / "a.xml").write_bytes(page_xml(page_region("r", lines)))
    done = run(tmp_path / "a.xml")
    assert (done.code, done.out) == (0, "".join(f"text {k}\n" for k in range(5)))
    assert "a.xml: outline with a broken number, ignored (5: 'l0', 'l1', 'l2', ...)" in done.err


@pytest.mark.parametrize(
    ("xml", "image"),
    [
        ("scan.2024.xml", "scan.2024.png"),
        ("scan.2024.page.xml", "SCAN.2024.PNG"),
        ("scan.2024.jpg.xml", "scan.2024.jpg"),
    ],
)
def test_the_image_with_the_name_of_the_xml(run: Run, tmp_path: Path, xml: str, image: str) -> None:
    """All parts of a name count: another year is another page."""
    (tmp_path / xml).write_bytes(page_xml(page_region("r", page_line("l", 0, "x")), image="lost.png"))
    Image.new("L", (30, 40), 255).save(tmp_path / "scan.png")  # would be refused: its aspect ratio differs
    Image.new("L", (400, 300), 255).save(tmp_path / image)
    done = run(tmp_path / xml, "-o", tmp_path / "a.pdf")
    assert (done.code, done.err) == (0, "")


def test_a_folder_of_images_is_used_in_every_format(run: Run, results: Path, tmp_path: Path) -> None:
    """An option that is accepted acts: lines are scaled to the image, and a missing image is an error."""
    with Image.open(tmp_path / "page.png") as image:
        half = (image.width // 2, image.height // 2)
    (tmp_path / "small").mkdir()
    Image.new("L", half, 255).save(tmp_path / "small" / "page.png")
    done = run(results / "page.json", "--format", "json", "--images", tmp_path / "small")
    assert done.code == 0 and (json.loads(done.out)["width"], json.loads(done.out)["height"]) == half
    (tmp_path / "none").mkdir()
    done = run(results / "page.json", "--images", tmp_path / "none")
    assert done.code == 2 and "'page.png' is not in" in done.err


def test_a_file_without_lines_is_noted(run: Run, tmp_path: Path) -> None:
    text = "<TextEquiv><Unicode>lost</Unicode></TextEquiv>"
    (tmp_path / "a.xml").write_bytes(page_xml(page_region("r", text)))
    done = run(tmp_path / "a.xml")
    assert (done.code, done.out.strip()) == (0, "")
    assert done.err.splitlines() == [
        f"hwr: {tmp_path}/a.xml: a page without lines",
        f"hwr: {tmp_path}/a.xml: text of a region without lines, not read (1: 'r')",
    ]
