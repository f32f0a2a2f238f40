"""Text and JSON of a page; the JSON against its schema."""

import json
import os
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from helpers.written_pages import ODD, RICH
from hwr.errors import UsageError
from hwr.formats import FORMATS, find_format, to_bytes
from hwr.formats.json import SCHEMA, write_json
from hwr.page.page import ROW_REGION, Line, Page, Region, Word, mark_uncertain

BOX = ((0.0, 0.0), (100.0, 0.0), (100.0, 40.04), (0.0, 40.0))
PAGE = Page(
    "scan é.png",
    100,
    60,
    "small",
    (Region("r1", "text", BOX),),
    (
        Line("l1", "r1", "default", "Où est-ce", 0.87654321, ((1.0, 30.0), (99.0, 31.26)), BOX,
             (Word("Où", 0.9, (1.0, 2.0, 30.0, 33.0)), Word("est-ce", 0.8, (34.0, 2.0, 99.0, 33.0)))),
        Line("l2", "r1", "default", "\u201cla\u201d", 1.0, ((1.0, 50.0), (99.0, 51.0)), BOX),
    ),
)  # fmt: skip
EMPTY = Page("blank.png", 10, 10, "small", (), ())


def to_text(page: Page) -> str:
    return to_bytes(find_format("text"), page).decode()


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    data = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(data)
    return Draft202012Validator(data)


def test_text_is_a_line_a_line() -> None:
    assert to_text(PAGE) == "Où est-ce\n\u201cla\u201d\n"
    assert to_text(EMPTY) == ""


def test_json_keeps_the_contract(schema: Draft202012Validator) -> None:
    for page in (PAGE, EMPTY):
        written = write_json(page)
        assert written.count("\n") == 1 and written.endswith("\n")
        schema.validate(json.loads(written))
    data = json.loads(write_json(PAGE))
    assert list(data) == [
        "image", "width", "height", "rotation", "model", "language", "warnings", "regions", "lines",
    ]  # fmt: skip
    assert (data["rotation"], data["language"], data["warnings"]) == (0, None, [])
    turned = json.loads(write_json(replace(PAGE, rotation=90, language="fr", warnings=("pale",))))
    schema.validate(turned)
    assert (turned["rotation"], turned["language"], turned["warnings"]) == (90, "fr", ["pale"])
    assert data["regions"] == [{"id": "r1", "type": "text", "polygon": [[0, 0], [100, 0], [100, 40], [0, 40]]}]
    line = data["lines"][0]
    assert line["text"] == "Où est-ce" and line["confidence"] == 0.8765
    assert line["baseline"] == [[1, 30], [99, 31.3]]
    assert line["words"][1] == {"text": "est-ce", "confidence": 0.8, "box": [34, 2, 99, 33]}
    assert "Où" in write_json(PAGE), "letters stand as they are"


def test_uncertain_words_are_marked(schema: Draft202012Validator) -> None:
    marked = mark_uncertain(PAGE, 0.85)
    assert to_text(marked) == "Où [est-ce?]\n\u201cla\u201d\n"
    data = json.loads(write_json(marked))
    schema.validate(data)
    assert [word.get("uncertain") for word in data["lines"][0]["words"]] == [None, True]
    assert data["lines"][0]["text"] == "Où est-ce", "the text itself stays as it was read"
    assert mark_uncertain(PAGE, 0.8) == PAGE, "a word of just this confidence is not below it"
    assert mark_uncertain(marked, 0.0) == PAGE


def test_small_probabilities_stay_apart() -> None:
    lines = [Line("l1", "r1", "default", "a", value, BOX[:2], BOX) for value in (1.23456e-7, 1.23466e-9, 0.0, 1.0)]
    data = json.loads(write_json(Page("a", 1, 1, "m", (), tuple(lines))))
    assert [line["confidence"] for line in data["lines"]] == [1.235e-7, 1.235e-9, 0.0, 1.0]


def test_the_schema_refuses_what_is_wrong(schema: Draft202012Validator) -> None:
    data = json.loads(write_json(PAGE))
    data["lines"][0]["confidence"] = 1.5
    data["lines"][1]["baseline"] = [[1, 2]]
    data["lines"][1]["extra"] = 1
    del data["model"]
    assert len(list(schema.iter_errors(data))) == 4


def test_a_confidence_that_is_not_a_number_is_never_written() -> None:
    line = Line("l1", "r1", "default", "a", float("nan"), BOX[:2], BOX)
    with pytest.raises(ValueError, match="JSON"):
        write_json(Page("a", 1, 1, "m", (), (line,)))


def test_formats_are_found_by_name() -> None:
    assert find_format("text") is FORMATS["text"] and all(name == entry.name for name, entry in FORMATS.items())
    with pytest.raises(UsageError, match=r"'docx'; known: text, markdown, json"):
        find_format("docx")


def test_no_result_is_named_like_an_input() -> None:
    suffixes = [entry.suffix for entry in FORMATS.values()]
    assert len(set(suffixes)) == len(suffixes)
    for suffix in suffixes:
        assert suffix.startswith(".") and suffix not in (".png", ".xml")


def test_the_pages_of_a_document_follow_each_other() -> None:
    file = BytesIO()
    for name in ("text", "json"):
        writer = find_format(name).open(file)
        for page in (PAGE, EMPTY, PAGE):
            writer.add(page, None, None)
        writer.close()
    text = "Où est-ce\n\u201cla\u201d\n"
    joined = "".join(write_json(page) for page in (PAGE, EMPTY, PAGE))
    assert file.getvalue().decode() == f"{text}\f\f{text}{joined}"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_every_page(name: str) -> None:
    form = find_format(name)
    for page in (RICH, EMPTY, ODD, replace(RICH, image=os.fsdecode(b"\xff.png")), replace(RICH, lines=())):
        pixels = np.full((page.height, page.width), 255, np.uint8) if form.needs_pixels else None
        data = to_bytes(form, page, pixels, 300.0)
        assert data or (name in ("text", "markdown") and not page.lines)
        if not form.binary:
            assert data == b"" or data.decode().endswith("\n")


def test_a_file_name_that_is_not_text() -> None:
    page = replace(PAGE, image=os.fsdecode(b"\xff.png"))
    assert json.loads(to_bytes(find_format("json"), page).decode())["image"] == page.image


def test_the_lines_of_a_table_row_are_one_line_of_text() -> None:
    first, second = PAGE.lines
    regions = tuple(Region(id, ROW_REGION, BOX) for id in ("r1", "r2"))
    lines = (first, second, replace(second, region="r2"), replace(first, region="r2"))
    text = to_text(replace(PAGE, regions=regions, lines=lines))
    assert text == f"{first.text}\t{second.text}\n{second.text}\t{first.text}\n"
