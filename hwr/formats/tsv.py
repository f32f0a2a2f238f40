"""Pages as a table of tab-separated values with the twelve columns of Tesseract, which programs for its output expect.

There is one row for each page (level 1), block (2), paragraph (3: one per block), line (4) and word (5), with its
numbers and its box in whole pixels. `conf` is the word's confidence in per cent; it is -1 in the rows of other levels,
which have no text either. A word that a spreadsheet would run as a formula begins with an apostrophe.
"""

from typing import BinaryIO

from hwr.files.images import Pixels
from hwr.files.texts import spreadsheet_cell
from hwr.formats import DocumentWriter
from hwr.formats.positions import block_box, blocks, line_box, words_with_boxes
from hwr.page.page import Box, Page

COLUMNS = ("level", "page_num", "block_num", "par_num", "line_num", "word_num",
           "left", "top", "width", "height", "conf", "text")  # fmt: skip
NO_CONFIDENCE = "-1"


class TsvWriter(DocumentWriter):
    """Writes the head of the table and then the rows of each page."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._pages = 0
        self._write("\t".join(COLUMNS))

    def add(self, page: Page, pixels: Pixels | None, dpi: float | None) -> None:
        self._pages += 1
        number = self._pages
        self._row((1, number, 0, 0, 0, 0), (0, 0, page.width, page.height))
        for block, (region, lines) in enumerate(blocks(page), start=1):
            box = block_box(region, lines)
            self._row((2, number, block, 0, 0, 0), box)
            self._row((3, number, block, 1, 0, 0), box)
            for row, line in enumerate(lines, start=1):
                self._row((4, number, block, 1, row, 0), line_box(line))
                for word_number, word in enumerate(words_with_boxes(line), start=1):
                    self._row(
                        (5, number, block, 1, row, word_number), word.box, f"{100 * word.confidence:.2f}", word.text
                    )

    def _row(self, numbers: tuple[int, ...], box: Box, conf: str = NO_CONFIDENCE, text: str = "") -> None:
        x0, y0, x1, y1 = (round(value) for value in box)
        self._write("\t".join([*map(str, (*numbers, x0, y0, x1 - x0, y1 - y0)), conf, spreadsheet_cell(text)]))

    def _write(self, row: str) -> None:
        self._file.write(row.encode("utf-8", errors="backslashreplace") + b"\n")
