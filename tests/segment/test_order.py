"""Reading order of boxes whose order is beyond doubt."""

from hwr.segment.order import group_regions, reading_order, rows_of


def order(*boxes: tuple[float, float, float, float]) -> list[int]:
    return reading_order(boxes, [box[3] for box in boxes])


def column(x0: float, x1: float, rows: range) -> list[tuple[float, float, float, float]]:
    return [(x0, y, x1, y + 20) for y in rows]


def test_one_column_from_top_to_bottom() -> None:
    lines = column(0, 400, range(0, 300, 30))
    assert order(*lines[::-1]) == list(range(9, -1, -1))
    assert order() == []


def test_two_columns_and_a_heading_over_both() -> None:
    left, right = column(0, 180, range(60, 240, 30)), column(220, 400, range(55, 235, 30))
    heading, foot = (50.0, 0.0, 350.0, 30.0), (30.0, 400.0, 390.0, 430.0)
    mixed = [foot, *right, heading, *left]
    assert [mixed[index] for index in order(*mixed)] == [heading, *left, *right, foot]


def test_pieces_of_one_row_from_left_to_right() -> None:
    above, below = (0.0, 0.0, 400.0, 20.0), (0.0, 80.0, 400.0, 100.0)
    first, second = (0.0, 42.0, 150.0, 60.0), (250.0, 38.0, 400.0, 58.0)
    mixed = [below, second, first, above]
    assert [mixed[index] for index in order(*mixed)] == [above, first, second, below]


def test_lines_with_a_wide_gap_stay_whole() -> None:
    whole, pieces = column(0, 400, range(0, 40, 20)), [(0.0, 40.0, 120.0, 60.0), (260.0, 38.0, 400.0, 58.0)]
    more, below = [(0.0, 60.0, 110.0, 80.0), (250.0, 62.0, 390.0, 82.0)], column(0, 400, range(80, 160, 20))
    mixed = [*below, *more[::-1], *pieces[::-1], *whole]
    assert [mixed[index] for index in order(*mixed)] == [*whole, *pieces, *more, *below]


def test_the_year_stays_with_its_date_above_a_stamp() -> None:
    head, date = column(0, 100, range(30, 90, 30)), [(160.0, 32.0, 290.0, 52.0), (310.0, 28.0, 360.0, 48.0)]
    stamp, text = (305.0, 60.0, 365.0, 85.0), column(80, 400, range(150, 450, 30))
    mixed = [*text, stamp, date[1], *head, date[0]]
    found = [mixed[index] for index in order(*mixed)]
    assert found[found.index(date[0]) + 1] == date[1]
    assert found[5:] == text


def test_a_circle_of_contradictions_still_gives_every_line_once() -> None:
    boxes = [(0.0, 0.0, 100.0, 50.0), (95.0, 0.0, 200.0, 40.0), (0.0, 0.0, 200.0, 45.0), (150.0, 0.0, 300.0, 60.0)]
    assert sorted(order(*boxes)) == [0, 1, 2, 3]


def test_regions_end_next_to_above_and_far_below() -> None:
    left, right = column(0, 180, range(60, 240, 30)), column(220, 400, range(55, 235, 30))
    far = [(0.0, 600.0, 180.0, 620.0)]
    assert group_regions([*left, *right, *far], unit=15) == [0] * 6 + [1] * 6 + [2]
    assert group_regions([], unit=15) == []


def test_a_printed_head_over_columns_is_read_first_and_column_by_column() -> None:
    head = [(10.0, 10.0, 90.0, 30.0), (110.0, 12.0, 190.0, 32.0), (210.0, 8.0, 390.0, 28.0)]
    second = [
        (10.0, 40.0, 90.0, 60.0),
        (110.0, 42.0, 190.0, 62.0),
        (210.0, 40.0, 290.0, 60.0),
        (310.0, 41.0, 390.0, 61.0),
    ]
    columns = [(x, float(y), x + 70, y + 20.0) for x in (15.0, 115.0, 215.0, 315.0) for y in range(80, 300, 40)]
    folio = (250.0, -40.0, 290.0, -20.0)
    boxes = [*columns, *second, folio, *head]
    printed = [box in head + second for box in boxes]
    order_of = reading_order(boxes, [box[3] for box in boxes], printed)
    in_columns = [head[0], second[0], head[1], second[1], head[2], second[2], second[3]]
    assert [boxes[index] for index in order_of] == [folio, *in_columns, *columns]
    without = [boxes[index] for index in reading_order(boxes, [box[3] for box in boxes])]
    assert without.index(columns[0]) < without.index(head[1])


