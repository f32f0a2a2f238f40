"""`hwr recognize` on documents of several pages, on streams and patterns, and on unusual images."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.line_images import sample_page
from helpers.page_files import page_line, page_region, page_xml
from helpers.pdf_files import scan_pdf, text_pdf, without_page
from hwr.files.pixels import PageImage
from hwr.recognize.recognizer import Recognizer

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "data" / "samples"
SCAN = sample_page()
SIZE = (SCAN.width * 72 / 200, SCAN.height * 72 / 200)
BLANK = Image.new("L", SCAN.size, 240)


@pytest.fixture(scope="module")
def text(model: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The reading of the scan."""
    path = tmp_path_factory.mktemp("scan") / "scan.png"
    SCAN.save(path)
    return Recognizer(model).read(path).text


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A page of writing, an empty one and the first again."""
    path = tmp_path / "in" / "book.tif"
    path.parent.mkdir()
    SCAN.copy().save(path, save_all=True, append_images=[BLANK.copy(), SCAN.copy()], compression="tiff_adobe_deflate")
    return path


def below(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_pages_on_the_standard_output_have_headers(recognize: Run, book: Path, text: str) -> None:
    done = recognize(book)
    assert done.out == f"==> {book}#1 <==\n{text}\n==> {book}#2 <==\n==> {book}#3 <==\n{text}\n"
    assert done.code == 0 and done.err.splitlines()[0] == f"hwr: {book}#2: no writing found"
    lines = 2 * len(text.splitlines())
    assert re.fullmatch(rf"hwr: 3 pages, {lines} lines, 2 with low confidence; [\d.]+ s", done.err.splitlines()[1])
    pages = [json.loads(line) for line in recognize(book, "--format", "json", "--pages", "2-").out.splitlines()]
    assert [(page["image"], len(page["lines"]) > 0) for page in pages] == [(f"{book}#2", False), (f"{book}#3", True)]


def test_a_page_that_is_missing_does_not_lose_the_others(recognize: Run, book: Path, tmp_path: Path, text: str) -> None:
    done = recognize(book, "--pages", "1,7", "-o", tmp_path / "book.txt")
    assert done.code == 3 and (tmp_path / "book.txt").read_text() == f"{text}\n"
    assert done.err.startswith(f"hwr: error: {book}: has 3 pages; --pages also names 7\nhwr: 2 pages, ")
    assert recognize(book, "--pages", "1-7", "-o", tmp_path / "all.txt").code == 0


def test_the_result_in_the_folder_of_the_inputs_is_skipped(recognize: Run, book: Path) -> None:
    command = (book.parent, "-o", book.parent / "all.pdf", "--skip-existing")
    assert recognize(*command).code == 0
    again = recognize(*command)
    assert again.code == 0 and "1 skipped because its result exists" in again.err
    assert again.err.startswith(f"hwr: 1 result of an earlier run not read, such as {book.parent / 'all.pdf'}\n")


def test_a_document_becomes_one_file(recognize: Run, book: Path, tmp_path: Path, text: str) -> None:
    done = recognize(book, "-o", tmp_path / "book.txt")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "book.txt").read_text() == f"{text}\n\f\f{text}\n"
    recognize(book.parent, "-o", tmp_path / "out", "--format", "json")
    assert [json.loads(line)["image"] for line in below(tmp_path / "out")["book.json"].splitlines()] == [
        f"{book}#{number}" for number in (1, 2, 3)
    ]


def test_a_document_becomes_a_file_a_page_in_formats_that_have_one(recognize: Run, book: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert recognize(book, "--format", "overlay", "-o", tmp_path / "out").code == 0
    names = [f"book-000{number}.overlay.png" for number in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    with Image.open(tmp_path / "out" / names[0]) as drawn:
        assert drawn.size == SCAN.size
    done = recognize(book, "--format", "overlay", "-o", tmp_path / "out", "--skip-existing")
    assert done.code == 0 and done.err.startswith(
        "hwr: 3 pages, 0 lines, 3 skipped because their results exist; results in"
    )
    (tmp_path / "out" / names[1]).unlink()
    done = recognize(book, "--format", "overlay", "-o", tmp_path / "out", "--skip-existing")
    assert done.err.startswith(f"hwr: {book}#2: no writing found\nhwr: 3 pages, 0 lines, 2 skipped because")
    assert (tmp_path / "out" / names[1]).is_file()


def test_a_pdf_reads_as_its_scans(recognize: Run, tmp_path: Path, text: str) -> None:
    pdf = tmp_path / "book.pdf"
    pdf.write_bytes(scan_pdf([SCAN, SCAN], SIZE))
    pages = [json.loads(line) for line in recognize(pdf, "--format", "json").out.splitlines()]
    assert [(page["image"], page["width"], page["height"]) for page in pages] == [
        (f"{pdf}#{number}", *SCAN.size) for number in (1, 2)
    ]
    # PDFium resamples the scan, which changes what a hand-made network reads
    assert len(pages[0]["lines"]) == len(text.splitlines())


def test_a_broken_page_is_named_and_the_others_are_read(recognize: Run, tmp_path: Path) -> None:
    pdf = tmp_path / "book.pdf"
    pdf.write_bytes(without_page(scan_pdf([SCAN, SCAN, SCAN], SIZE), 2))
    done = recognize(pdf, "-o", tmp_path / "book.json", "--format", "json")
    assert done.code == 3
    broken, closing = done.err.splitlines()
    assert broken == f"hwr: error: {pdf}#2: the page is broken (Failed to load page.)"
    assert closing.startswith("hwr: 3 pages, ") and " lines, 1 failed, " in closing
    written = [json.loads(line)["image"] for line in (tmp_path / "book.json").read_text().splitlines()]
    assert written == [f"{pdf}#1", f"{pdf}#3"]


def test_encrypted_and_broken_pdfs_among_good_ones(recognize: Run, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(text_pdf(["secret"], password="sesame"))
    (folder / "b.pdf").write_bytes(b"%PDF-1.7 but no more")
    (folder / "c.pdf").write_bytes(b"")
    SCAN.save(folder / "d.png")
    done = recognize(folder, "-o", tmp_path / "out")
    assert done.code == 3 and below(tmp_path / "out") == {"d.txt": text + "\n"}
    assert done.err.splitlines()[:-1] == [
        f"hwr: error: {folder}/a.pdf: the PDF is encrypted; --password gives its password",
        f"hwr: error: {folder}/b.pdf: the PDF is broken, truncated or has no pages",
        f"hwr: error: {folder}/c.pdf: the file is empty",
    ]
    assert done.err.splitlines()[-1].startswith("hwr: 4 pages, ") and " lines, 3 failed, " in done.err
    assert recognize(folder / "a.pdf", "--password", "sesame").code == 0


def test_what_was_read_is_not_read_again(recognize: Run, tmp_path: Path, text: str, book: Path) -> None:
    SCAN.save(book.parent / "a.png")
    SCAN.save(book.parent / "b.png")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("mine")
    done = recognize(book.parent, "-o", out, "--skip-existing")
    assert done.code == 0
    assert below(out) == {"a.txt": "mine", "b.txt": text + "\n", "book.txt": f"{text}\n\f\f{text}\n"}
    assert ", 1 skipped because its result exists, " in done.err.splitlines()[-1]
    again = recognize(book.parent, "-o", out, "--skip-existing")
    assert again.code == 0 and again.err.startswith("hwr: 3 pages, 0 lines, 3 skipped because their results exist; ")


def test_where_nothing_is_left_to_read_no_model_is_loaded(recognize: Run, tmp_path: Path) -> None:
    SCAN.save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("mine")
    assert recognize(tmp_path / "a.png", "-o", tmp_path / "a.txt", "--skip-existing", "-m", "no-such-model").code == 0


def test_an_interrupted_document_loses_no_page_that_was_read(
    recognize: Run, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = Recognizer.read_found, []
    SCAN.save(book.parent / "more.png")

    def interrupted(self: Recognizer, source: object, *found: object) -> object:
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(self, source, *found)  # type: ignore[arg-type]

    monkeypatch.setattr(Recognizer, "read_found", interrupted)
    whole, target = tmp_path / "whole.json", tmp_path / "book.json"
    stopped = recognize(book.parent, "-o", target)
    assert stopped.code == 130 and not target.exists()
    assert stopped.err == "\nhwr: interrupted; the same command continues after the page that was read\n"
    calls.extend([None])
    done = recognize(book.parent, "-o", target)
    assert done.code == 0 and len(calls) == 3 + 3 and ", 1 read before the interruption" in done.err
    assert recognize(book.parent, "-o", whole).code == 0
    assert target.read_bytes() == whole.read_bytes() and target.read_bytes().count(b"\n") == 4
    assert not list(tmp_path.glob(".*"))


def test_an_interruption_keeps_the_documents_that_were_read(
    recognize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in "abc":
        SCAN.save(scans / f"{name}.png")
    read = Recognizer.read_found

    def interrupted(self: Recognizer, source: PageImage, *found: object) -> object:
        if source.name.endswith("b.png"):
            raise KeyboardInterrupt
        return read(self, source, *found)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Recognizer, "read_found", interrupted)
        stopped = recognize(scans, "-o", tmp_path / "out")
    assert stopped.code == 130
    assert stopped.err == "\nhwr: interrupted; the same command with --skip-existing continues\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]
    done = recognize(scans, "-o", tmp_path / "out", "--skip-existing")
    assert done.code == 0 and "1 skipped because its result exists" in done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt", "c.txt"]


def test_patterns_in_quotes(recognize: Run, tmp_path: Path, text: str) -> None:
    for name in ("b.png", "a.png", "c.gif"):
        SCAN.save(tmp_path / name)
    done = recognize(tmp_path / "*.png")
    assert done.out == "".join(f"==> {tmp_path / name} <==\n{text}\n" for name in ("a.png", "b.png"))
    done = recognize(tmp_path / "*.jpg")
    assert (done.code, done.err) == (2, f"hwr: error: {tmp_path}/*.jpg: no file matches this pattern\n")


@pytest.mark.parametrize("kind", ["PNG", "PDF"])
def test_the_standard_input(recognize: Run, monkeypatch: pytest.MonkeyPatch, text: str, kind: str) -> None:
    buffer = io.BytesIO()
    SCAN.save(buffer, "PNG")
    data = buffer.getvalue() if kind == "PNG" else scan_pdf([SCAN], SIZE)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))
    done = recognize("-", "--format", "json")
    page = json.loads(done.out)
    assert (done.code, page["image"], page["width"]) == (0, "stdin", SCAN.width)
    assert len(page["lines"]) == len(text.splitlines())


def test_lines_in_a_document(recognize: Run, tmp_path: Path) -> None:
    lines = [Image.open(SAMPLES / f"line-{number}.png").convert("L") for number in (1, 2, 3)]
    lines[0].save(tmp_path / "lines.tif", save_all=True, append_images=lines[1:])
    alone = [recognize("--line", SAMPLES / f"line-{number}.png").out for number in (1, 2, 3)]
    assert recognize("--line", tmp_path / "lines.tif", "-o", tmp_path / "lines.txt").code == 0
    assert (tmp_path / "lines.txt").read_text() == "\f".join(alone)
    several = recognize("--line", tmp_path / "lines.tif", SAMPLES / "line-1.png")
    assert [line for line in several.out.splitlines() if not line.startswith("==>")] == [
        text.strip() for text in (*alone, alone[0])
    ]


def odd_images() -> dict[str, Image.Image]:
    """Images without writing, by what is odd about them."""
    y, x = np.mgrid[0:600, 0:900]
    hills = 128 + 60 * np.sin(x / 130) + 50 * np.cos(y / 90 + x / 300)
    return {
        "pixel": Image.new("L", (1, 1), 0),
        "strip": Image.new("L", (30_000, 200), 250),
        "tall": Image.new("L", (3, 9_000), 250),
        "blank": Image.new("L", (1200, 1600), 245),
        "black": Image.new("L", (1200, 1600), 0),
        "picture": Image.fromarray(hills.astype(np.uint8)),
    }


@pytest.mark.parametrize("name", list(odd_images()))
def test_images_without_writing_print_nothing(recognize: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.png"
    odd_images()[name].save(path)
    done = recognize(path)
    assert (done.code, done.out, done.err) == (0, "", f"hwr: {path}: no writing found\n")


def test_wrong_use(recognize: Run, book: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.xml").write_bytes(page_xml(page_region("r1", page_line("l1", 20, ""))))
    for arguments, reason in (
        ((book, "--skip-existing"), "--skip-existing needs --output"),
        ((book, "--force"), "--force needs --output"),
        ((book, "--skip-existing", "--force", "-o", tmp_path / "x"), "--skip-existing cannot be combined with --force"),
        ((book, "--pages", "3-1"), "--pages 3-1: 3-1 ends before it begins"),
        ((book, "--pages", "7"), f"{book}: has 3 pages, and none of those named by --pages"),
        ((book, "--format", "overlay"), "its 3 pages cannot be written to stdout as overlay"),
        ((book, "--lines", tmp_path / "lines.xml"), "3 pages, but --lines names one file"),
    ):
        done = recognize(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert done.err.startswith("hwr: error: ") and reason in done.err and done.err.count("\n") == 1, done.err


PEAK = r"""
import re, sys
from hwr import cli
sys.argv = ["hwr", "recognize", *sys.argv[1:]]
try:
    cli.main()
