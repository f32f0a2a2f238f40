"""ALTO: valid, and what is read from it without our own reader."""

from dataclasses import replace
from pathlib import Path

import pytest

import hwr
from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import find_format, to_bytes
from hwr.formats.read_file import read_page_file
from hwr.page.page import Page

etree = pytest.importorskip("lxml.etree")

NS = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}


def root_of(page: Page):  # type: ignore[no-untyped-def]
    return etree.fromstring(to_bytes(find_format("alto"), page))


def pairs(text: str) -> list[tuple[float, float]]:
    """Read points as eScriptorium does: numbers between single spaces."""
    values = [float(value) for value in text.split(" ")]
    return list(zip(values[::2], values[1::2], strict=True))


def box_of(element) -> list[float]:  # type: ignore[no-untyped-def]
    x, y, width, height = (float(element.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    return [x, y, x + width, y + height]


def test_valid(alto_faults) -> None:  # type: ignore[no-untyped-def]
    for page in (RICH, EMPTY, ODD):
        assert alto_faults(to_bytes(find_format("alto"), page)) == []
    assert alto_faults(to_bytes(find_format("alto"), RICH).replace(b' CONTENT="Dear"', b""))


def test_valid_for_pages_from_elsewhere(alto_faults, shared: Path) -> None:  # type: ignore[no-untyped-def]
    paths = sorted((shared / "pages").glob("*/*.xml"))
    if not paths:
        pytest.skip("no pages found in ../shared/data/pages")
    for path in paths:
        page = read_page_file(path.read_bytes(), path.name)
        assert alto_faults(to_bytes(find_format("alto"), page)) == [], path.name


def test_lines_with_all_that_belongs_to_them() -> None:
    root = root_of(RICH)
    lines = root.findall(".//a:TextLine", NS)
    assert [line.get("ID") for line in lines] == [line.id for line in RICH.lines]
    for element, line in zip(lines, RICH.lines, strict=True):
        assert pairs(element.get("BASELINE")) == list(line.baseline)
        assert pairs(element.find("a:Shape/a:Polygon", NS).get("POINTS")) == list(line.polygon)
        assert element.getparent().get("ID") == line.region
        assert " ".join(string.get("CONTENT") for string in element.iterfind("a:String", NS)) == line.text
        if line.words:
            strings = element.findall("a:String", NS)
            assert len(element.findall("a:SP", NS)) == len(strings) - 1
            for string, word in zip(strings, line.words, strict=True):
                assert box_of(string) == pytest.approx(word.box, abs=0.11)
                assert float(string.get("WC")) == pytest.approx(word.confidence, rel=1e-3)
    assert box_of(lines[0]) == [60, 50, 640, 125]
    assert float(lines[3].find("a:String", NS).get("WC")) == 0.6, "a line's own, where its words are not known"
    gap = lines[0].find("a:SP", NS)
    assert (float(gap.get("HPOS")), float(gap.get("WIDTH"))) == pytest.approx((180, 20.4))


def test_types_are_the_first_tag() -> None:
    root = root_of(RICH)
    labels = {tag.get("ID"): tag.get("LABEL") for tag in root.iterfind("a:Tags/a:OtherTag", NS)}

    def kinds(name: str) -> list[str | None]:
        return [
            labels.get((element.get("TAGREFS") or "").split(" ")[0]) for element in root.iter(f"{{{NS['a']}}}{name}")
        ]

    assert kinds("TextBlock") == [None, "marginalia", "MainZone:column#1", "GraphicZone; of {two}"]
    assert kinds("TextLine") == [None, "heading two", None, None, None]
    marked = [string.get("CONTENT") for string in root.iterfind(".//a:String[@TAGREFS]", NS)]
    assert marked == ["<friends>", "&", "—"] and kinds("String").count("uncertain") == 3


def test_confidences_of_lines_are_in_a_tag() -> None:
    root = root_of(RICH)
    found = {line.get("id"): float(line.get("confidence")) for line in root.iter("{urn:hwr:confidences}line")}
    assert found == {"l1": 0.8125, "l2": 1.234e-5, "note": 0.5}
    assert root_of(EMPTY).find("a:Tags", NS) is None


def test_what_it_was_read_from_and_by() -> None:
    root = root_of(replace(RICH, image=f"scans/{RICH.image}"))
    description = root.find("a:Description", NS)
    assert description.findtext("a:MeasurementUnit", None, NS) == "pixel"
    assert description.findtext("a:sourceImageInformation/a:fileName", None, NS) == 'page é & "co".png'
    step = description.find("a:Processing", NS)
    assert step.findtext("a:processingStepSettings", None, NS) == "model: small <2>"
    assert step.findtext("a:processingSoftware/a:softwareName", None, NS) == "hwr"
    assert step.findtext("a:processingSoftware/a:softwareVersion", None, NS) == hwr.__version__
    page = root.find("a:Layout/a:Page", NS)
    assert (page.get("WIDTH"), page.get("HEIGHT")) == ("800", "600")


def test_escriptorium_takes_the_version() -> None:
    root = root_of(RICH)
    place = root.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation").split()[1]
    assert place == "http://www.loc.gov/standards/alto/v4/alto-4-2.xsd" and root.nsmap[None] == NS["a"]
