"""The skeleton of a PDF file (ISO 32000-1, 7.5): numbered objects, written as they come, and the table of their places.

Nothing but the places is kept, so that a book of many pages takes no more memory than one page.
"""

import zlib
from typing import BinaryIO

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class PdfObjects:
    """Writes the objects of a file one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: list[int | None] = []
        self._position = 0
        self._write(HEADER)

    def reserve(self) -> int:
        """The number of an object that is written later."""
        self._places.append(None)
        return len(self._places)

    def add(self, body: str, number: int | None = None) -> int:
        """Write an object; returns its number, `number` where it was reserved."""
        return self._add(body.encode("ascii"), number)

    def add_stream(self, data: bytes, entries: str = "", number: int | None = None, packed: bool = False) -> int:
        """Write a stream; returns its number.

        Args:
            data: its content.
            entries: of its dictionary, besides length and filter.
            number: where it was reserved.
            packed: the data is compressed already, and `entries` says how.
        """
        if not packed:
            data, entries = zlib.compress(data), f"{entries} /Filter /FlateDecode"
        head = f"<< {entries.strip()} /Length {len(data)} >>\nstream\n".encode("ascii")
        return self._add(head + data + b"\nendstream", number)

    def close(self, root: int, info: int) -> None:
        """Write the table and the trailer with the numbers of the catalogue and of the facts about the document."""
        start, count = self._position, len(self._places) + 1
        rows = [b"0000000000 65535 f \n"]
        for place in self._places:
            assert place is not None, "an object was reserved and never written"
            rows.append(b"%010d 00000 n \n" % place)
        self._write(b"xref\n0 %d\n" % count + b"".join(rows))
        self._write(b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (count, root, info))
        self._write(b"startxref\n%d\n%%%%EOF\n" % start)

    def _add(self, body: bytes, number: int | None) -> int:
        number = self.reserve() if number is None else number
        self._places[number - 1] = self._position
        self._write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
        return number

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)


def text_string(text: str) -> str:
    """Any text as a PDF string (7.9.2.2): UTF-16 with its mark, in hexadecimal."""
    return f"<FEFF{text.encode('utf-16-be', errors='replace').hex().upper()}>"
