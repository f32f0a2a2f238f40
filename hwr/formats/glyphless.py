"""A font without a drawing: every character is a bare box half as wide as it is high, and can be searched and copied.

The idea is tesseract's. Text set in it shows nothing, needs no real font for any script, and is as wide as one likes by
scaling. Characters get numbers as they come (CIDs); a table in the PDF says which is which (ToUnicode, ISO 32000-1,
9.10.3).
"""

import struct

from hwr.formats.pdf_objects import PdfObjects

NAME = "Glyphless"
UNITS = 1000
ASCENT, DESCENT, WIDTH = 750, -250, 500
"""Of the font and of each character, in thousandths of the font's size."""
MAX_CHARACTERS = 65535


class GlyphlessFont:
    """The font of one PDF: numbers its characters, and is written when all are known."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encode(self, text: str) -> str:
        """The text as a string of a content stream, in hexadecimal: two bytes a character."""
        return f"<{''.join(f'{self._number(character):04X}' for character in text)}>"

    def _number(self, character: str) -> int:
        # a lone surrogate, or more characters than Unicode has in any book: the first character stands for it
        if "\ud800" <= character <= "\udfff" or len(self._numbers) == MAX_CHARACTERS:
            character = "\ufffd"
        return self._numbers.setdefault(character, len(self._numbers) + 1)

    def write(self, objects: PdfObjects, number: int) -> None:
        """Write the font as the object that was reserved as `number`."""
        file = font_file()
        embedded = objects.add_stream(file, f"/Length1 {len(file)}")
        descriptor = objects.add(
            f"<< /Type /FontDescriptor /FontName /{NAME} /Flags 5 /FontBBox [0 {DESCENT} {WIDTH} {ASCENT}] "
            f"/ItalicAngle 0 /Ascent {ASCENT} /Descent {DESCENT} /CapHeight {ASCENT} /StemV 80 "
            f"/FontFile2 {embedded} 0 R >>"
        )
        glyphs = objects.add_stream(b"\0\0" + b"\0\1" * len(self._numbers))
        descendant = objects.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{NAME} /DW {WIDTH} /CIDToGIDMap {glyphs} 0 R "
            f"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {descriptor} 0 R >>"
        )
        unicode = objects.add_stream(self._to_unicode().encode("ascii"))
        objects.add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{NAME} /Encoding /Identity-H "
            f"/DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>",
            number,
        )

    def _to_unicode(self) -> str:
        rows = [
            f"<{number:04X}> <{character.encode('utf-16-be').hex().upper()}>"
            for character, number in self._numbers.items()
        ]
        # a block has at most 100 rows
        blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
        body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{body}\n"
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
        )


def font_file() -> bytes:
    """A TrueType font with the tables that a PDF asks for (ISO 32000-1, 9.9, table 126), and two glyphs.

    The first is empty. The second, for all characters, is a stroke across its box and back: it has no area, so that
    nothing is painted, but an extent, without which pdfium (Chrome) passes over words of one letter.
    Format: https://learn.microsoft.com/typography/opentype/spec/otff
    """
    glyphs, version, on_curve = 2, 0x00010000, 1
    stroke = struct.pack(">hhhhh", 1, 0, DESCENT, WIDTH, ASCENT)
    stroke += struct.pack(">HHBBhhhh", 1, 0, on_curve, on_curve, 0, WIDTH, DESCENT, ASCENT - DESCENT)
    tables = {
        b"glyf": stroke,
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh",
            version, version, 0, 0x5F0F3CF5, 3, UNITS, 0, 0, 0, DESCENT, WIDTH, ASCENT, 0, 8, 2, 0, 0,
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH",
            version, ASCENT, DESCENT, 0, WIDTH, 0, 0, WIDTH, 1, 0, 0, 0, 0, 0, 0, 0, glyphs,
        ),
        b"hmtx": struct.pack(">HhHh", WIDTH, 0, WIDTH, 0),
        b"loca": struct.pack(">HHH", 0, 0, len(stroke) // 2),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", version, glyphs, 2, 1, 0, 0, 1, *[0] * 8),
    }  # fmt: skip
    offset = 12 + 16 * len(tables)
    directory, body = b"", b""
    for tag, data in tables.items():
        padded = data + b"\0" * (-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += tag + struct.pack(">III", total, offset + len(body), len(data))
        body += padded
    head = struct.pack(">IHHHH", version, len(tables), 64, 2, 16 * len(tables) - 64)
    return head + directory + body
