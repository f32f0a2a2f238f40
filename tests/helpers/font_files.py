"""TrueType files taken apart and put together by the specification, for tests of fonts."""

import struct
from collections.abc import Mapping, Sequence

Tables = dict[bytes, bytes]


def read_tables(font: bytes) -> Tables:
    """The tables of a TrueType file by their tags."""
    count = struct.unpack_from(">H", font, 4)[0]
    entries = (struct.unpack_from(">4s3I", font, 12 + 16 * index) for index in range(count))
    return {tag: font[offset : offset + length] for tag, _, offset, length in entries}


def read_character_map(table: bytes) -> dict[int, int]:
    """Code points -> glyphs, from a `cmap` table with a subtable of format 4 or 12 (OpenType specification)."""
    mapping: dict[int, int] = {}
    for index in range(struct.unpack_from(">H", table, 2)[0]):
        platform, _, at = struct.unpack_from(">HHI", table, 4 + 8 * index)
        kind = struct.unpack_from(">H", table, at)[0]
        if kind == 12:
            for group in range(struct.unpack_from(">I", table, at + 12)[0]):
                first, last, glyph = struct.unpack_from(">3I", table, at + 16 + 12 * group)
                mapping.update({code: glyph + code - first for code in range(first, last + 1)})
        elif kind == 4 and platform in (0, 3):
            segments = struct.unpack_from(">H", table, at + 6)[0] // 2
            ends, starts, deltas, ranges = (
                at + 14,
                at + 16 + 2 * segments,
                at + 16 + 4 * segments,
                at + 16 + 6 * segments,
            )
            for segment in range(segments):
                last, first, delta, offset = (
                    struct.unpack_from(">H", table, place + 2 * segment)[0] for place in (ends, starts, deltas, ranges)
                )
                for code in range(first, min(last, 0xFFFE) + 1):
                    glyph = code
                    if offset:
                        glyph = struct.unpack_from(">H", table, ranges + 2 * segment + offset + 2 * (code - first))[0]
                    mapping[code] = (glyph + delta) & 0xFFFF if glyph or not offset else 0
    return {code: glyph for code, glyph in mapping.items() if glyph}


def write_font(tables: Tables, mapping: Mapping[int, int]) -> bytes:
    """A TrueType file with another character map (format 12)."""
    groups = b"".join(struct.pack(">3I", code, code, glyph) for code, glyph in sorted(mapping.items()))
    subtable = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(mapping)) + groups
    tables = {**tables, b"cmap": struct.pack(">HHHHI", 0, 1, 3, 10, 12) + subtable}
    head, body, place = b"", b"", 12 + 16 * len(tables)
    for tag, table in sorted(tables.items()):
        head += struct.pack(">4s3I", tag, 0, place + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return struct.pack(">4s4H", b"\x00\x01\x00\x00", len(tables), 0, 0, 0) + head + body


def write_collection(fonts: Sequence[Tables]) -> bytes:
    """A collection of TrueType fonts, version 1.0, without shared tables."""
    head = struct.pack(">4sII", b"ttcf", 0x00010000, len(fonts))
    start = len(head) + 4 * len(fonts)
    offsets, body = [], b""
    for tables in fonts:
        offsets.append(start + len(body))
        at = offsets[-1] + 12 + 16 * len(tables)
        directory, data = struct.pack(">4s4H", b"\x00\x01\x00\x00", len(tables), 0, 0, 0), b""
        for tag, table in sorted(tables.items()):
            directory += struct.pack(">4s3I", tag, 0, at + len(data), len(table))
            data += table + bytes(-len(table) % 4)
        body += directory + data
    return head + struct.pack(f">{len(fonts)}I", *offsets) + body
