"""PAGE XML: valid, and what is read from it without our own reader."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import hwr
from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import find_format, to_bytes
from hwr.formats.read_file import read_page_file
from hwr.page.page import Page

etree = pytest.importorskip("lxml.etree")

PC = {"pc": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}


def root_of(page: Page, dpi: float | None = None):  # type: ignore[no-untyped-def]
    return etree.fromstring(to_bytes(find_format("page"), page, None, dpi))


def points(element) -> list[list[int]]:  # type: ignore[no-untyped-def]
    return [[int(value) for value in pair.split(",")] for pair in element.get("points").split(" ")]


def test_valid(page_faults) -> None:  # type: ignore[no-untyped-def]
    for page in (RICH, EMPTY, ODD):
        assert page_faults(to_bytes(find_format("page"), page, None, 300.0)) == []
    assert page_faults(to_bytes(find_format("page"), RICH).replace(b'id="l1"', b'id="r1"'))


def test_valid_for_pages_from_elsewhere(page_faults, shared: Path) -> None:  # type: ignore[no-untyped-def]
    paths = sorted((shared / "pages").glob("*/*.xml"))
    if not paths:
        pytest.skip("no pages found in ../shared/data/pages")
    for path in paths:
        page = read_page_file(path.read_bytes(), path.name)
        assert page_faults(to_bytes(find_format("page"), page)) == [], path.name


def test_lines_with_all_that_belongs_to_them() -> None:
    root = root_of(RICH)
    lines = root.findall(".//pc:TextLine", PC)
    assert [line.get("id") for line in lines] == [line.id for line in RICH.lines]
    for element, line in zip(lines, RICH.lines, strict=True):
        assert points(element.find("pc:Baseline", PC)) == [[round(x), round(y)] for x, y in line.baseline]
        assert points(element.find("pc:Coords", PC)) == [[round(x), round(y)] for x, y in line.polygon]
        assert (element.findtext("pc:TextEquiv/pc:Unicode", "", PC)) == line.text
        assert element.getparent().get("id") == line.region
        words = element.findall("pc:Word", PC)
        assert [word.findtext("pc:TextEquiv/pc:Unicode", None, PC) for word in words] == [w.text for w in line.words]
        for word, expected in zip(words, line.words, strict=True):
            assert float(word.find("pc:TextEquiv", PC).get("conf")) == pytest.approx(expected.confidence, rel=1e-3)
            corners, (x0, y0, x1, y1) = points(word.find("pc:Coords", PC)), map(round, expected.box)
            assert corners == [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    assert float(lines[1].find("pc:TextEquiv", PC).get("conf")) == 1.234e-5
    assert lines[4].find("pc:TextEquiv", PC) is None, "a line that was not read has no text"


def test_order_is_said_twice() -> None:
    root = root_of(RICH)
    order = [ref.get("regionRef") for ref in root.iterfind(".//pc:RegionRefIndexed", PC)]
    assert order == [region.get("id") for region in root.iterfind(".//pc:TextRegion", PC)]
    assert order == ["r1", "r2", "eSc_textblock_3", "empty"]
    notes = [line.get("custom") for line in root.iterfind(".//pc:TextLine", PC)]
    assert [re.search(r"readingOrder {index:(\d);}", note)[1] for note in notes] == list("01001")  # type: ignore[index]
    mixed = root_of(replace(RICH, lines=(RICH.lines[2], *RICH.lines[:2])))
    assert [ref.get("regionRef") for ref in mixed.iterfind(".//pc:RegionRefIndexed", PC)][:2] == ["r2", "r1"]


def test_types_as_the_editors_read_them() -> None:
    root = root_of(RICH)
    regions = root.findall(".//pc:TextRegion", PC)
    assert [region.get("type") for region in regions] == [None, "marginalia", None, None]
    assert regions[0].get("custom") is None
    assert regions[2].get("custom") == "structure {type:MainZone:column#1;}"
    assert regions[3].get("custom") == r"structure {type:GraphicZone\u003b of \u007btwo\u007d;}"
    custom = root.findall(".//pc:TextLine", PC)[1].get("custom")
    # eScriptorium takes all from `type:` to the last semicolon
    assert custom[custom.index("type:") + 5 : custom.rindex(";")] == "heading two"


def test_uncertain_words_are_unclear_in_line_and_word() -> None:
    root = root_of(RICH)
    line = root.find(".//pc:TextLine", PC)
    spans = re.findall(r"unclear {offset:(\d+); length:(\d+);}", line.get("custom"))
    assert [RICH.lines[0].text[int(o) : int(o) + int(n)] for o, n in spans] == ["<friends>", "&"]
    assert ["unclear" in word.get("custom") for word in line.iterfind("pc:Word", PC)] == [False, True, True, False]


def test_what_it_was_read_from_and_by() -> None:
    root = root_of(replace(RICH, image=f"scans/{RICH.image}"), 300.0)
    page = root.find("pc:Page", PC)
    assert page.get("imageFilename") == 'page é & "co".png', "editors look for the name without its folder"
    assert (page.get("imageWidth"), page.get("imageHeight")) == ("800", "600")
    assert (page.get("imageXResolution"), page.get("imageResolutionUnit")) == ("300", "PPI")
    assert root.findtext("pc:Metadata/pc:Creator", None, PC) == f"hwr {hwr.__version__}"
    model = root.find("pc:Metadata/pc:MetadataItem", PC)
    assert (model.get("type"), model.get("name"), model.get("value")) == ("processingStep", "model", "small <2>")
    assert root_of(RICH).find("pc:Page", PC).get("imageXResolution") is None


def test_the_default_namespace_has_no_prefix() -> None:
    assert root_of(RICH).nsmap[None] == PC["pc"], "eScriptorium looks for it there"
