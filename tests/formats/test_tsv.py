"""The table, read as its users read it."""

import csv
from io import BytesIO, StringIO

from helpers.written_pages import EMPTY, ODD, RICH
from hwr.formats import find_format, to_bytes
from hwr.page.page import Page

TSV = find_format("tsv")


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(data.decode()), delimiter="\t", quoting=csv.QUOTE_NONE))


def write(*pages: Page) -> bytes:
    file = BytesIO()
    writer = TSV.open(file)
    for page in pages:
        writer.add(page, None, None)
    writer.close()
    return file.getvalue()


def test_the_columns_are_those_of_tesseract() -> None:
    head = "level page_num block_num par_num line_num word_num left top width height conf text"
    assert to_bytes(TSV, RICH).decode().split("\n")[0].split("\t") == head.split(" ")


def test_words_in_order_with_box_and_confidence() -> None:
    table = rows(to_bytes(TSV, RICH))
    words = [row for row in table if row["level"] == "5"]
    expected = [word for line in RICH.lines for word in line.text.split(" ") if word]
    assert [row["text"] for row in words] == expected
    friends = words[1]
    assert [friends[name] for name in ("left", "top", "width", "height")] == ["200", "55", "200", "65"]
    assert float(friends["conf"]) == 25 and float(words[0]["conf"]) == 99.65
    assert [[int(row[name]) for name in ("block_num", "line_num", "word_num")] for row in words[3:5]] == [
        [1, 1, 4],
        [1, 2, 1],
    ]


def test_boxes_of_pages_blocks_and_lines_have_no_text() -> None:
    table = [row for row in rows(to_bytes(TSV, RICH)) if row["level"] != "5"]
    assert [row["level"] for row in table] == list("123442342344")
    assert {(row["conf"], row["text"]) for row in table} == {("-1", "")}
    assert [table[0][name] for name in ("left", "top", "width", "height")] == ["0", "0", "800", "600"]
    assert [table[3][name] for name in ("left", "top", "width", "height")] == ["60", "50", "580", "75"]


def test_the_pages_of_a_document_are_numbered() -> None:
    table = rows(write(EMPTY, RICH, EMPTY))
    assert [row["page_num"] for row in table if row["level"] == "1"] == ["1", "2", "3"]
    assert {row["page_num"] for row in table if row["level"] == "5"} == {"2"}
    assert rows(write()) == []


def test_each_row_has_all_columns() -> None:
    for page in (RICH, EMPTY, ODD):
        assert {line.count("\t") for line in to_bytes(TSV, page).decode().splitlines()[:1]} == {11}
        assert all(None not in row.values() and None not in row for row in rows(to_bytes(TSV, page)))