def test_a_few_printed_lines_are_not_a_head() -> None:
    boxes = [*column(0, 180, range(60, 240, 30)), *column(220, 400, range(60, 240, 30))]
    printed = [index in (0, 6) for index in range(12)]
    assert reading_order(boxes, [box[3] for box in boxes], printed) == list(range(12))


def test_rows_of_a_slanting_table() -> None:
    """Cells of three columns on rows that fall by 3 %; some cells are empty, one is an insertion between two rows."""
    cells = {
        (row, column): [
            (100 + 300 * column, 50 + 60 * row + 9 * column),
            (340 + 300 * column, 57 + 60 * row + 9 * column),
        ]
        for row in range(5)
        for column in range(3)
        if (row, column) not in {(1, 1), (3, 0)}
    }
    cells[1.5, 1] = [(400, 147.0), (640, 154.0)]
    names = sorted(cells, key=lambda place: (place[1], -place[0]))
    rows = [[names[index] for index in row] for row in rows_of([cells[name] for name in names], [40.0] * len(names))]
    expected = [[(row, column) for column in range(3) if (row, column) in cells] for row in (0, 1, 1.5, 2, 3, 4)]
    assert rows == expected
    assert rows_of([], []) == []


def test_a_line_that_reaches_into_the_next_column_does_not_mix_the_columns() -> None:
    left, right = column(0, 400, range(0, 300, 30)), column(420, 460, range(10, 310, 30))
    left[4] = (0.0, 120.0, 445.0, 140.0)
    left.insert(7, (280.0, 195.0, 445.0, 215.0))
    mixed = [*right, *left]
    assert [mixed[index] for index in order(*mixed)] == [*left, *right]


def test_lines_in_pieces_stay_in_their_column_of_a_table() -> None:
    numbers, dates = column(0, 40, range(0, 300, 30)), column(60, 100, range(5, 305, 30))
    text, sums = column(120, 400, range(0, 300, 30)), column(420, 460, range(10, 310, 30))
    text[3:4] = [(120.0, 92.0, 150.0, 112.0), (160.0, 88.0, 400.0, 108.0)]
    text[7:8] = [(120.0, 180.0, 280.0, 200.0), (290.0, 182.0, 400.0, 202.0)]
    text.insert(11, (121.0, 255.0, 140.0, 268.0))
    dates[4] = (60.0, 125.0, 128.0, 145.0)
    mixed = [*sums, *text[::-1], *dates, *numbers]
    assert [mixed[index] for index in order(*mixed)] == [*numbers, *dates, *text, *sums]


def test_columns_under_a_letterhead_are_none() -> None:
    """A printed head over a letter in one column is read column by column."""
    head = [(x, float(y), x + 100, y + 20.0) for x in (0.0, 200.0, 400.0) for y in (0, 30, 60)]
    letter = column(0, 500, range(120, 400, 40))
    boxes = [*head, *letter]
    printed = [box in head for box in boxes]
    assert reading_order(boxes, [box[3] for box in boxes], printed) == list(range(len(boxes)))


def test_dates_numbers_and_addresses_at_the_top_come_before_the_text() -> None:
    text = column(60, 400, range(150, 500, 30))
    number, address = (430.0, 8.0, 470.0, 26.0), column(420, 560, range(30, 80, 28))
    salutation = (70.0, 92.0, 250.0, 112.0)
    mixed = [*text, salutation, *address, number]
    assert [mixed[index] for index in order(*mixed)] == [number, *address, salutation, *text]


def test_notes_in_the_margin_come_at_their_height() -> None:
    text = column(160, 500, range(100, 460, 30))
    early, late = (20.0, 192.0, 120.0, 212.0), (20.0, 312.0, 120.0, 332.0)
    mixed = [late, *text, early]
    expected = [*text[:3], early, *text[3:7], late, *text[7:]]
    assert [mixed[index] for index in order(*mixed)] == expected


def test_a_signature_below_the_text_comes_last() -> None:
    text = column(160, 500, range(100, 460, 30))
    signature = [(20.0, 520.0, 120.0, 540.0), (10.0, 550.0, 90.0, 570.0)]
    mixed = [*signature, *text]
    assert [mixed[index] for index in order(*mixed)] == [*text, *signature]
