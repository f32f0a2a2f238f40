"""JSON of pages: what the schema does not allow is an error that names it."""

import json
from typing import Any

import pytest

from hwr.errors import InputError
from hwr.formats.json import write_json
from hwr.formats.read_json import read_page_json
from hwr.page.page import Page

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
