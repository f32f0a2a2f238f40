"""A font without visible glyphs: every character is an empty square that can be searched and copied.

The idea is Tesseract's. Text in this font is invisible, needs no real font for its script, and can be scaled to any
width. Characters are numbered in order of appearance (CIDs), and a table maps the numbers to characters (ToUnicode, ISO
32000-1, 9.10.3).

`tests/formats/test_glyphless.py` makes the file `glyphless.ttf`. It has two glyphs. The first is empty. The second,
used for all characters, is a stroke across its square and back: it has no area, so nothing is painted, but an extent,
without which PDFium (Chrome) skips words of one letter. Both are as wide as high because PDFium of 2024 states no other
widths.
"""

import ctypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium

FONT_FILE = Path(__file__).with_name("glyphless.ttf")
MAX_CHARACTERS = 65535
UNKNOWN = "\ufffd"


class GlyphlessFont:
    """The font of one PDF: it numbers the characters, and is added again when a page has new ones."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._numbers: dict[str, int] = {}
        self._font: Any = None

    def learn(self, texts: Iterable[str]) -> None:
        """Register the characters of a page, before it is set."""
        known = len(self._numbers)
        for character in "".join(texts):
            self._number(character)
        if len(self._numbers) > known:
            self.close()
            self._font = self._load()

    def text_object(self, text: str, size: float) -> Any:
        """Return a text object of PDFium, `size` points high and `size` times its number of characters wide."""
        codes = [self._number(character) for character in text]
        made = pdfium.FPDFPageObj_CreateTextObj(self._document, self._font, size)
        pdfium.FPDFText_SetCharcodes(made, (ctypes.c_uint32 * len(codes))(*codes), len(codes))
        return made

    def close(self) -> None:
        """Release the font; the document keeps the parts that its pages use."""
        if self._font is not None:
            pdfium.FPDFFont_Close(self._font)
            self._font = None

    def _number(self, character: str) -> int:
        # a lone surrogate, or more characters than the font can number: replaced by U+FFFD
        if "\ud800" <= character <= "\udfff" or len(self._numbers) == MAX_CHARACTERS:
            character = UNKNOWN
        return self._numbers.setdefault(character, len(self._numbers) + 1)

    def _load(self) -> Any:
        file, glyphs = FONT_FILE.read_bytes(), b"\0\0" + b"\0\1" * len(self._numbers)
        table = to_unicode(self._numbers).encode("ascii")
        font = pdfium.FPDFText_LoadCidType2Font(
            self._document, _unsigned(file), len(file), table, _unsigned(glyphs), len(glyphs)
        )
        assert font, "PDFium cannot load the font"
        return font


def _unsigned(data: bytes) -> "ctypes.Array[ctypes.c_uint8]":
    return (ctypes.c_uint8 * len(data)).from_buffer_copy(data)


def to_unicode(numbers: dict[str, int]) -> str:
    """Return the table of numbered characters, as a CMap (Adobe Technical Note 5411)."""
    rows = [f"<{number:04X}> <{text.encode('utf-16-be').hex().upper()}>" for text, number in numbers.items()]
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
