"""Lines cut out of pages: folders, exports of Transkribus and eScriptorium, and what cannot be used."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.folders import write_files
from helpers.line_images import strokes
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
from hwr.files.tree import LFS_POINTER
from hwr.formats.read_xml import BAD_CONFIDENCE, BAD_OUTLINE
from hwr.page.geometry import cut_line
from hwr.prepare.checks import CheckOptions, check_sample
from hwr.prepare.pages import PageFileOptions, PageFiles
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.sources import detect_kinds, open_source

SIZE = (400, 300)


def scan(kind: str = "PNG") -> bytes:
    """A page of 400 x 300 pixels with strokes in three lines."""
    grey = np.full((300, 400), 255, np.uint8)
    for number, top in enumerate((0, 60, 120)):
        grey[top : top + 40, 50:350] = strokes(seed=number)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, kind)
    return buffer.getvalue()


def lines(*texts: str, prefix: str = "l") -> str:
    return "".join(page_line(f"{prefix}{k}", 60 * k, text) for k, text in enumerate(texts))


def pack(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return folder.with_suffix(".zip")


def read(path: Path, kind: str = "page", **options: tuple[str, ...]) -> tuple[list[Sample], list[Skipped]]:
    items = list(PageFiles(path, kind, PageFileOptions(**options)).items())
    assert [type(item) for item in PageFiles(path, kind, PageFileOptions(**options)).items(images=False)] == [
        type(item) for item in items
    ]
    return [item for item in items if isinstance(item, Sample)], [item for item in items if isinstance(item, Skipped)]


def test_a_folder_with_images_and_xml_side_by_side(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "export",
        {
            "b.png": scan(),
            "b.xml": page_xml(page_region("r", lines("one", "two")), SIZE, "b.png"),
            "a.jpg": scan("JPEG"),
            "a.xml": alto_xml(alto_block("b", alto_line("x", 0, "three")), SIZE, "a.jpg"),
            "mets.xml": b"<mets/>",
        },
    )
    samples, skipped = read(folder)
    assert skipped == []
    assert [(s.id, s.text, s.page, s.writer, s.split) for s in samples] == [
        ("export/a/x", "three", "export/a", "export", None),
        ("export/b/l0", "one", "export/b", "export", None),
        ("export/b/l1", "two", "export/b", "export", None),
    ]
    assert samples[1].path == "b_l0.png" and samples[1].where == f"{folder}/b.xml, line l0"
    cut = decode_image(samples[2].load(), "cut")
    page = decode_image(scan(), "page")
    expected = cut_line(page, ((20, 90), (380, 90)), ((20, 60), (380, 60), (380, 100), (20, 100)))
    assert np.array_equal(cut, expected.image) and (cut < 128).any()


def test_an_export_of_transkribus_takes_page_and_not_alto_as_well(tmp_path: Path) -> None:
    files = {"mets.xml": b"<mets/>", "metadata.xml": b"<trpDocMetadata/>"}
    for name in ("0001_p", "0002_p"):
        files[f"{name}.jpg"] = scan("JPEG")
        files[f"page/{name}.xml"] = page_xml(page_region("r", lines("from page")), SIZE, f"{name}.jpg")
        files[f"alto/{name}.xml"] = alto_xml(alto_block("b", alto_line("x", 0, "from alto")), SIZE, f"{name}.jpg")
    write_files(tmp_path / "job" / "12" / "Letters", files)
    for source in (tmp_path / "job", pack(tmp_path / "job")):
        samples, skipped = read(source)
        assert skipped == [] and [s.text for s in samples] == ["from page"] * 2
        assert [s.page for s in samples] == ["job/12/Letters/0001_p", "job/12/Letters/0002_p"]
        assert {s.writer for s in samples} == {"job/12/Letters"}
        assert samples[0].load()
        assert [s.text for s in read(source, "alto")[0]] == ["from alto"] * 2
    single = tmp_path / "job" / "12" / "Letters" / "page" / "0001_p.xml"
    (sample,) = read(single)[0]
    assert (sample.id, sample.text) == ("Letters/0001_p/l0", "from page") and sample.load()


@pytest.mark.parametrize("name", ["book.tif", "book.pdf"])
def test_pages_of_a_document_are_cut_from_their_own_images(tmp_path: Path, name: str) -> None:
    blank = Image.new("L", SIZE, 255)
    data = io.BytesIO()
    options = {"resolution": 72.0} if name.endswith(".pdf") else {}
    blank.save(
        data, "PDF" if options else "TIFF", save_all=True, append_images=[Image.open(io.BytesIO(scan()))], **options
    )
    files = {name: data.getvalue()}
    for number in (1, 2, 3):
        xml = page_xml(page_region("r", lines(f"page {number}")), SIZE, f"scans/{name}#{number}")
        files[f"out/book-000{number}.page.xml"] = xml
    samples, skipped = read(write_files(tmp_path / "b", files))
    assert [sample.text for sample in samples] == ["page 1", "page 2", "page 3"] and skipped == []
    first, second = (decode_image(sample.load(), "line") for sample in samples[:2])
    assert first.min() > 200 and second.min() < 100
    with pytest.raises(InputError, match=f"{name}: has no page 3, which the XML names"):
        samples[2].load()


def test_a_zip_of_escriptorium_is_read_as_it_comes(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "export_doc3",
        {
            "one.jpg": scan("JPEG"),
            "one.xml": alto_xml(alto_block("b", alto_line("x", 0, "text")), SIZE, "one.jpg"),
        },
    )
    source = pack(folder)
    shutil.rmtree(folder)
    (sample,) = read(source, "alto")[0]
    assert (sample.id, sample.text, sample.where) == (
        "export_doc3/one/x",
        "text",
        f"{source}/one.xml, line x",
    )
    assert decode_image(sample.load(), "cut").shape[0] > 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export_doc3.zip"]


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("p.png", "p.png"),
        ("P.PNG", "p.png"),
        ("C:\\scans\\p.png", "p.png"),
        ("https://example.org/iiif/p.png", "p.png"),
        ("p.tif", "p.png"),
        ("other.png", "x.png"),
        ("", "x.png"),
        ("p.png", "images/p.png"),
        ("../../p.png", "images/deep/p.png"),
    ],
)
def test_the_image_is_found_by_the_name_in_the_xml_or_by_that_of_the_xml(
    tmp_path: Path, named: str, there: str
) -> None:
    folder = write_files(tmp_path / "d", {"sub/x.xml": page_xml(page_region("r", lines("t")), SIZE, named)})
    write_files(folder if "/" in there else folder / "sub", {there: scan()})
    (sample,) = read(folder)[0]
    assert sample.load()


def test_results_of_recognize_next_to_the_image(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "d",
        {
            "a.png": scan(),
            "a.page.xml": page_xml(page_region("r", lines("page")), SIZE, ""),
            "a.alto.xml": alto_xml(alto_block("b", alto_line("x", 0, "alto")), SIZE, ""),
        },
    )
    assert [s.id for s in read(folder)[0]] == ["d/a/l0"] and [s.id for s in read(folder, "alto")[0]] == ["d/a/x"]


def test_folders_that_name_splits(tmp_path: Path) -> None:
    for split in ("train", "dev", "other"):
        xml = page_xml(page_region("r", lines("t")), SIZE, "a.png")
        write_files(tmp_path / "d" / split / "page", {"../a.png": scan(), "a.xml": xml})
    assert [(s.writer, s.split) for s in read(tmp_path / "d")[0]] == [
        ("d/dev", "val"),
        ("d/other", None),
        ("d/train", "train"),
    ]


def test_only_some_types(tmp_path: Path) -> None:
    body = (
        page_region("r1", lines("main"), 'custom="structure {type:MainZone:column#1;}"')
        + page_region("r2", page_line("m", 60, "margin"), 'custom="structure {type:MarginTextZone;}"')
        + page_region("r3", page_line("h", 120, "head", more='custom="structure {type:HeadingLine;}"'))
    )
    folder = write_files(tmp_path / "d", {"a.png": scan(), "a.xml": page_xml(body, SIZE, "a.png")})
    assert [s.text for s in read(folder, regions=("mainzone",))[0]] == ["main"]
    assert [s.text for s in read(folder, regions=("MainZone:column#1", "text"))[0]] == ["main", "head"]
    samples, skipped = read(folder, line_types=("HeadingLine",))
    assert [s.text for s in samples] == ["head"]
    assert {item.reason for item in skipped} == {Reason.OTHER_TYPE} and Reason.OTHER_TYPE.deliberate
    assert skipped[1].detail == "region 'MarginTextZone', line 'default'"
    assert read(folder, regions=("Main",))[0] == []


def test_what_cannot_be_used_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    body = page_region(
        "r",
        lines("good", "")
        + page_line("outside", 1000, "x")
        + page_line("partly", 120, "cut off", x0=200, x1=900)
        + '<TextLine id="nowhere"><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>'
        + '<TextLine id="flat"><Coords points="5,5 90,5"/><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>',
    )
    good = page_xml(page_region("r", lines("text")), SIZE, "a.png")
    folder = write_files(
        tmp_path / "d",
        {
            "a.png": scan(),
            "a.xml": page_xml(body, SIZE, "a.png"),
            "b.xml": good[:-30],
            "c.xml": good.replace(b"a.png", b"c.png"),
            "e.png": scan()[:300],
            "e.xml": good.replace(b"a.png", b"e.png"),
            "f.xml": page_xml(page_region("r", lines("turned")), (300, 400), "a.png"),
        },
    )
    samples, skipped = read(folder)
    assert [(Path(item.where).name, item.reason) for item in skipped] == [
        ("a.xml, line l1", Reason.NO_TEXT),
        ("a.xml, line nowhere", Reason.NO_POSITION),
        ("a.xml, line flat", Reason.NO_POSITION),
        ("b.xml", Reason.BAD_ROW),
        ("c.xml", Reason.NO_IMAGE),
    ]
    assert "broken XML" in skipped[3].detail and skipped[3].detail.startswith("line ")
    checked = [check_sample(sample, CheckOptions()) for sample in samples]
    found = [(item.reason, item.detail) if isinstance(item, Skipped) else item.text for item in checked]
    assert found[:3] == ["good", (Reason.NO_POSITION, "its polygon is outside the image"), "cut off"]
    assert found[3][0] == Reason.BROKEN_IMAGE
    assert found[4] == (
        Reason.BROKEN_IMAGE,
        "made for a page of 300 x 400, the image is 400 x 300: another aspect ratio, so another image or a turned one",
    )
    partly = checked[2]
    assert not isinstance(partly, Skipped) and partly.width == pytest.approx(200 + 4, abs=2)


def test_an_image_of_another_size_is_cut_at_the_same_places(tmp_path: Path) -> None:
    big = Image.open(io.BytesIO(scan())).resize((800, 600))
    xml = page_xml(page_region("r", lines("one", "two")), SIZE, "a.png")
    write_files(tmp_path / "d", {"a.xml": xml})
    big.save(tmp_path / "d" / "a.png")
    for sample in read(tmp_path / "d")[0]:
        cut = decode_image(sample.load(), "cut")
        assert cut.shape == pytest.approx((84, 724), abs=3) and (cut < 128).mean() > 0.05


def test_kinds_are_found_out(tmp_path: Path) -> None:
    page = write_files(tmp_path / "p", {"a.xml": page_xml(""), "z.txt": b""})
    alto = write_files(tmp_path / "q", {"a.xml": b"<mets/>", "s/b.xml": alto_xml("")})
    other = write_files(tmp_path / "o", {"a.xml": b"<mets/>"})
    for path, kind in ((page, "page"), (page / "a.xml", "page"), (alto, "alto"), (pack(alto), "alto")):
        assert detect_kinds(path)[0] == [kind]
    assert detect_kinds(alto / "s" / "b.xml")[0] == ["alto"]
    assert open_source(pack(page)).kind == "page"
    for path in (other, other / "a.xml", pack(other)):
        with pytest.raises(DataError):
            detect_kinds(path)
        with pytest.raises(DataError, match="no PAGE XML and no ALTO in it"):
            PageFiles(path)


def test_lines_with_text_files_and_pages_with_xml_are_both_read(tmp_path: Path) -> None:
    files = {
        "lines/a.PNG": scan(),
        "lines/a.gt.txt": b"text",
        "scans/p.png": scan(),
        "scans/p.xml": page_xml(page_region("r", lines("one", "two")), SIZE, "p.png"),
        "scans/alone.png": scan(),
    }
    folder = write_files(tmp_path / "d", files)
    for source in (open_source(folder), open_source(pack(folder))):
        items = list(source.items())
        assert source.kind == "sidecar+page"
        assert [item.id for item in items if isinstance(item, Sample)] == ["d/scans/p/l0", "d/scans/p/l1", "lines/a"]
        assert [Path(item.where).name for item in items if isinstance(item, Skipped)] == ["alone.png"]


def test_a_second_image_of_a_page_is_named_with_the_reason(tmp_path: Path) -> None:
    xml = page_xml(page_region("r1", lines("one")), SIZE, "a.png")
    source = open_source(write_files(tmp_path / "doc", {"a.png": scan(), "a.tif": scan("TIFF"), "a.xml": xml}))
    (left_out,) = [item for item in source.items() if isinstance(item, Skipped)]
    assert Path(left_out.where).name == "a.tif"
    assert left_out.detail.endswith("and a.xml is for another image, or not read here")


def test_page_counts_even_if_alto_comes_first(tmp_path: Path) -> None:
    files = {
        "doc/1.jpg": scan("JPEG"),
        "doc/alto/1.xml": alto_xml(alto_block("b", alto_line("x", 0, "from alto")), SIZE, "1.jpg"),
        "doc/page/1.xml": page_xml(page_region("r", lines("from page")), SIZE, "1.jpg"),
    }
    folder = write_files(tmp_path / "job", files)
    for kind, text, note in (
        (None, "from page", "PAGE XML is read, not ALTO"),
        ("alto", "from alto", "ALTO is read, not"),
    ):
        source = open_source(folder, kind=kind)
        assert [item.text for item in source.items() if isinstance(item, Sample)] == [text]
        [(found, count)] = source.notes.counts().items()
        assert note in found and count == 1


@pytest.mark.parametrize(
    "equivalents",
    [
        '<TextEquiv index="1"><Unicode>machine</Unicode></TextEquiv>',
        '<TextEquiv conf="0.8"><Unicode>machine</Unicode></TextEquiv>',
        '<Word id="w"><TextEquiv conf="0.8"><Unicode>machine</Unicode></TextEquiv></Word>',
    ],
)
def test_texts_that_a_program_read_are_left_out(tmp_path: Path, equivalents: str) -> None:
    line = f'<TextLine id="m"><Coords points="20,60 380,60 380,100 20,100"/>{equivalents}</TextLine>'
    folder = write_files(
        tmp_path / "d", {"a.png": scan(), "a.xml": page_xml(page_region("r", lines("true") + line), SIZE, "a.png")}
    )
    samples, skipped = read(folder)
    assert [sample.text for sample in samples] == ["true"]
    assert [(item.reason, item.reason.deliberate) for item in skipped] == [(Reason.MACHINE_TEXT, True)]
    assert [item.text for item in PageFiles(folder, "page", PageFileOptions(machine_texts=True)).items()] == [  # type: ignore[union-attr]
        "true",
        "machine",
    ]


def test_pages_without_the_requested_kind_are_refused_or_named(tmp_path: Path) -> None:
    page = {"1.png": scan(), "1.xml": page_xml(page_region("r", lines("from page")), SIZE, "1.png")}
    alto = {"2.png": scan(), "2.xml": alto_xml(alto_block("b", alto_line("x", 0, "from alto")), SIZE, "2.png")}
    for files, kind, message in (
        (page, "alto", "no ALTO in it, only PAGE XML; --from page reads it"),
        (alto, "page", "no PAGE XML in it, only ALTO; --from alto reads it"),
    ):
        with pytest.raises(DataError, match=message):
            open_source(write_files(tmp_path / kind, files), kind=kind)
    source = open_source(write_files(tmp_path / "both", page | alto), kind="alto")
    assert [item.text for item in source.items() if isinstance(item, Sample)] == ["from page", "from alto"]
    assert source.notes.counts() == {"pages without ALTO: their PAGE XML is read": 1}


def test_two_files_of_one_kind_for_a_page_are_named(tmp_path: Path) -> None:
    xml = page_xml(page_region("r", lines("one")), SIZE, "a.png")
    source = open_source(write_files(tmp_path / "d", {"a.png": scan(), "a.xml": xml, "a.page.xml": xml}))
    assert [item.text for item in source.items() if isinstance(item, Sample)] == ["one"]
    assert source.notes.counts() == {"pages with several files of PAGE XML: one of them is read": 1}


def test_a_true_text_wins_over_what_a_program_read(tmp_path: Path) -> None:
    machine = lines("machine").replace("<TextEquiv>", '<TextEquiv conf="0.9">')
    files = {
        "a.png": scan(),
        "a.page.xml": page_xml(page_region("r", machine), SIZE, "a.png"),
        "a.xml": alto_xml(alto_block("b", alto_line("x", 0, "true")), SIZE, "a.png"),
    }
    samples, skipped = read(write_files(tmp_path / "d", files))
    assert [sample.text for sample in samples] == ["true"] and skipped == []


def test_the_foot_of_an_image_may_have_been_cut_off(tmp_path: Path) -> None:
    body = page_region("r", lines("one", "two"))
    files = {"a.png": scan(), "a.xml": page_xml(body, (400, 320), "a.png")}
    files |= {"b.png": scan(), "b.xml": page_xml(body.replace("60", "310"), (400, 320), "b.png")}
    source = PageFiles(write_files(tmp_path / "d", files))
    made = []
    for item in source.items():
        assert isinstance(item, Sample)
        try:
            made.append((item.where[-12:], item.load()))
        except InputError as error:
            assert "another aspect" in str(error) and "b.xml" in item.where
    assert len(made) == 2
    assert [count for note, count in source.notes.counts().items() if "another height" in note] == [2]


def test_a_page_without_lines_is_named(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "d", {"a.png": scan(), "a.xml": page_xml(page_region("r", ""), SIZE, "a.png")})
    assert [(item.reason, item.reason.deliberate) for item in read(folder)[1]] == [(Reason.NO_LINES, True)]


def test_one_broken_line_does_not_take_the_page(tmp_path: Path) -> None:
    for broken in ("20,60 380,60 380", "20,60 NaN,60 380,100", "None,None"):
        bad = f'<TextLine id="bad"><Coords points="{broken}"/><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>'
        body = page_region("r", lines("one") + bad + page_line("l9", 120, "two"))
        samples, skipped = read(write_files(tmp_path / "d", {"a.png": scan(), "a.xml": page_xml(body, SIZE, "a.png")}))
        assert [sample.text for sample in samples] == ["one", "two"]
        assert [item.where.split(", ")[-1] for item in skipped] == ["line bad"]
        assert skipped[0].reason is Reason.NO_POSITION and BAD_OUTLINE in skipped[0].detail


def test_a_page_is_decoded_once_for_all_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hwr.prepare import pages

    decoded: list[str] = []
    opened = pages.open_document

    def count(data: bytes, where: str) -> object:
        decoded.append(where)
        return opened(data, where)

    monkeypatch.setattr(pages, "open_document", count)
    files = {"bad.png": scan()[:300], "bad.xml": page_xml(page_region("r", lines("a", "b")), SIZE, "bad.png")}
    for name in "ab":
        files |= {f"{name}.png": scan(), f"{name}.xml": page_xml(page_region("r", lines("x", "y")), SIZE, "")}
    failed = 0
    for sample in read(write_files(tmp_path / "d", files))[0]:
        try:
            sample.load()
        except InputError:
            failed += 1
    assert failed == 2 and [Path(where).name for where in decoded] == ["a.png", "b.png", "bad.png"]


def test_real_pages_give_the_texts_in_them(shared: Path) -> None:
    from hwr.formats.read_file import read_page_file

    samples, skipped = read(shared / "pages")
    texts = {}
    for file in (shared / "pages").glob("*/*.xml"):
        for line in read_page_file(file.read_bytes(), "").lines:
            texts[f"pages/{file.parent.name}/{file.stem}/{line.id}"] = line.text
    assert {s.id: s.text for s in samples} == {id: text for id, text in texts.items() if text}
    assert len(samples) == 329 and [item.reason for item in skipped] == [Reason.NO_TEXT]


def test_a_broken_confidence_keeps_the_line_and_is_noted(tmp_path: Path) -> None:
    body = page_region("r", lines("one").replace("<TextEquiv>", '<TextEquiv conf="NaN">'))
    source = PageFiles(write_files(tmp_path, {"a.png": scan(), "a.xml": page_xml(body, SIZE, "a.png")}))
    assert [item.text for item in source.items() if isinstance(item, Sample)] == ["one"]
    assert source.notes.counts() == {BAD_CONFIDENCE: 1}


def several_pages(image: str) -> bytes:
    first, second = (alto_block("b", alto_line(f"l{k}", 60 * k, text)) for k, text in enumerate(("one", "two")))
    return alto_xml(f'{first}</PrintSpace></Page><Page PHYSICAL_IMG_NR="2"><PrintSpace>{second}', SIZE, image)


def two_pages() -> bytes:
    first, second = (Image.open(io.BytesIO(scan())), Image.new("L", SIZE, 255))
    first.save(buffer := io.BytesIO(), "TIFF", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize("stated", ["book.tif", "", "lost.pdf"])
def test_alto_with_several_pages_of_a_document(tmp_path: Path, stated: str) -> None:
    folder = write_files(tmp_path / "d", {"book.tif": two_pages(), "book.xml": several_pages(stated)})
    samples, skipped = read(folder, "alto")
    assert skipped == []
    assert [(sample.id, sample.text, sample.page) for sample in samples] == [
        ("d/book#1/l0", "one", "d/book#1"),
        ("d/book#2/l1", "two", "d/book#2"),
    ]
    ink = [(decode_image(sample.load(), "cut") < 128).any() for sample in samples]
    assert ink == [True, False]  # the second page is blank


def test_alto_with_several_pages_and_an_image_of_each(tmp_path: Path) -> None:
    files = {"book-0001.png": scan(), "book-0002.png": scan(), "book.xml": several_pages("book.pdf")}
    samples, skipped = read(write_files(tmp_path / "d", files), "alto")
    assert skipped == [] and [sample.text for sample in samples] == ["one", "two"]


def test_alto_with_several_pages_and_one_image(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "d", {"book.png": scan(), "book.xml": several_pages("book.png")})
    (first, second), skipped = read(folder, "alto")
    assert skipped == [] and first.load()
    with pytest.raises(InputError, match=r"book\.png: has no page 2, which the XML names"):
        second.load()


def test_an_xml_with_the_whole_name_of_its_image(tmp_path: Path) -> None:
    files = {"a.png": scan(), "a.png.xml": page_xml(page_region("r", lines("one")), SIZE, "http://x/iiif/default.jpg")}
    samples, skipped = read(write_files(tmp_path, files))
    assert skipped == [] and [sample.text for sample in samples] == ["one"]


def test_a_pointer_of_git_lfs_among_pages_is_named(tmp_path: Path) -> None:
    pointer = LFS_POINTER + b"v1\noid sha256:0\nsize 3\n"
    files = {"a.png": scan(), "a.xml": page_xml(page_region("r", lines("one")), SIZE, "a.png"), "b.xml": pointer}
    samples, [skipped] = read(write_files(tmp_path / "d", files))
    assert len(samples) == 1 and (skipped.reason, Path(skipped.where).name) == (Reason.BAD_ROW, "b.xml")
    assert "git lfs pull" in skipped.detail
    assert detect_kinds(write_files(tmp_path / "e", {"b.xml": pointer, "b.png": scan()}))[0] == ["page"]


def test_page_xml_with_several_pages(tmp_path: Path) -> None:
    second = page_region("q", lines("two"))
    body = page_region("r", lines("one")) + f'</Page><Page imageFilename="b.png">{second}'
    samples, skipped = read(
        write_files(tmp_path / "d", {"a.png": scan(), "b.png": scan(), "d.xml": page_xml(body, SIZE, "a.png")})
    )
    assert skipped == []
    assert [(sample.id, sample.text) for sample in samples] == [("d/d#1/l0", "one"), ("d/d#2/l0", "two")]


def test_copies_of_an_xml_do_not_repeat_its_lines(tmp_path: Path) -> None:
    xml = page_xml(page_region("r", lines("one", "two")), SIZE, "a.png")
    other = page_xml(page_region("r", lines("ein") + page_line("l9", 200, "more")), SIZE, "img/a.png")
    folder = write_files(tmp_path, {"a.png": scan(), "a.xml": xml, "a_copy.xml": xml, "ocr/a.xml": other})
    samples, skipped = read(folder)
    assert [sample.text for sample in samples] == ["one", "two", "more"]
    assert [(item.reason, item.detail) for item in skipped] == [
        (Reason.SECOND_TEXT, "the place of a line in a.xml")
    ] * 3
    source = open_source(folder)
    list(source.items())
    assert source.notes.counts() == {"images with several XML files: all lines are read, the same place only once": 1}


def test_a_page_is_not_a_line_of_its_text_file(tmp_path: Path) -> None:
    xml = page_xml(page_region("r", lines("one")), SIZE, "a.png")
    folder = write_files(
        tmp_path, {"a.png": scan(), "a.xml": xml, "a.gt.txt": b"one", "b.png": scan(), "b.gt.txt": b"b"}
    )
    items = list(open_source(folder).items())
    assert [item.text for item in items if isinstance(item, Sample)] == ["one", "b"]
    assert [item.detail for item in items if isinstance(item, Skipped)] == ["a.png has its page XML already"]
