"""XML that is broken, hostile or of another kind: one clear line with file and place."""

import time
from pathlib import Path

import pytest

from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from hwr.errors import InputError
from hwr.formats import read_xml
from hwr.formats.read_file import HEAD, page_kind, read_page_file, read_xml_pages

GOOD = page_xml(page_region("r", page_line("l", 0, "text")))


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_page_file(data, "a.xml")
    message = str(caught.value)
    assert message.startswith("a.xml") and "\n" not in message and len(message) < 200
    return message


@pytest.mark.parametrize("cut", [50, 200, 400, len(GOOD) - 5])
def test_truncated_at_any_place(cut: int) -> None:
    assert "broken XML" in refusal(GOOD[:cut]) and "line " in refusal(GOOD[:cut])


def test_empty_and_no_xml_at_all() -> None:
    assert refusal(b"") == refusal(b" \n") == "a.xml: the file is empty"
    assert refusal(b"\x89PNG\r\n\x1a\n....") == "a.xml: not an XML file"
    assert refusal(b"just text") == "a.xml: not an XML file"


def test_another_root() -> None:
    assert "root element is 'html'; expected PAGE XML (PcGts) or ALTO" in refusal(b"<html><body/></html>")


ENTITIES = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 10))
BOMB = f'<!DOCTYPE b [<!ENTITY a0 "dear">{ENTITIES}]><PcGts><Page>&a9;</Page></PcGts>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB.encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><PcGts><Page>&x;</Page></PcGts>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><PcGts/>',
    ],
)
def test_entities_of_every_kind_are_refused(data: bytes) -> None:
    assert refusal(data) == "a.xml, line 1: defines its own entities; such files are refused"


def test_size_depth_and_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more than 100 elements inside one another" in refusal(b"<PcGts>" + b"<a>" * 100_000)
    assert "more than 20,000 lines of writing" in refusal(b"<PcGts>" + b"<TextLine/>" * 20_001 + b"</PcGts>")
    assert "more than 10,000 pages" in refusal(b"<PcGts>" + b"<Page/>" * 10_001 + b"</PcGts>")
    assert "more than 10,000 pages" in refusal(b"<alto><Layout>" + b"<Page/>" * 10_001 + b"</Layout></alto>")
    monkeypatch.setattr(read_xml, "MAX_ELEMENTS", 1000)
    assert "more than 1,000 elements" in refusal(b"<PcGts>" + b"<a/>" * 1001 + b"</PcGts>")
    monkeypatch.setattr(read_xml, "MAX_BYTES", 2**20)
    assert refusal(b"<PcGts>" + b" " * 2**20) == "a.xml: more than 1 MiB of XML are not read"
    monkeypatch.setattr(read_xml, "MAX_POINTS", 10)
    line = f'<TextLine id="l"><Coords points="{"1,2 3,4 " * 6}"/></TextLine>'
    assert read_page_file(page_xml(page_region("r", line)), "a.xml").notes == (("l", read_xml.BAD_OUTLINE),)


def test_nested_regions_get_short_ids() -> None:
    depth = 90
    page = read_page_file(page_xml("<TextRegion>" * depth + page_line("l", 0, "x") + "</TextRegion>" * depth), "a.xml")
    assert len(page.lines) == 1 and max(len(region.id) for region in page.regions) < 200


def test_the_time_of_many_pages_grows_with_the_file() -> None:
    order = b"<ReadingOrder>" + b'<ElementRef REF="x"/>' * 50_000 + b"</ReadingOrder>"
    started = time.process_time()
    pages = read_xml_pages(b"<alto>" + order + b"<Layout>" + b"<Page/>" * 5000 + b"</Layout></alto>", "a.xml")
    assert len(pages) == 5000 and time.process_time() - started < 5


@pytest.mark.parametrize("unit", ["a", "a{", "{", "a {b:"])
def test_the_time_of_a_long_attribute_grows_with_its_length(unit: str) -> None:
    def seconds(repeats: int) -> float:
        content = page_xml(page_region("r", page_line("l", 0, "x"), f'custom="{unit * repeats}"'))
        times = []
        for _ in range(3):
            start = time.process_time()
            assert read_page_file(content, "a.xml").regions[0].type == "text"
            times.append(time.process_time() - start)
        return min(times)

    # Eight times as long: linear time is at most 8 times, quadratic time 64 times as much.
    assert seconds(400_000) < 24 * seconds(50_000)


