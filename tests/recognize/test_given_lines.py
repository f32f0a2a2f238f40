"""Reading along lines that are given: the Python API, and which file belongs to which image."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from helpers.tiny_model import write_tiny_model
from hwr.errors import InputError, UsageError
from hwr.files.documents import to_grey
from hwr.files.pixels import PageImage
from hwr.formats.read_file import load_xml_pages
from hwr.page.completing import rectangle
from hwr.page.outlines import encloses
from hwr.page.page import Line, Page, Region
from hwr.recognize.found_lines import with_words_inside
from hwr.recognize.given_lines import GivenLines, read_given
from hwr.recognize.recognizer import PageOptions, Recognizer
from hwr.segment import find_lines

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
PAGE = SAMPLES / "page.png"


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return Recognizer(write_tiny_model(tmp_path_factory.mktemp("model")), threads=1)


@pytest.fixture(scope="module")
def found(recognizer: Recognizer) -> Page:
    return recognizer.read(PAGE, options=PageOptions(rotate=0))  # random weights read equally badly in any direction


def test_a_layout_is_read_as_the_page_itself(recognizer: Recognizer, found: Page) -> None:
    assert recognizer.read(PAGE, lines=find_lines(to_grey(PAGE))) == found


def test_a_page_keeps_order_ids_regions_and_types_and_gets_new_texts(recognizer: Recognizer, found: Page) -> None:
    lines = tuple(
        replace(line, id=f"x{number}", region="main", type="heading", text="old", words=())
        for number, line in enumerate(reversed(found.lines))
    )
    regions = (Region("main", "marginalia", rectangle((0.0, 0.0, 50.0, 50.0))), Region("empty", "text", ()))
    given = replace(found, regions=regions, lines=lines, image="other.png", model="other")
    read = recognizer.read(PAGE, lines=given)
    again = recognizer.read(PAGE, lines=found)  # along the simplified outlines that a page has
    assert [line.id for line in read.lines] == [line.id for line in lines]
    assert {(line.region, line.type) for line in read.lines} == {("main", "heading")}
    assert [line.text for line in read.lines] == [line.text for line in reversed(again.lines)]
    assert [line.words for line in read.lines] == [line.words for line in reversed(again.lines)]
    assert read.regions[0] == regions[0] and (read.image, read.model) == (str(PAGE), found.model)


def test_words_are_inside_of_narrow_polygons_that_were_given(recognizer: Recognizer, found: Page) -> None:
    """As OCR-D's validator asks; a polygon that contains its words does not change."""

    def narrow(line: Line) -> Line:
        middle = sum(y for _, y in line.polygon) / len(line.polygon)
        return replace(line, polygon=tuple((x, middle + 0.6 * (y - middle)) for x, y in line.polygon))

    given = replace(found, lines=tuple(map(narrow, found.lines)))
    read = recognizer.read(PAGE, lines=given)
    assert any(
        not encloses(old.polygon, [w.box for w in new.words]) for old, new in zip(given.lines, read.lines, strict=True)
    )
    assert all(encloses(line.polygon, [word.box for word in line.words]) for line in read.lines)
    assert all(with_words_inside(line, (read.width, read.height)) is line for line in read.lines)


