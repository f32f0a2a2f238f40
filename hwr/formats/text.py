"""A page as plain text: one line of text for each line of writing, in reading order."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from hwr.formats.tables import Table, parts
from hwr.page.page import ROW_REGION, Line, Page


def write_text(page: Page) -> str:
    """Return the text of each line with a newline; uncertain words are `[word?]`.

    The cells of a table's row are on one line, with tabs between them, also around empty cells. Other readings of lines
    follow, one a line, each indented and with its probability.
    """
    written = []
    for row in _rows(page):
        written.append("\t".join(_text(line) if line else "" for line in row) + "\n")
        others = (other for line in row if line for other in line.alternatives)
        written += [f"    {other.confidence:.2f} {other.text}\n" for other in others]
    return "".join(written)


def _rows(page: Page) -> Iterator[Sequence[Line | None]]:
    """Yield the cells of each row of a table, None for an empty one; and each line outside of tables."""
    ids = {region.id for region in page.regions if region.type == ROW_REGION}
    for part in parts(page) if ids else [list(page.lines)]:
        if isinstance(part, Table):
            for row in part.rows:
                alone = all(len(cell) < 2 for cell in row)  # otherwise, tabs are all that separates two cells
                yield [line for cell in row for line in (cell or ([None] if alone else []))]
            continue
        for region, lines in groupby(part, key=lambda line: line.region):
            cells = list(lines)
            yield from [cells] if region in ids else ([line] for line in cells)


def _text(line: Line) -> str:
    if not any(word.uncertain for word in line.words):
        return line.text
    return " ".join(mark(word.text) if word.uncertain else word.text for word in line.words)


def mark(word: str) -> str:
    """Return an uncertain word as text formats write it."""
    return f"[{word}?]"
