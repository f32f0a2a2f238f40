"""The font, against FreeType."""

import re
import struct
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hwr.formats.glyphless import GlyphlessFont, font_file
from hwr.formats.pdf_objects import PdfObjects


def test_freetype_opens_it_and_draws_nothing() -> None:
    font = ImageFont.truetype(BytesIO(font_file()), 100)
    assert font.getmetrics() == (75, 25)
    canvas = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(canvas).text((10, 10), "abc", font=font, fill=0)
    assert (np.asarray(canvas) == 255).all()


def test_checksums_of_its_tables() -> None:
    data = font_file()
    count = struct.unpack(">H", data[4:6])[0]
    assert count == 6
    for number in range(count):
        tag, total, offset, length = struct.unpack(">4sIII", data[12 + 16 * number : 28 + 16 * number])
        table = data[offset : offset + length] + b"\0" * (-length % 4)
        assert offset % 4 == 0 and len(table) > 0, tag
        assert int(np.frombuffer(table, ">u4").sum(dtype=np.uint64)) % 2**32 == total, tag


def test_characters_are_numbered_as_they_come() -> None:
    font = GlyphlessFont()
    assert font.encode("aba") == "<000100020001>"
    assert font.encode("𝔘b") == "<00030002>"
    assert font.encode("\ud800") == font.encode("\ufffd"), "half of a pair is no character"


def test_the_table_of_characters_has_short_blocks() -> None:
    font, file = GlyphlessFont(), BytesIO()
    font.encode("".join(chr(0x4E00 + k) for k in range(250)))
    rows = font._to_unicode()
    assert [int(count) for count in re.findall(r"(\d+) beginbfchar", rows)] == [100, 100, 50]
    assert "<00FA> <4EF9>" in rows
    objects = PdfObjects(file)
    font.write(objects, objects.reserve())
    assert file.getvalue().count(b" obj\n") == 6
