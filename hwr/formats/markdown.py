"""A page as Markdown: paragraphs instead of lines, tables as tables, and a rule between pages.

Characters that Markdown would take as markup are escaped, as CommonMark 0.31 (section 2.4) and GitHub's tables allow.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from hwr.formats.hyphens import Piece, join_lines, known_words
from hwr.formats.paragraphs import paragraphs
from hwr.formats.tables import Table, parts
from hwr.formats.text import mark
from hwr.page.page import PRINTED_TYPE, Line, Page

HEADING = "heading"
"""A region or line whose type contains this is a heading."""

_SIGNS = re.compile(r"[\\`*_\[\]<>|~$&]")
_START = re.compile(r"#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=]+(?=\s*$)")
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")


def write_markdown(page: Page) -> str:
    """Return the page as Markdown; nothing for a page without text. Uncertain words are `[word?]`."""
    known = known_words(line.text for line in page.lines)
    headings = {region.id for region in page.regions if HEADING in region.type.lower()}
    blocks: list[str] = []
    for part in parts(page):
        if isinstance(part, Table):
            blocks.append(_table(part, known))
            continue
        for lines in paragraphs(replace(page, lines=tuple(part))):
            text = _escape_start(_inline(lines, known))
            is_heading = HEADING in lines[0].type.lower() or lines[0].region in headings
            blocks.append(f"## {text}\n" if is_heading else f"{text}\n")
    return "\n".join(blocks)


def _inline(lines: Sequence[Line], known: frozenset[str]) -> str:
    """Return lines as one text."""
    words = join_lines(map(_pieces, lines), known)
    return " ".join(_escape(mark(word.text) if word.uncertain else word.text) for word in words)


def _pieces(line: Line) -> list[Piece]:
    if any(word.uncertain for word in line.words):
        return [Piece(word.text, word.uncertain) for word in line.words]
    return [Piece(word) for word in line.text.split()]


def _table(table: Table, known: frozenset[str]) -> str:
    """Return a table; a first row in print is its head, which is empty otherwise."""
    rows = [[_inline(cell, known) for cell in row] for row in table.rows]
    columns = len(rows[0])
    first, *others = table.rows
    printed = _is_printed(first) and not all(map(_is_printed, others))
    head, body = (rows[0], rows[1:]) if printed else ([""] * columns, rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * columns, *body])


def _is_printed(row: Sequence[Sequence[Line]]) -> bool:
    return all(line.type == PRINTED_TYPE for cell in row for line in cell)


def _escape(text: str) -> str:
    return _SIGNS.sub(lambda found: "\\" + found.group(), text)


def _escape_start(text: str) -> str:
    """Escape what would make a block a heading, a list or a line across the page."""
    text = _NUMBER.sub(r"\1\\\2", text)
    return f"\\{text}" if _START.match(text) else text
