"""JSON of pages: what the schema does not allow is an error that names it."""

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwr.errors import InputError
from hwr.files.texts import MAX_BROKEN
from hwr.formats import FORMATS, find_format, to_bytes
from hwr.formats.json import write_json
from hwr.formats.read_json import read_page_json, split_pages_json
from hwr.formats.read_xml import BAD_BASELINE, BAD_CONFIDENCE, BAD_OUTLINE, BAD_WORDS
from hwr.page.completing import REPEATED_ID
from hwr.page.page import Line, Page, Region

PAGE = Page("a.png", 200, 100, "m", (), ())


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_every_quarter_turn_comes_back(rotation: int) -> None:
    changed = json.loads(write_json(PAGE)) | {"rotation": rotation}
    assert read_page_json(json.dumps(changed), "a.json").rotation == rotation


@pytest.mark.parametrize("rotation", [1, -90, 359, 360, 10**30, 90.5, "90", None, True, [90]])
def test_other_rotations_are_refused(rotation: Any) -> None:
    changed = json.loads(write_json(PAGE)) | {"rotation": rotation}
    with pytest.raises(InputError, match=r"a\.json: rotation = "):
        read_page_json(json.dumps(changed), "a.json")


LINE = Line("l1", "r", "default", "one", 0.9, ((0.0, 9.0), (9.0, 9.0)), ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"text": 3}, "text = 3"),
        ({"words": "x"}, "words = 'x'"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_bad_line_costs_only_itself(changed: dict[str, Any], reason: str) -> None:
    page = json.loads(write_json(replace(PAGE, lines=(LINE, replace(LINE, id="l2"), replace(LINE, id="l3")))))
    page["lines"][1] |= changed
    page["lines"].append([])
    read = read_page_json(json.dumps(page), "a.json")
    assert [line.id for line in read.lines] == ["l1", "l3"]
    [(id, why), (other, _)] = read.left_out
    assert (id, other) == ("l2", "number 4") and reason in why


def test_every_line_gets_an_id_of_its_own() -> None:
    page = json.loads(write_json(replace(PAGE, lines=tuple(replace(LINE, text=text) for text in "abcd"))))
    for line, id in zip(page["lines"], ("l2", None, "l2", ""), strict=True):
        line["id"] = id
    del page["lines"][1]["id"]
    read = read_page_json(json.dumps(page), "a.json")
    assert [(line.id, line.text) for line in read.lines] == [("l2", "a"), ("l2_2", "b"), ("l2_3", "c"), ("l4", "d")]
    assert read.notes == (("l2_3", REPEATED_ID),)


WORD = {"text": "one", "confidence": 0.5, "box": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"confidence": "x"}, BAD_CONFIDENCE),
        ({"confidence": 1.5}, BAD_CONFIDENCE),
        ({"confidence": float("nan")}, BAD_CONFIDENCE),
        ({"confidence": 10**400}, BAD_CONFIDENCE),
        ({"words": [WORD | {"confidence": -1}]}, BAD_CONFIDENCE),
        ({"words": [WORD | {"box": [0, 0, 9]}]}, BAD_WORDS),
        ({"words": [WORD | {"box": None}]}, BAD_WORDS),
        ({"baseline": [[float("nan"), 0], [9, 9]]}, BAD_BASELINE),
        ({"baseline": [[1e300, 0], [9, 9]]}, BAD_BASELINE),
        ({"baseline": "x"}, BAD_BASELINE),
        ({"polygon": None}, BAD_OUTLINE),
        ({"polygon": [[0, 0], [9], [9, 9]]}, BAD_OUTLINE),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_a_broken_number_costs_only_its_attribute(changed: dict[str, Any], fault: str, name: str) -> None:
    page = json.loads(write_json(replace(PAGE, lines=(LINE, replace(LINE, id="l2")))))
    page["lines"][1] |= changed
    read = read_page_json(json.dumps(page), "a.json")
    assert [line.text for line in read.lines] == ["one", "one"] and read.left_out == ()
    assert read.notes == (("l2", fault),)
    line = read.lines[1]
    assert 0 <= line.confidence <= 1 and len(line.baseline) > 1 and len(line.polygon) > 2
    assert to_bytes(find_format(name), read, np.full((100, 200), 255, np.uint8), 300)


def test_a_bad_region_keeps_its_lines() -> None:
    page = json.loads(write_json(replace(PAGE, lines=(LINE,), regions=(Region("r", "text", LINE.polygon),))))
    page["regions"][0]["polygon"] = "x"
    read = read_page_json(json.dumps(page), "a.json")
    assert [line.text for line in read.lines] == ["one"] and read.regions == ()
    assert [id for id, _ in read.notes] == ["r"]


def test_a_byte_that_is_not_utf_8_costs_only_its_page() -> None:
    good = write_json(PAGE).strip().encode()
    pages = split_pages_json(b"\n".join((good, good.replace(b"a.png", b"\xe9"), good)), "a.json")
    assert [read_page_json(*pages[number]).image for number in (0, 2)] == ["a.png"] * 2
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        read_page_json(*pages[1])


@pytest.mark.parametrize("size", [{"width": -1}, {"height": 10**8}, {"width": 10**400}])
def test_sizes_that_no_image_has_are_refused(size: dict[str, int]) -> None:
    with pytest.raises(InputError, match="not those of an image"):
        read_page_json(json.dumps(json.loads(write_json(PAGE)) | size), "a.json")


PRETTY = json.dumps(json.loads(write_json(PAGE)), indent=2)
COMPACT = write_json(PAGE).strip()


@pytest.mark.parametrize(
    "text",
    [
        f"{PRETTY}\n{PRETTY}\n{PRETTY}\n",
        f"{PRETTY}{PRETTY}{COMPACT}",
        f"{COMPACT}\r\n\r\n{PRETTY}\r\n{COMPACT}",
        f"\ufeff[{PRETTY},\n{PRETTY},{COMPACT}]",
    ],
)
def test_several_pages_in_a_file(text: str) -> None:
    pages = split_pages_json(text.encode(), "a.json")
    assert [read_page_json(*page).image for page in pages] == ["a.png"] * 3


@pytest.mark.parametrize("broken", [PRETTY[:-30], PRETTY.replace("200", "2OO"), "?", '{"a":' * 100_000, "9" * 5000])
def test_a_broken_page_costs_only_itself(broken: str) -> None:
    pages = split_pages_json(f"{PRETTY}\n{broken}\n{PRETTY}\n{COMPACT}".encode(), "a.json")
    assert [read_page_json(*pages[number]).image for number in (0, 2, 3)] == ["a.png"] * 3 and len(pages) == 4
    with pytest.raises(InputError, match=f"a.json: line {PRETTY.count(chr(10)) + 2}: "):
        read_page_json(*pages[1])


def test_the_time_of_broken_pages_is_bounded() -> None:
    started = time.process_time()
    assert len(split_pages_json(b'{"a":[\n' * 200_000, "a.json")) == MAX_BROKEN + 1
    assert time.process_time() - started < 5


def test_a_file_without_pages() -> None:
    for data in (b"[]", b"[ ]\n"):
        with pytest.raises(InputError, match=r"^a\.json: has no page$"):
            split_pages_json(data, "a.json")