def test_encodings() -> None:
    text = GOOD.decode().replace(">text<", ">caf\u00e9<")
    for encoding in ("utf-16", "latin-1", "utf-8-sig"):
        declared = text.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"')
        data = declared.encode(encoding)
        assert read_page_file(data, "a.xml").lines[0].text == "caf\u00e9"
        assert page_kind(data[:HEAD]) == "page"
    assert "the encoding 'klingon'" in refusal(text.replace("UTF-8", "klingon").encode())
    assert "the encoding 'punycode'" in refusal(text.replace("UTF-8", "punycode").encode())


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("utf8", "utf-8"),  # as ElementTree.write(encoding="utf8") declares it
        ("utf-16", "utf-8"),  # as a StringWriter of .NET declares it
        ("UTF-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("UTF-32", "utf-32"),
        ("cp850", "cp850"),
        ("Shift_JIS", "shift_jis"),
    ],
)
def test_encodings_that_are_declared_otherwise(declared: str, encoding: str) -> None:
    word = "\u304b" if encoding == "shift_jis" else "caf\u00e9"
    text = GOOD.decode().replace(">text<", f">{word}<").replace('encoding="UTF-8"', f'encoding="{declared}"')
    data = text.encode(encoding)
    assert page_kind(data[:HEAD]) == "page"
    assert read_page_file(data, "a.xml").lines[0].text == word


@pytest.mark.parametrize("wrapped", [b"\n  %s", b"\xef\xbb\xbf\xef\xbb\xbf%s", b"%s\0\0\n"])
def test_what_other_programs_put_around_a_file(wrapped: bytes) -> None:
    assert read_page_file(wrapped % GOOD, "a.xml").lines[0].text == "text"


@pytest.mark.parametrize(
    "wrong", [b"caf\xe9", b"a\x01b", b"a\0b", b"&#1;", b"&#xD800;", b"&#x110000;", b"\xed\xa0\x80"]
)
@pytest.mark.parametrize("form", ["page", "alto"])
def test_bytes_that_are_not_text_cost_only_their_line(wrong: bytes, form: str) -> None:
    if form == "page":
        data = page_xml(page_region("r", page_line("l0", 0, "one") + page_line("l1", 60, "WRONG")))
    else:
        data = alto_xml(alto_block("b", alto_line("l0", 0, "one") + alto_line("l1", 60, "WRONG")))
    page = read_page_file(data.replace(b"WRONG", wrong), "a.xml")
    assert [line.text for line in page.lines] == ["one"]
    [(id, reason)] = page.left_out
    assert id == "l1" and "not in the file's encoding" in reason


def test_the_place_of_an_error_is_that_in_the_file() -> None:
    assert "line 4, column 3:" in refusal(b'\n<?xml version="1.0"\n?><PcGts>\n</Page></PcGts>')


def test_the_kind_is_known_from_the_head() -> None:
    assert page_kind(GOOD[:300]) == "page" and page_kind(alto_xml("")) == "alto"
    assert page_kind(b"<?xml version='1.0'?><!-- <alto> --><!DOCTYPE x><pc:PcGts xmlns:pc='x'>") == "page"
    assert page_kind(b"<mets:mets>") is None and page_kind(b"") is None and page_kind(b"<?xml <!-- ") is None


def test_the_kind_is_known_after_a_long_comment() -> None:
    assert page_kind((b"<!--" + b" licence" * 1000 + b"-->\n<PcGts/>")[:HEAD]) == "page"


def test_real_files_have_the_texts_in_them(shared: Path) -> None:
    """An obvious twin: the texts by regular expressions, in the order of the files."""
    import html
    import re

    files = sorted((shared / "pages").glob("*/*.xml"))
    assert len(files) == 10
    for file in files:
        source = file.read_text(encoding="utf-8")
        if "<PcGts" in source:
            lines = re.findall(r"<TextLine .*?</TextLine>", source, re.DOTALL)
            expected = ["".join(re.findall(r"<Unicode>(.*?)</Unicode>", line, re.DOTALL)) for line in lines]
        else:
            expected = re.findall(r'<String\s[^>]*?CONTENT="(.*?)"', source, re.DOTALL)
        page = read_page_file(file.read_bytes(), str(file))
        assert [line.text for line in page.lines] == [html.unescape(text).strip() for text in expected], file
        assert all(line.baseline and line.polygon for line in page.lines)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Smith & Co", "Smith & Co"),
        ("caf&eacute;&nbsp;au lait", "caf\xe9\xa0au lait"),
        ("a &amp; b &lt; c &#233;&#xe9;", "a & b < c \xe9\xe9"),
        ("Q&A, R&", "Q&A, R&"),
        ("&LT;b&GT;", "<b>"),
        ("<![CDATA[a & b &eacute;]]>", "a & b &eacute;"),
    ],
)
def test_references_and_signs_as_careless_programs_write_them(written: str, text: str) -> None:
    page = read_page_file(page_xml(page_region("r", page_line("l", 0, written)), image="a&b.png"), "a.xml")
    assert ([line.text for line in page.lines], page.image) == ([text], "a&b.png")


@pytest.mark.parametrize("wrong", ["&unheard;", "&#99999999999;", "&#x;", "&#x110000;"])
def test_an_unknown_reference_costs_only_its_line(wrong: str) -> None:
    body = page_line("l", 0, f"a{wrong}b") + page_line("m", 60, "good")
    page = read_page_file(page_xml(page_region("r", body)), "a.xml")
    assert [line.text for line in page.lines] == ["good"] and [id for id, _ in page.left_out] == ["l"]
