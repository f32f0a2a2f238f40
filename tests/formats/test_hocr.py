"""hOCR, read by a parser of XML and by one of HTML."""

import re
from io import BytesIO

import pytest

from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import find_format, to_bytes
from hwr.page.page import Page

etree = pytest.importorskip("lxml.etree")
html = pytest.importorskip("lxml.html")

HOCR = find_format("hocr")
X = {"x": "http://www.w3.org/1999/xhtml"}


def write(*pages: Page) -> bytes:
    file = BytesIO()
    writer = HOCR.open(file)
    for page in pages:
        writer.add(page, None, 300.0)
    writer.close()
    return file.getvalue()


def properties(element) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    """The attribute `title` taken apart; no name of an image in these tests has a semicolon."""
    return {part.split()[0]: part.split()[1:] for part in element.get("title").split("; ")}


def of_class(root, name: str):  # type: ignore[no-untyped-def]
    return root.xpath(f"//*[@class='{name}']")


def test_all_words_for_both_parsers() -> None:
    data = write(RICH)
    expected = [word for line in RICH.lines for word in line.text.split(" ") if word]
    for root in (etree.fromstring(data), html.fromstring(data)):
        assert [word.text for word in of_class(root, "ocrx_word")] == expected
        text = [" ".join("".join(line.itertext()).split()) for line in of_class(root, "ocr_line")]
        assert text == [line.text for line in RICH.lines]


def test_places() -> None:
    root = etree.fromstring(write(RICH))
    (page,) = of_class(root, "ocr_page")
    assert page.get("title").startswith("image \"page é & 'co'.png\"; bbox 0 0 800 600; ppageno 0")
    assert properties(page)["scan_res"] == ["300", "300"]
    lines = of_class(root, "ocr_line")
    first, second = properties(lines[0]), properties(lines[1])
    assert first["bbox"] == ["60", "50", "640", "125"] and first["x_wconf"] == ["81"]
    assert [float(value) for value in first["baseline"]] == [0, -25]
    assert float(first["x_size"][0]) == pytest.approx(50 / 0.75, rel=0.02)
    slope, offset = (float(value) for value in second["baseline"])
    left, _, _, bottom = (int(value) for value in second["bbox"])
    for x, y in RICH.lines[1].baseline:
        assert bottom + offset + slope * (x - left) == pytest.approx(y, abs=3), "the bend is evened out"
    assert second["poly"][:4] == ["110", "200", "300", "210"]
    words = of_class(root, "ocrx_word")
    assert properties(words[1]) == {"bbox": ["200", "55", "400", "120"], "x_wconf": ["25"]}


def test_the_tree_is_that_of_tesseract() -> None:
    root = etree.fromstring(write(RICH))
    assert [len(of_class(root, name)) for name in ("ocr_carea", "ocr_par", "ocr_line")] == [3, 3, 5]
    for word in of_class(root, "ocrx_word"):
        around = [element.get("class") for element in word.iterancestors()][:4]
        assert around == ["ocr_line", "ocr_par", "ocr_carea", "ocr_page"]
    kinds = [area.get("data-type") for area in of_class(root, "ocr_carea")]
    assert kinds == [None, "marginalia", "MainZone:column#1"]
    assert of_class(root, "ocr_line")[1].get("data-type") == "heading two"


def test_uncertain_words_keep_their_class() -> None:
    marked = etree.fromstring(write(RICH)).xpath("//*[@class='ocrx_word'][@data-uncertain='true']")
    assert [word.text for word in marked] == ["<friends>", "&", "—"]


def test_the_pages_of_a_document() -> None:
    root = etree.fromstring(write(RICH, EMPTY, RICH))
    pages = of_class(root, "ocr_page")
    assert [properties(page)["ppageno"] for page in pages] == [["0"], ["1"], ["2"]]
    ids = root.xpath("//@id")
    assert len(ids) == len(set(ids)) > 20
    assert etree.fromstring(write()).find(".//x:body", X) is not None


def test_the_head_names_the_program() -> None:
    root = etree.fromstring(to_bytes(HOCR, RICH))
    system, capabilities = (root.find(f".//x:meta[@name='{name}']", X) for name in ("ocr-system", "ocr-capabilities"))
    assert re.fullmatch(r"hwr \S+, model small <2>", system.get("content"))
    used = set(root.xpath("//@class"))
    assert used <= set(capabilities.get("content").split())


def test_what_no_xml_can_hold() -> None:
    root = etree.fromstring(write(ODD))
    assert of_class(root, "ocrx_word")[0].text == "a\ufffdb\ufffd\ufffdc"