def test_a_page_for_a_smaller_image_reads_the_same_places(recognizer: Recognizer, found: Page) -> None:
    def scaled(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        return tuple((x / 2, y / 2) for x, y in points)

    lines = tuple(
        replace(line, baseline=scaled(line.baseline), polygon=scaled(line.polygon), words=()) for line in found.lines
    )
    small = replace(found, width=round(found.width / 2), height=round(found.height / 2), lines=lines, regions=())
    read = recognizer.read(PAGE, lines=small)
    again = recognizer.read(PAGE, lines=found)  # along the simplified outlines that a page has
    assert [line.text for line in read.lines] == [line.text for line in again.lines]
    assert np.allclose(read.lines[0].baseline, found.lines[0].baseline, atol=1)


def test_empty_lines_stay_and_lines_outside_or_too_large_are_left_out(recognizer: Recognizer, found: Page) -> None:
    blank = replace(found.lines[0], id="blank", polygon=rectangle((2.0, 2.0, 60.0, 20.0)), baseline=((2, 15), (60, 15)))
    outside = replace(found.lines[0], id="outside", polygon=rectangle((9000.0, 0.0, 9100.0, 30.0)))
    white = np.full((found.height, found.width), 255, np.uint8)
    read = recognizer.read(white, lines=replace(found, lines=(blank, outside)))
    assert [(line.id, line.text, line.words) for line in read.lines] == [("blank", "", ())]
    all_of_it = rectangle((0.0, 0.0, 5000.0, 5000.0))
    large = replace(found.lines[0], id="large", polygon=all_of_it, baseline=((0, 4000), (5000, 4000)))
    wide = np.full((5000, 5000), 255, np.uint8)
    assert recognizer.read(wide, lines=Page("", 5000, 5000, "", (), (large,))).lines == ()


def test_another_aspect_is_refused(recognizer: Recognizer, found: Page) -> None:
    with pytest.raises(InputError, match="another aspect"):
        recognizer.read(PAGE, lines=replace(found, width=found.height, height=found.width))


def write_xml(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(page_xml(page_region("r", page_line("l", 0, "x"))))
    return file


def test_files_of_the_same_stem_are_found_where_exports_have_them(tmp_path: Path) -> None:
    flat = write_xml(tmp_path / "a.xml")
    deep = write_xml(tmp_path / "doc" / "page" / "b.xml")
    ours = write_xml(tmp_path / "alto" / "c.alto.xml")
    given = GivenLines(tmp_path)
    given.check(several=True)
    assert given.file_of(Path("a.jpg")) == flat and given.file_of(Path("sub/a.jpg")) == flat
    assert given.file_of(Path("doc/b.tif")) == deep
    assert given.file_of(Path("c.png")) == ours
    whole = write_xml(tmp_path / "f.jpg.xml")
    assert GivenLines(tmp_path).file_of(Path("f.jpg")) == whole
    with pytest.raises(InputError, match=r"^d\.e\.png: no d\.e\.xml in "):
        given.file_of(Path("d.e.png"))


def test_one_file_for_several_images_is_refused(tmp_path: Path) -> None:
    given = GivenLines(write_xml(tmp_path / "a.xml"))
    given.check(several=False)
    assert given.file_of(Path("whatever.png")) == tmp_path / "a.xml"
    with pytest.raises(UsageError, match="one file for several images"):
        given.check(several=True)
    with pytest.raises(InputError, match="no such file or folder"):
        GivenLines(tmp_path / "none").check(several=False)


def test_what_is_left_out_and_scaled_is_said(recognizer: Recognizer, tmp_path: Path) -> None:
    lines = page_line("in", 100, "x", 100, 800) + page_line("out", 5000, "x") + '<TextLine id="nowhere"/>'
    file = tmp_path / "a.xml"
    file.write_bytes(page_xml(page_region("r", lines), size=(825, 1150)))
    page, notes, lost = read_given(recognizer, PAGE, Path("page.png"), GivenLines(file))
    assert [line.id for line in page.lines] == ["in"] and page.image == str(PAGE)
    assert notes == [
        f"{file}: made for another size; coordinates times 2",
        f"{file}: line 'out' left out: its polygon is outside the image",
        f"{file}: line 'nowhere' left out: it has neither a polygon nor a baseline",
        f"{file}: 2 of 3 lines left out",
    ]
    assert lost == 2


def test_alto_with_several_pages_goes_with_the_pages_of_a_document(recognizer: Recognizer, tmp_path: Path) -> None:
    blocks = [alto_block("b", alto_line(f"l{k}", 60 * k, "x")) for k in range(2)]
    body = f'{blocks[0]}</PrintSpace></Page><Page PHYSICAL_IMG_NR="3"><PrintSpace>{blocks[1]}'
    (tmp_path / "a.xml").write_bytes(alto_xml(body, image="a.pdf"))
    given = GivenLines(tmp_path / "a.xml")
    pixels = np.full((300, 400), 255, np.uint8)

    def lines_of(number: int, count: int) -> list[str]:
        image = PageImage("a.pdf", number, count, pixels)
        return [line.id for line in read_given(recognizer, image, Path("a.pdf"), given)[0].lines]

    assert [lines_of(1, 3), lines_of(3, 3)] == [["l0"], ["l1"]]
    with pytest.raises(InputError, match=r"a\.xml: none of its pages is for page 2$"):
        lines_of(2, 3)
    with pytest.raises(InputError, match=r"a\.xml: none of its pages is for a\.pdf$"):
        lines_of(1, 1)


def test_the_pages_of_a_document_have_files_of_their_own_or_one_together(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    def write(name: str, ids: Sequence[str]) -> None:
        blocks = [alto_block("b", alto_line(id, 60, "x")) for id in ids]
        (tmp_path / name).write_bytes(
            alto_xml('</PrintSpace></Page><Page PHYSICAL_IMG_NR="2"><PrintSpace>'.join(blocks))
        )

    def lines_of(number: int) -> list[str]:
        image = PageImage("a.pdf", number, 2, np.full((300, 400), 255, np.uint8))
        return [line.id for line in read_given(recognizer, image, Path("a.pdf"), GivenLines(tmp_path))[0].lines]

    with pytest.raises(InputError, match=r"^a\.pdf#2: no a-0002\.xml or a\.xml in "):
        lines_of(2)
    write("a.xml", ["first"])
    assert lines_of(1) == ["first"]
    with pytest.raises(InputError, match=r"a\.xml: none of its pages is for page 2$"):
        lines_of(2)  # not along the lines of the first page
    write("a.xml", ["first", "second"])
    assert [lines_of(1), lines_of(2)] == [["first"], ["second"]]
    write("a-0002.xml", ["own"])
    assert [lines_of(1), lines_of(2)] == [["first"], ["own"]]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_xml_pages(tmp_path)