finally:
    print(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def peak_megabytes(*arguments: object) -> float:
    """Return the peak memory of `hwr recognize`; `getrusage` would include the process of the tests."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the most memory of a process is read from /proc")
    command = [sys.executable, "-c", PEAK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return int(done.stderr.split()[-1]) / 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pages(model: Path, tmp_path: Path) -> None:
    """Twenty-two pages more, of a megapixel each, need no more room than a few pages."""
    page = Image.new("L", (1000, 1000), 235)
    page.paste(SCAN.crop((50, 100, 350, 150)), (100, 100))
    peaks = {}
    for count in (2, 24):
        path = tmp_path / f"{count}.tif"
        copies = [page.copy() for _ in range(count)]
        copies[0].save(path, save_all=True, append_images=copies[1:], compression="tiff_adobe_deflate")
        peaks[count] = peak_megabytes("-m", model, path, "-o", tmp_path / f"{count}.txt")
        assert (tmp_path / f"{count}.txt").read_text().count("\f") == count - 1
    assert peaks[24] < peaks[2] + 6


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("TIFF", "RGB"), ("PNG", "L")])
def test_a_scan_of_400_megapixels_is_read_in_bounded_memory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    large = Image.new(mode, (20_000, 20_000), "white")
    page = Image.open(SAMPLES / "page.png").convert("L")
    large.paste(page.resize((13_000, 18_000)).convert(mode), (2_000, 1_000))
    path = tmp_path / "large"
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {"compress_level": 1} if kind == "PNG" else {}
    large.save(path, kind, **options)
    del large
    assert peak_megabytes("-m", model, path, "-o", tmp_path / "x.json", "--format", "json") < 1536
    assert len(json.loads((tmp_path / "x.json").read_text())["lines"]) > 15


def test_the_bar_names_pages_and_counts_them(
    recognize: Run, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    SCAN.save(tmp_path / "page.png")
    assert recognize(book, tmp_path / "page.png", "-o", tmp_path / "out").code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "0/2 pages" in shown and "4/4 pages" in shown
    assert "book.tif#1" in shown and "page.png" in shown and f"{book}#2: no writing found" in shown.replace("\n", "")


def test_a_file_that_may_not_be_read(recognize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    SCAN.save(path)
    opened = Path.open

    def refuse(self: Path, *arguments: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    done = recognize(path)
    assert (done.code, done.err) == (2, f"hwr: error: {path}: cannot be read: Permission denied\n")


def test_what_only_leaves_nothing_of_is_named(recognize: Run, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", (400, 300), 255).save(path)
    done = recognize(path, "--only", "printed")
    assert (done.code, done.out, done.err) == (0, "", f"hwr: {path}: no printed writing found\n")


def test_several_inputs_become_one_file(recognize: Run, book: Path, tmp_path: Path, text: str) -> None:
    SCAN.save(book.parent / "more.png")
    assert recognize(book.parent, "-o", tmp_path / "all.txt").code == 0
    assert (tmp_path / "all.txt").read_text() == f"{text}\n\f\f{text}\n\f{text}\n"
    assert recognize(book, book.parent / "more.png", "-o", tmp_path / "all.pdf", "--pages", "1").code == 0
    with pdfium.PdfDocument(tmp_path / "all.pdf") as pdf:
        assert len(pdf) == 2
    done = recognize(book.parent, "-o", tmp_path / "all.page.xml")
    assert done.code == 2 and f"such as {tmp_path}/all/" in done.err and not (tmp_path / "all.page.xml").exists()


def test_an_existing_file_for_several_inputs_is_named_once(recognize: Run, book: Path, tmp_path: Path) -> None:
    for name in "abc":
        SCAN.save(book.parent / f"{name}.png")
    target = tmp_path / "all.txt"
    target.write_text("earlier")
    done = recognize(book.parent, "-o", target)
    assert done.code == 2
    assert done.err == f"hwr: error: {target}: already exists; --force overwrites it, and --skip-existing keeps it\n"
    done = recognize(book.parent, "-o", target, "--skip-existing")
    assert done.code == 0 and target.read_text() == "earlier"
    assert done.err.splitlines()[0] == f"hwr: {target}: exists; no page is added. To write it again, use --force"
    assert f", 4 skipped because {target} exists; " in done.err.splitlines()[1]


def test_fewer_pages_that_replace_a_result_are_named(recognize: Run, book: Path, tmp_path: Path) -> None:
    target = tmp_path / "book.txt"
    for options, notes in (((), 0), (("--force",), 1), (("--force", "--pages", "1-3"), 0)):
        done = recognize(book, "-o", target, *(options if "1-3" in options else ("--pages", "1", *options)))
        assert done.code == 0
        assert done.err.count(f"hwr: {book}: 1 of 3 pages replace an earlier result\n") == notes


def test_several_formats_cost_one_reading(
    recognize: Run, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SCAN.save(tmp_path / "a.png")
    read, calls = Recognizer.read_found, []

    def counted(self: Recognizer, source: object, *found: object) -> object:
        calls.append(source)
        return read(self, source, *found)  # type: ignore[arg-type]

    monkeypatch.setattr(Recognizer, "read_found", counted)
    done = recognize(tmp_path / "a.png", "--format", "text,alto", "--format", "json", "-o", tmp_path / "out")
    assert (done.code, done.err, len(calls)) == (0, "", 1)
    written = below(tmp_path / "out")
    assert sorted(written) == ["a.alto.xml", "a.json", "a.txt"] and written["a.txt"] == text + "\n"
    again = recognize(tmp_path / "a.png", "--format", "text,alto,json", "-o", tmp_path / "out", "--skip-existing")
    assert (again.code, len(calls)) == (0, 1)
    for arguments, reason in (
        (("--format", "text,docx"), "'docx' is not one of"),
        (("--format", "text,alto"), "text and alto need a folder"),
        (("--format", "text,alto", "-o", tmp_path / "x.txt"), "several formats need a folder"),
    ):
        done = recognize(tmp_path / "a.png", *arguments)
        assert done.code == 2 and reason in done.err


def test_a_full_disk_is_code_2_for_one_input_in_every_format(recognize: Run, tmp_path: Path) -> None:
    path = tmp_path / "line.png"
    Image.open(SAMPLES / "line-1.png").save(path)
    for form in ("text", "markdown", "json", "tsv", "hocr", "alto"):
        done = recognize("--line", path, "--format", form, "-o", "/dev/full/x")
        assert (done.code, done.err.count("\n")) == (2, 1), done.err


def test_a_password_comes_from_a_file_or_a_prompt(
    recognize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(text_pdf(["secret"], password="sesame"))
    (tmp_path / "password").write_text("sesame\r\nnot this\n")
    assert recognize(pdf, "--password-file", tmp_path / "password").code == 0
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: "sesame")
    assert recognize(pdf, "--password", "-").code == 0
    assert recognize(pdf, "--password", "wrong").code == 2


def test_lines_are_read_in_equal_parts_of_a_folder(
    recognize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part is a document, whose language is detected: no single line is left over, and folders are not mixed."""
    for number in range(70):
        folder = tmp_path / "in" / ("a" if number < 65 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (60, 20), 255).save(folder / f"{number:02}.png")
    parts = []
    read = Recognizer.read_line_pages

    def counted(self: Recognizer, images: list[tuple[str, object]]) -> object:
        parts.append([Path(name).parent.name for name, _ in images])
        return read(self, images)  # type: ignore[arg-type]

    monkeypatch.setattr(Recognizer, "read_line_pages", counted)
    assert recognize("--line", tmp_path / "in").code == 0
    assert parts == [["a"] * 33, ["a"] * 32, ["b"] * 5]


def test_the_closing_line_counts_only_what_was_written(
    recognize: Run, tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third page cannot be written to the file of the document, so the first is lost with it."""
    from hwr.formats import tsv

    add, pages = tsv.TsvWriter.add, []

    def failing(self: object, page: object, *more: object) -> None:
        pages.append(page)
        if len(pages) == 3:
            raise OSError(28, "No space left on device")
        add(self, page, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(tsv.TsvWriter, "add", failing)
    done = recognize(book, "-o", tmp_path / "book.tsv")
    assert done.code == 2 and "hwr: 3 pages, 0 lines, 3 failed; " in done.err


@pytest.mark.parametrize("option", ["--password", "--password-file"])
def test_a_password_needs_a_pdf(recognize: Run, tmp_path: Path, option: str) -> None:
    """An option that is accepted acts; a folder may hold images as well."""
    (tmp_path / "in").mkdir()
    Image.new("L", (200, 100), 255).save(tmp_path / "in" / "a.png")
    (tmp_path / "secret").write_text("sesame")
    value = "sesame" if option == "--password" else tmp_path / "secret"
    for source in (tmp_path / "in", tmp_path / "in" / "a.png"):
        done = recognize(source, option, value)
        assert done.code == 2 and done.messages == [
            f"hwr: error: {option} applies to PDFs, and none of the inputs is a PDF"
        ]
    (tmp_path / "in" / "b.pdf").write_bytes(text_pdf([""], password="sesame"))
    assert recognize(tmp_path / "in", option, value).code == 0
