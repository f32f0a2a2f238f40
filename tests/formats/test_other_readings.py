"""Other readings and the languages of lines, in the formats that hold them."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from helpers.written_pages import RICH
from hwr.formats import find_format, to_bytes
from hwr.formats.json import SCHEMA
from hwr.formats.read_file import read_page_file
from hwr.page.page import ROW_REGION, Alternative, Page

OTHERS = (Alternative("Deer", 0.2), Alternative("<&>", 0.0125))


def page() -> Page:
    """A page whose first word and first line have other readings, and whose second line is in another language."""
    first, second, *lines = RICH.lines[:-1]
    words = (replace(first.words[0], alternatives=OTHERS), *first.words[1:])
    line = replace(first, words=words, language="en", alternatives=(Alternative("Deer friends", 0.1),))
    others = [replace(line, language="en") for line in lines]
    return replace(RICH, language="en", lines=(line, replace(second, language="fr"), *others))


def written(name: str) -> bytes:
    return to_bytes(find_format(name), page())


def test_text_has_other_readings_of_a_line_below_it() -> None:
    first, second, *_ = written("text").decode().splitlines()
    assert first == "Dear [<friends>?] [&?] “co”" and second == "    0.10 Deer friends"
    row = replace(page(), regions=tuple(replace(region, type=ROW_REGION) for region in RICH.regions))
    first, second, *_ = to_bytes(find_format("text"), row).decode().splitlines()
    assert first.count("\t") == 1 and first.startswith("Dear") and second == "    0.10 Deer friends"


def test_json() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(written("json")), json.loads(SCHEMA.read_text()))
    data = json.loads(written("json"))
    assert data["lines"][0]["words"][0]["alternatives"] == [
        {"text": "Deer", "confidence": 0.2},
        {"text": "<&>", "confidence": 0.0125},
    ]
    assert data["lines"][0]["alternatives"] == [{"text": "Deer friends", "confidence": 0.1}]
    assert "alternatives" not in data["lines"][1]
    assert [line.get("language") for line in data["lines"]] == [None, "fr", None, None]


def test_alto(alto_faults) -> None:  # type: ignore[no-untyped-def]
    assert alto_faults(written("alto")) == []
    root = ElementTree.fromstring(written("alto"))
    string = next(root.iterfind(".//{*}String"))
    assert [(other.text, other.get("PURPOSE")) for other in string.iterfind("{*}ALTERNATIVE")] == [
        ("Deer", "confidence 0.2"),
        ("<&>", "confidence 0.0125"),
    ]
    assert [line.get("LANG") for line in root.iterfind(".//{*}TextLine")][:2] == ["en", "fr"]


def test_page() -> None:
    root = ElementTree.fromstring(written("page"))
    texts = next(root.iterfind(".//{*}Word")).findall("{*}TextEquiv")
    assert [(text.get("index"), text.get("conf"), text[0].text) for text in texts] == [
        ("0", "0.9965", "Dear"),
        ("1", "0.2", "Deer"),
        ("2", "0.0125", "<&>"),
    ]
    lines = list(root.iterfind(".//{*}TextLine"))
    assert [line.get("primaryLanguage") for line in lines][:2] == ["English", "French"]
    assert [text[0].text for text in lines[0].findall("{*}TextEquiv")] == [RICH.lines[0].text, "Deer friends"]


def test_hocr() -> None:
    root = ElementTree.fromstring(written("hocr"))
    words = [element for element in root.iterfind(".//{*}span") if element.get("class") == "ocrx_word"]
    (group,) = words[0]
    assert group.get("class") == "alternatives" and not words[0].text.strip()
    assert [(item.tag.split("}")[1], item.text, item.get("title")) for item in group] == [
        ("ins", "Dear", "nlp 0.003506"),
        ("del", "Deer", "nlp 1.609"),
        ("del", "<&>", "nlp 4.382"),
    ]
    assert words[1].text == "<friends>"
    lines = [element for element in root.iterfind(".//{*}span") if element.get("class") == "ocr_line"]
    assert [line.get("lang") for line in lines][:2] == [None, "fr"]


def test_what_is_read_back_is_the_chosen_text() -> None:
    for name in ("alto", "page"):
        again = read_page_file(written(name), name)
        assert [line.text for line in again.lines] == [line.text for line in RICH.lines[:-1]]
        assert again.lines[0].words[0].text == "Dear"
