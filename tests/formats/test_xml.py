"""Characters, ids and numbers in XML, against expat and libxml2."""

from xml.etree import ElementTree

import pytest

from helpers.written_pages import RICH
from hwr.formats import xml
from hwr.formats.xml import Ids, base_name, clean, decimal, now, probability, whole_box, whole_points

etree = pytest.importorskip("lxml.etree")

IDS = etree.XMLSchema(
    etree.fromstring(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="all"><complexType><sequence>'
        '<element name="one" maxOccurs="unbounded"><complexType><attribute name="id" type="ID" use="required"/>'
        "</complexType></element></sequence></complexType></element></schema>"
    )
)


def test_clean_leaves_what_a_parser_takes_and_nothing_else() -> None:
    edges = [0, 8, 9, 10, 11, 12, 13, 14, 31, 32, 0x7F, 0x85, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF]
    for character in map(chr, edges):
        try:
            ElementTree.fromstring(f"<a>{'&lt;' if character == '<' else character}</a>")
            accepted = True
        except ElementTree.ParseError:
            accepted = False
        # expat lets the two last code points of the first plane pass, which the standard forbids
        assert clean(character) == (character if accepted and character not in "\ufffe\uffff" else "\ufffd")
    assert clean("\udcff\ud800") == "\ufffd\ufffd"
    assert clean("<&>\"'é𝔘") == "<&>\"'é𝔘"


def test_ids_are_valid_and_unique() -> None:
    wishes = ["r1", "r1", "r1", "r1_2", "é1", "漢字", "1", "a b", "a_b"]
    wishes += ["", "-x", "x:y", "\x00", "·", "𝔘", "a.b-c", "_"]
    ids = Ids()
    given = [ids.claim(wish) for wish in wishes]
    root = etree.Element("all")
    for id in given:
        etree.SubElement(root, "one", id=id)
    assert IDS.validate(root), IDS.error_log
    assert given[:5] == ["r1", "r1_2", "r1_3", "r1_2_2", "é1"] and "a.b-c" in given and "漢字" in given


def test_numbers() -> None:
    assert [decimal(value) for value in (3, 3.04, 3.06, -0.01, 123456.78)] == ["3", "3", "3.1", "0", "123456.8"]
    assert [probability(value) for value in (0, 1, 0.123456, 1.23456e-7)] == ["0", "1", "0.1235", "1.235e-07"]
    for wrong in (float("nan"), -0.1, 1.01):
        with pytest.raises(ValueError, match="confidence"):
            probability(wrong)


def test_whole_pixels_lie_on_the_page() -> None:
    assert whole_points([(-1, 3.4), (0.2, 3), (900, 599.7)], RICH) == [(0, 3), (800, 600)]
    assert whole_points([(1.1, 1), (1, 1)], RICH) == [(1, 1), (1, 1)], "schemas want two points at least"
    assert whole_box((1.2, 2.6, 1.3, 9.9)) == (1, 3, 2, 10)


def test_names_of_images() -> None:
    assert base_name("scans/a/001.png") == "001.png" and base_name("image") == "image" and base_name("") == ""
    assert base_name("book.pdf#3") == "book.pdf#3"


def test_the_time_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert now() == "1970-01-02T00:00:00Z"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert now() > "2024" and xml.SOFTWARE.startswith("hwr ")
