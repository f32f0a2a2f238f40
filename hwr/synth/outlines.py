"""Taking the hints out of TrueType fonts.

Hints fit outlines to the pixels of a screen. For handwriting they do harm (stems snap to columns, letters change with
the size), and running them costs more than all the rest of drawing a glyph.
"""

import struct

# PUSHB[2] 1 1; INSTCTRL: do not run the programs of glyphs. The rest (PUSHB[1] 0; POP) only makes the program longer
# than 7 bytes: FreeType takes fonts with a shorter one to be without hints, and then makes hints of its own.
_NO_GLYPH_PROGRAMS = bytes((0xB1, 1, 1, 0x8E)) + 3 * bytes((0xB0, 0, 0x21))

_HINTS = (b"fpgm", b"cvt ", b"cvar", b"hdmx", b"VDMX", b"LTSH")
_TRUETYPE = (b"\x00\x01\x00\x00", b"true")
_HEADER = struct.Struct(">4s4H")
_ENTRY = struct.Struct(">4s3I")


def without_hints(font: bytes) -> bytes:
    """The font with a control value program (`prep`) that switches hints off, and without the tables that serve them.

    What is not a single TrueType font, or is broken, is given back as it is. Checksums are left empty; FreeType does
    not read them. Source: OpenType specification, "Organization of an OpenType Font" and "TrueType instruction set".
    """
    if font[:4] not in _TRUETYPE:
        return font
    try:
        count = _HEADER.unpack_from(font)[1]
        entries = [_ENTRY.unpack_from(font, _HEADER.size + index * _ENTRY.size) for index in range(count)]
    except struct.error:
        return font
    if any(offset + length > len(font) for _, _, offset, length in entries):
        return font
    tables = {tag: font[offset : offset + length] for tag, _, offset, length in entries if tag not in _HINTS}
    tables[b"prep"] = _NO_GLYPH_PROGRAMS
    head = [_HEADER.pack(font[:4], len(tables), 0, 0, 0)]
    body: list[bytes] = []
    place = _HEADER.size + len(tables) * _ENTRY.size
    for tag, table in sorted(tables.items()):
        head.append(_ENTRY.pack(tag, 0, place, len(table)))
        body.append(table + bytes(-len(table) % 4))
        place += len(body[-1])
    return b"".join(head + body)
