"""Aligned lines as JSON and as a picture."""

import json

import cv2
import numpy as np

from hwr.formats.aligned import CHARACTER_COLOUR, WORD_COLOURS, draw_alignment, write_alignment
from hwr.page.page import AlignedLine, Character, Word

LINE = AlignedLine(
    image="a/é.png",
    width=200,
    height=60,
    model="tiny",
    text="à b",
    confidence=0.123456,
    score=-0.69731,
    words=(
        Word("à", 0.98765, (10.04, 5.0, 60.27, 50.0), False, (Character("à", 0.54321, (10.04, 5.0, 60.27, 50.0)),)),
        Word("b", 1.0, (90.0, 0.0, 200.0, 60.0), False, (Character("b", 1.0, (90.0, 0.0, 200.0, 60.0)),)),
    ),
)


def test_json() -> None:
    text = write_alignment(LINE)
    assert text.endswith("}\n") and text.count("\n") == 1 and "é" in text
    assert json.loads(text) == {
        "image": "a/é.png",
        "width": 200,
        "height": 60,
        "model": "tiny",
        "text": "à b",
        "confidence": 0.1235,
        "score": -0.6973,
        "words": [
            {
                "text": "à",
                "confidence": 0.9877,
                "box": [10.0, 5.0, 60.3, 50.0],
                "characters": [{"text": "à", "confidence": 0.5432, "box": [10.0, 5.0, 60.3, 50.0]}],
            },
            {
                "text": "b",
                "confidence": 1.0,
                "box": [90.0, 0.0, 200.0, 60.0],
                "characters": [{"text": "b", "confidence": 1.0, "box": [90.0, 0.0, 200.0, 60.0]}],
            },
        ],
    }


def test_the_id_of_a_line_in_a_set() -> None:
    line = AlignedLine("x.png", 2, 1, "m", "a", 1.0, 0.0, (), id="l-7")
    assert json.loads(write_alignment(line))["id"] == "l-7"


def test_boxes_are_drawn_where_they_are() -> None:
    grey = np.full((60, 200), 240, np.uint8)
    drawn = cv2.imdecode(np.frombuffer(draw_alignment(grey, LINE), np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None and drawn.shape == (60, 200, 3)
    changed = (drawn != 240).any(axis=2)
    assert np.flatnonzero(changed.any(axis=0))[0] == 10
    assert changed[5, 10:60].all() and changed[49, 10:60].all() and changed[5:50, 59].all()
    assert changed[:, 199].all() and changed[59, 90:].all()
    assert not changed[:, 61:89].any() and not changed[20:40, 100:190].any()
    assert tuple(drawn[30, 10]) == WORD_COLOURS[0] and tuple(drawn[30, 90]) == WORD_COLOURS[1]
    assert CHARACTER_COLOUR not in WORD_COLOURS


def test_characters_are_drawn_inside_their_word() -> None:
    characters = (Character("a", 1.0, (10, 10, 50, 50)), Character("b", 1.0, (50, 20, 90, 50)))
    line = AlignedLine("x", 100, 60, "m", "ab", 1.0, 0.0, (Word("ab", 1.0, (10, 10, 90, 50), False, characters),))
    drawn = cv2.imdecode(np.frombuffer(draw_alignment(np.zeros((60, 100), np.uint8), line), np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert tuple(drawn[30, 49]) == CHARACTER_COLOUR and tuple(drawn[30, 50]) == CHARACTER_COLOUR
    assert tuple(drawn[10, 30]) == WORD_COLOURS[0]
