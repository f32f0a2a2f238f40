"""JSON of pages: what the schema does not allow is an error that names it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hwr.errors import InputError
from hwr.formats.json import write_json
from hwr.formats.read_json import read_page_json, split_pages_json
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
        ({"baseline": [[float("nan"), 0], [9, 9]]}, "baseline = nan"),
        ({"confidence": "x"}, "confidence = 'x'"),
        ({"polygon": None}, "polygon"),
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
