"""Lines of a page -> rows and columns of tables, from the rows that were read and the positions of their cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from hwr.formats.positions import blocks, line_box
from hwr.page.page import CELL_REGION, ROW_REGION, Line, Page

SPANS = 0.5
"""A cell that covers this share of the widths of two columns belongs to neither."""
MIN_ROWS = 2
"""Rows of several cells that make a table."""

Cell = list[Line]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Table:
    """A table: the lines of each cell, by rows and columns; a cell without lines is empty."""

    rows: tuple[tuple[tuple[Line, ...], ...], ...]


def parts(page: Page) -> Iterator[Table | list[Line]]:
    """Yield the tables of a page and the runs of lines outside of them, in reading order."""
    for is_row, group in groupby(_rows(page), key=lambda entry: entry[0]):
        rows = [row for _, row in group]
        if is_row:
            yield from _tables(rows)
        else:
            yield [line for row in rows for cell in row for line in cell]


def _rows(page: Page) -> Iterator[tuple[bool, list[Cell]]]:
    """Yield the cells of each row of a table, and each other region as one cell that is not of a table."""
    row: list[Cell] = []
    for region, lines in blocks(page):
        kind = region.type if region is not None else ""
        if kind == CELL_REGION and row and _left(lines) <= _left(row[-1]):
            yield True, row
            row = []
        if kind == CELL_REGION:
            row.append(lines)
            continue
        if row:
            yield True, row
            row = []
        yield (True, [[line] for line in lines]) if kind == ROW_REGION else (False, [lines])
    if row:
        yield True, row


def _tables(rows: Sequence[list[Cell]]) -> Iterator[Table | list[Line]]:
    """Yield tables, and the lines of rows of a single cell before them, or over several of their columns."""
    first = next((number for number, row in enumerate(rows) if len(row) > 1), len(rows))
    if first:
        yield [line for row in rows[:first] for cell in row for line in cell]
    columns = find_columns(rows)
    for single, group in groupby(rows[first:], key=lambda row: len(row) == 1 and _is_wide(row[0], columns)):
        members = list(group)
        if single or sum(len(row) > 1 for row in members) < MIN_ROWS:
            yield [line for row in members for cell in row for line in cell]
        else:
            yield _table(members)


def _table(rows: Sequence[list[Cell]]) -> Table:
    columns = find_columns(rows)
    placed: list[tuple[tuple[Line, ...], ...]] = []
    for row in rows:
        cells: list[tuple[Line, ...]] = [()] * len(columns)
        for cell in row:
            index = int(np.argmax([_shared(_interval(cell), column) for column in columns]))
            cells[index] += tuple(cell)
        placed.append(tuple(cells))
    return Table(tuple(placed))


def find_columns(rows: Sequence[list[Cell]]) -> list[Interval]:
    """Return the left and right side of each column, from left to right.

    The row with most cells begins; cells of other rows that share nothing with a column add one.
    """
    columns: list[list[Interval]] = []
    for row in sorted(rows, key=len, reverse=True):
        for cell in row:
            interval = _interval(cell)
            shares = [_shared(interval, _mean(column)) for column in columns]
            touched = [index for index, share in enumerate(shares) if share > 0]
            if not touched:
                columns.append([interval])
            elif len(touched) == 1:
                columns[touched[0]].append(interval)
    return sorted(map(_mean, columns))


def _is_wide(cell: Cell, columns: Sequence[Interval]) -> bool:
    left, right = _interval(cell)
    covered = [_shared((left, right), column) > SPANS * (column[1] - column[0]) for column in columns]
    return sum(covered) > 1


def _mean(intervals: Sequence[Interval]) -> Interval:
    left, right = np.mean(intervals, axis=0)
    return float(left), float(right)


def _shared(one: Interval, other: Interval) -> float:
    """Return the width that two intervals share, below zero where they are apart."""
    return min(one[1], other[1]) - max(one[0], other[0])


def _interval(cell: Cell) -> Interval:
    boxes = [line_box(line) for line in cell]
    return min(box[0] for box in boxes), max(box[2] for box in boxes)


def _left(cell: Cell) -> float:
    return _interval(cell)[0]
