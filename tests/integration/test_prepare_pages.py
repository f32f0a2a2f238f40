"""`hwr prepare` from pages with PAGE XML or ALTO, as a user runs it."""

import shutil
import zipfile
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from hwr.files.images import decode_image
from hwr.formats.read_file import load_xml_pages
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore

COMMAND = ("prepare",)
PAGE = Path(__file__).parent.parent.parent / "data" / "samples" / "page.png"
SIZE = (1650, 2300)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pages in two documents; one line without text on each."""
    folder = tmp_path_factory.mktemp("pages") / "export"
    for number in range(6):
        document = folder / f"doc{number % 2}"
        (document / "page").mkdir(parents=True, exist_ok=True)
        shutil.copy(PAGE, document / f"{number}.png")
        body = page_region("r1", page_line("l1", 230, f"line {number}", 140, 500) + page_line("l2", 300, ""))
        body += page_region("r2", page_line("l3", 360, "margin", 140, 500), 'type="marginalia"')
        (document / "page" / f"{number}.xml").write_bytes(page_xml(body, SIZE, f"{number}.png"))
    return folder


def stored(folder: Path) -> dict[str, list[str]]:
    return {file.stem: [line.text for line in LineStore(file)] for file in sorted(folder.glob("*.parquet"))}


def test_an_export_with_pages_put_aside(run: Run, export: Path, tmp_path: Path) -> None:
    done = run(export, "-o", tmp_path / "out", "--val-share", "0.2", "--split-by", "page")
    assert done.code == 3
    assert "no text" in done.out and f"{export}/doc0/page/0.xml, line l2: the line has no transcription" in done.err
    splits = stored(tmp_path / "out")
    assert {len(texts) for texts in splits.values()} == {2, 10}
    line = next(iter(LineStore(tmp_path / "out" / "val.parquet")))
    assert line.writer == "/".join(["export", f"doc{int(line.text[-1]) % 2}"])
    assert line.page == f"{line.writer}/{line.text[-1]}" and line.id == f"{line.page}/l1"
    again = run(export, "-o", tmp_path / "out", "--val-share", "0.2", "--split-by", "page")
    assert "unchanged" in again.err


def test_one_document_is_split_by_page(run: Run, export: Path, tmp_path: Path) -> None:
    done = run(export / "doc0", "-o", tmp_path / "out", "--val-share", "0.4")
    assert done.code == 3
    pages = [{line.page for line in LineStore(tmp_path / "out" / f"{split}.parquet")} for split in ("train", "val")]
    assert [len(found) for found in pages] == [2, 1] and not pages[0] & pages[1]


def test_types_of_regions(run: Run, export: Path, tmp_path: Path) -> None:
    done = run(export, "-o", tmp_path / "out", "--regions", "caption,Marginalia", "--line-types", "default")
    assert done.code == 0
    assert stored(tmp_path / "out") == {"train": ["margin"] * 6} and "type not requested" in done.out
    nothing = run(export, "-o", tmp_path / "none", "--regions", "MainZone")
    assert nothing.code == 2 and "type not requested: region 'text', line 'default'" in nothing.err


def test_options_that_do_not_fit(run: Run, export: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "gt"
    sidecar.mkdir()
    shutil.copy(PAGE.with_name("line-1.png"), sidecar / "a.png")
    (sidecar / "a.gt.txt").write_text("text")
    for source, option, reason in (
        (sidecar, ("--regions", "x"), "--regions applies to PAGE XML and ALTO only"),
        (sidecar, ("--line-types", "x"), "--line-types applies to PAGE XML and ALTO only"),
        (export, ("--text-column", "x"), "--text-column applies to tables and Parquet only"),
    ):
        done = run(source, "-o", tmp_path / "out", *option)
        assert (done.code, done.err) == (2, f"hwr: error: {reason}\n")


def test_hostile_zips_end_in_one_line(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../a.xml", page_xml(""))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", page_xml("") + b" " * (100 * 2**20))
    for name, reason in (("out.zip", "leads out of it"), ("bomb.zip", "a.xml: entry cannot be read: more than 32 MiB")):
        done = run(tmp_path / name, "-o", tmp_path / "store")
        assert done.code == 2 and reason in done.err.splitlines()[-1]
    assert not (tmp_path / "store").exists() and not (tmp_path.parent / "a.xml").exists()


def test_prepared_lines_read_as_the_pages_do(run: Run, tmp_path: Path) -> None:
    """What is cut out for training is what `hwr recognize --lines` reads."""
    shutil.copy(PAGE, tmp_path / "a.png")
    body = "".join(alto_line(f"l{k}", top, f"text {k}", x0=140, x1=1500) for k, top in enumerate((330, 400, 470)))
    (tmp_path / "a.xml").write_bytes(alto_xml(alto_block("b", body), SIZE, "a.png"))
    assert run(tmp_path / "a.xml", "-o", tmp_path / "out").code == 0
    recognizer = Recognizer(threads=1)
    images = [decode_image(line.image, line.id) for line in LineStore(tmp_path / "out" / "train.parquet")]
    page = recognizer.read(tmp_path / "a.png", lines=load_xml_pages(tmp_path / "a.xml")[0])
    texts = [reading.text for reading in recognizer.read_lines(images)]
    assert texts == [line.text for line in page.lines] and all(texts)
