"""The font, against FreeType and what fontTools makes of it."""

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hwr.formats.glyphless import FONT_FILE, to_unicode

UNITS, ASCENT, DESCENT = 1000, 750, -250


def make_font() -> bytes:
    """The font file: `python tests/formats/test_glyphless.py` writes it again."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    blank, stroke = TTGlyphPen(None), TTGlyphPen(None)
    stroke.moveTo((0, DESCENT))
    stroke.lineTo((UNITS, ASCENT))
    stroke.closePath()
    font = builder(UNITS, isTTF=True)
    font.setupGlyphOrder([".notdef", "any"])
    font.setupGlyf({".notdef": blank.glyph(), "any": stroke.glyph()})
    font.setupHorizontalMetrics({".notdef": (UNITS, 0), "any": (UNITS, 0)})
    font.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    font.setupNameTable({"familyName": "Glyphless", "styleName": "Regular", "psName": "Glyphless"}, mac=False)
    font.updateHead(created=0, modified=0)
    font.font.recalcTimestamp = False
    file = BytesIO()
    font.save(file)
    return file.getvalue()


def test_the_file_is_what_fonttools_makes() -> None:
    assert FONT_FILE.read_bytes() == make_font()


def test_freetype_opens_it_and_draws_nothing() -> None:
    font = ImageFont.truetype(BytesIO(FONT_FILE.read_bytes()), 100)
    assert font.getmetrics() == (75, 25) and font.getname() == ("Glyphless", "Regular")
    canvas = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(canvas).text((10, 10), "abc", font=font, fill=0)
    assert (np.asarray(canvas) == 255).all()


def test_the_table_of_characters_has_short_blocks() -> None:
    rows = to_unicode({chr(0x4E00 + k): k + 1 for k in range(249)} | {"𝔘": 250})
    assert [int(count) for count in re.findall(r"(\d+) beginbfchar", rows)] == [100, 100, 50]
    assert "<00F9> <4EF8>" in rows and "<00FA> <D835DD18>" in rows


if __name__ == "__main__":
    FONT_FILE.write_bytes(make_font())
