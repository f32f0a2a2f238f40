"""Tables: TSV, CSV, JSON Lines, with and without a header."""

import csv
import json
from pathlib import Path

import pytest

from helpers.line_images import write_image
from hwr.errors import DataError
from hwr.formats.json import write_json
from hwr.page.page import Page
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.sources import detect_kinds, open_source
from hwr.prepare.table import Table, TableOptions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "deep/c d.jpg"):
        write_image(tmp_path / name)
    return tmp_path


def read(path: Path, header: bool | None = None, **columns: str) -> list[Sample | Skipped]:
    return list(Table(path, columns, TableOptions(header)).items())


def texts(items: list[Sample | Skipped]) -> list[tuple[str, str]]:
    return [(item.id, item.text) for item in items if isinstance(item, Sample)]


def test_tsv_without_a_header(folder: Path) -> None:
    table = folder / "t.tsv"
    table.write_bytes(b'a.png\tHe said "no", twice\t\r\n\r\ndeep/c d.jpg\t"quoted"\textra\r\n')
    items = read(table)
    assert texts(items) == [("a", 'He said "no", twice'), ("deep/c d", '"quoted"')]
    assert isinstance(items[1], Sample) and items[1].load() == (folder / "deep" / "c d.jpg").read_bytes()


def test_tsv_with_a_header_in_any_order(folder: Path) -> None:
    table = folder / "t.tsv"
    table.write_text(
        "\ufeffWriter\tText\tsplit\tfile_name\tpage\tlanguage\tlicense\nw1\thello\tdev\ta.png\tp1\tde\tCC0\n"
    )
    [item] = read(table)
    assert isinstance(item, Sample)
    assert (item.text, item.writer, item.split, item.page, item.lang, item.licence, item.source) == (
        "hello",
        "w1",
        "val",
        "p1",
        "de",
        "CC0",
        None,
    )


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_as_python_writes_it(folder: Path, separator: str) -> None:
    table = folder / "t.csv"
    rows = [("id", "image", "text"), ("1", "a.png", 'a "b", c; d'), ("2", "b.png", "two\nlines")]
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    assert texts(read(table)) == [("1", 'a "b", c; d'), ("2", "two\nlines")]


def test_jsonl(folder: Path) -> None:
    table = folder / "t.jsonl"
    rows = [{"file_name": "a.png", "text": "line\u2028separator", "id": 5}, {"file_name": "b.png", "text": "\u00e9"}]
    table.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    assert texts(read(table)) == [("5", "line\u2028separator"), ("b", "\u00e9")]


def test_named_and_numbered_columns(folder: Path) -> None:
    named = folder / "named.csv"
    named.write_text("picture,gt,hand\na.png,hello,w1\n")
    [item] = read(named, image="picture", text="gt", writer="hand")
    assert isinstance(item, Sample) and (item.text, item.writer) == ("hello", "w1")
    numbered = folder / "numbered.tsv"
    numbered.write_text("w1\thello\ta.png\n")
    [item] = read(numbered, image="3", text="2", writer="1")
    assert isinstance(item, Sample) and (item.text, item.writer) == ("hello", "w1")


def test_the_header_can_be_forced(folder: Path) -> None:
    table = folder / "t.tsv"
    table.write_text("image\ttext\na.png\thello\n")
    assert texts(read(table)) == [("a", "hello")]
    forced = read(table, header=False)
    assert len(forced) == 2 and isinstance(forced[0], Skipped) and forced[0].reason is Reason.NO_IMAGE
    headless = folder / "h.tsv"
    headless.write_text("a.png\thello\n")
    with pytest.raises(DataError, match=r"no column for the image; its columns: a\.png, hello; .*--image-column"):
        read(headless, header=True)


def test_bad_rows_are_named_and_the_rest_is_read(folder: Path) -> None:
    table = folder / "t.tsv"
    long_name = "x" * 400
    table.write_bytes(
        b"image\ttext\tsplit\na.png\tgood\t\nb.png\nmissing.png\tx\t\n\tx\t\nb.png\tcaf\xe9\t\nb.png\tx\tfoo\n"
        + f"{long_name}\tx\t\n".encode()
    )
    items = read(table)
    assert texts(items) == [("a", "good")]
    assert [(item.where.split(", ")[-1], item.reason) for item in items if isinstance(item, Skipped)] == [
        ("row 3", Reason.BAD_ROW),
        ("row 4", Reason.NO_IMAGE),
        ("row 5", Reason.NO_IMAGE),
        ("row 6", Reason.BAD_ROW),
        ("row 7", Reason.BAD_ROW),
        ("row 8", Reason.NO_IMAGE),
    ]


def test_paths_from_other_systems(folder: Path) -> None:
    table = folder / "t.tsv"
    rows = [
        "deep\\c d.jpg",
        "deep/C D.JPG",
        "deep/c%20d.jpg",
        "C:\\scans\\deep\\c d.jpg",
        "/data/deep/c d.jpg",
        "c d.jpg",
    ]
    table.write_text("".join(f"{row}\t{number}\n" for number, row in enumerate(rows)))
    reader = Table(table)
    items = list(reader.items())
    assert [item.path if isinstance(item, Sample) else item.detail for item in items] == ["c d.jpg"] * 6
    [(note, count)] = reader.notes.counts().items()
    assert "found by their names" in note and count == 3


def test_images_outside_the_folder_are_asked_for(folder: Path, tmp_path: Path) -> None:
    inside = folder / "inside"
    inside.mkdir()
    (inside / "link.png").symlink_to(folder / "a.png")
    table = inside / "t.tsv"
    table.write_text(f"{folder}/a.png\tabsolute\n../a.png\tabove\nlink.png\tlink\n")
    items = read(table)
    assert all(isinstance(item, Skipped) and "--allow-outside" in item.detail for item in items)
    allowed = list(Table(table, options=TableOptions(allow_outside=True)).items())
    assert texts(allowed) == [(f"{folder}/a", "absolute"), ("../a", "above"), ("link", "link")]
    named = list(Table(table, options=TableOptions(images=folder)).items())
    assert [item.text for item in named if isinstance(item, Sample)] == ["absolute", "link"]


def test_a_choice_between_columns_is_noted(folder: Path) -> None:
    (folder / "t.csv").write_text("file_name,text,transcription\na.png,one,two\n")
    (folder / "t.jsonl").write_text('{"image": "a.png", "text": "one", "label": "two"}\n')
    for name, other in (("t.csv", "transcription"), ("t.jsonl", "label")):
        table = Table(folder / name)
        assert texts(list(table.items())) == [("a", "one")]
        [note] = table.notes.counts()
        assert note.startswith(f"columns text and {other}: text is read")
        assert not Table(folder / name, {"text": other}).notes.counts()


def test_lists_as_trocr_and_pylaia_have_them(folder: Path) -> None:
    trocr = folder / "gt_train.txt"
    trocr.write_text("c d.jpg\tMy dear brother, the rain\n")
    assert texts(read(trocr)) == [("c d", "My dear brother, the rain")]
    pylaia = folder / "train.txt"
    pylaia.write_text("a T h e <space> r a i n\ndeep/b x\n")
    items = read(pylaia)
    assert texts(items)[0] == ("a", "The rain")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_tables_with_a_byte_order_mark(folder: Path, encoding: str) -> None:
    table = folder / "t.txt"
    table.write_bytes("image\ttext\r\na.png\tdéjà vu\r\n".encode(encoding))
    assert texts(read(table)) == [("a", "déjà vu")]


def test_a_quotation_mark_that_is_not_closed_is_named(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_text('image,text\na.png,good\nb.png,"open\n' + "a.png,kept\n" * 30 + 'b.png,"at the end')
    items = read(table)
    assert texts(items) == [("a", "good"), *[("a", "kept")] * 30]
    assert {item.detail for item in items if isinstance(item, Skipped)} == {"a quotation mark is not closed"}


def test_quotation_marks_of_careless_programs(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_text('image,text\na.png,"two"x\nb.png,"open\nb.png,"closed"\nb.png,"one\ntwo"\n')
    items = read(table)
    assert texts(items) == [("a", "twox"), ("b", "closed"), ("b", "one\ntwo")]


@pytest.mark.parametrize("separator", ["\t", ","])
def test_a_text_is_not_cut_at_a_separator_in_it(folder: Path, separator: str) -> None:
    table = folder / "t.csv"
    rows = [("image", "text"), ("a.png", "well", "yes"), ("b.png", "good", "", " ")]
    table.write_text("\n".join(separator.join(row) for row in rows))
    items = read(table)
    assert texts(items) == [("b", "good")]
    assert [item.detail[:41] for item in items if isinstance(item, Skipped)] == [
        "has 3 columns, but the first row has 2: i"
    ]


def test_columns_without_a_name_that_are_not_read_are_noted(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_text("a.png,well,yes\n")
    source = Table(table)
    assert [item.text for item in source.items() if isinstance(item, Sample)] == ["well"]
    assert any("only the first two columns" in note for note in source.notes.counts())
    table.write_text("text,image,text\na,a.png,b\n")
    assert any("columns text and text: text is read" in note for note in Table(table).notes.counts())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"image\ttext\na.png\tthe rain\n"),
        ("t.csv", b"sep=;\r\nimage;text\r\na.png;the rain\r\n"),
        ("t.tsv", b"sep=\t\nimage\ttext\na.png\tthe rain\n"),
        ("t.csv", b'"sep=;"\n"a.png";"the rain"\n'),
        ("metadata.csv", b"a.png|the rain\n"),
        ("t.tsv", b"image\ttext\ra.png\tthe rain\r"),
        ("t.csv", b"image,text\ra.png,the rain\r"),
        ("labels.txt", b"a.png the rain\nb.png a\n"),
        ("gt.txt", b"a.png\tthe rain\n"),
    ],
)
def test_lists_of_other_programs(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    assert texts(read(folder / name))[0] == ("a", "the rain")


def test_a_separator_inside_the_texts_is_not_taken_for_that_of_the_table(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_text("a.png;yes, well\nb.png;no\n")
    assert texts(read(table)) == [("a", "yes, well"), ("b", "no")]


def test_a_first_row_that_is_not_csv_costs_only_itself(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_bytes(b"a.png;w\rell\nb.png;no\n")
    bad, good = read(table)
    assert isinstance(bad, Skipped) and "not CSV" in bad.detail
    assert isinstance(good, Sample) and (good.id, good.text) == ("b", "no")


@pytest.mark.parametrize("head", ["sep=,\n", ""])
def test_rows_are_counted_from_the_first_of_the_file(folder: Path, head: str) -> None:
    table = folder / "t.csv"
    table.write_text(f"{head}image,text\na.png,well\nlost.png,yes\n")
    [_, missing] = read(table)
    assert isinstance(missing, Skipped) and missing.where == f"{table}, row {4 if head else 3}"


def test_labels_of_text_detection_are_not_texts(folder: Path) -> None:
    table = folder / "Label.txt"
    table.write_text('a.png\t[{"transcription": "x", "points": [[0, 0], [1, 0], [1, 1]]}]\nb.png\tx\n')
    assert texts(read(table)) == [("b", "x")]


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x1f\x8b\x08\x00"])
def test_spreadsheets_and_compressed_tables_are_refused(folder: Path, head: bytes) -> None:
    (folder / "t.csv").write_bytes(head + bytes(100))
    with pytest.raises(DataError, match="save it as CSV or TSV"):
        read(folder / "t.csv")


def test_json_that_python_refuses_is_one_bad_row(folder: Path) -> None:
    table = folder / "t.jsonl"
    table.write_text('{"image": "a.png", "text": "good"}\n' + "[" * 100_000 + '\n{"a": ' + "9" * 5000 + "}\n")
    items = read(table)
    assert texts(items) == [("a", "good")]
    assert [item.detail[:25] for item in items if isinstance(item, Skipped)] == ["not JSON that can be read"] * 2


def test_bad_json_rows(folder: Path) -> None:
    table = folder / "t.jsonl"
    table.write_text(
        '{"image": "a.png", "text": "good"}\n{"image": \n[1]\n{"image": "b.png"}\n{"image": "b.png", "text": null}\n'
    )
    items = read(table)
    assert texts(items) == [("a", "good")]
    assert [item.detail.split(":")[0] for item in items if isinstance(item, Skipped)] == [
        "not JSON",
        "not a JSON object",
        "no string for the text; the keys are",
        "'text' is not a string, but null",
    ]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("empty.tsv", b"", {}, "is empty"),
        ("empty.jsonl", b"\n", {}, "contains no row"),
        ("head.tsv", b"image\ttext\n", {}, "contains no row"),
        ("one.tsv", b"a.png\n", {}, "has one column"),
        ("no-text.csv", b"image,foo\na.png,x\n", {"text": "gt"}, "no column 'gt' for the text"),
        ("number.tsv", b"a.png\thello\n", {"text": "9"}, "no column '9' for the text.*1 to 2"),
        ("foreign.jsonl", b'{"a": 1}\n', {}, "no row can be used; row 1: no string for the image; the keys are: a"),
    ],
)
def test_tables_that_cannot_be_used(
    folder: Path, name: str, content: bytes, columns: dict[str, str], message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read(folder / name, **columns)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_tsv_whose_fields_are_all_quoted(folder: Path) -> None:
    table = folder / "t.tsv"
    with table.open("w", newline="", encoding="utf-16") as file:
        rows = [("image", "text"), ("a.png", 'He said "no"'), ("b.png", "a\tb")]
        csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL).writerows(rows)
    assert texts(read(table)) == [("a", 'He said "no"'), ("b", "a\tb")]


ROWS = [{"image": "a.png", "text": "one"}, {"image": "b.png", "text": "tw\u00f6"}]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "\n".join(map(json.dumps, ROWS)),
    ],
)
def test_json_of_every_layout(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    assert detect_kinds(folder / name)[0] == ["table"]
    assert texts(read(folder / name)) == [("a", "one"), ("b", "tw\u00f6")]


def test_a_bad_object_costs_only_itself(folder: Path) -> None:
    first, second = (json.dumps(row, indent=2) for row in ROWS)
    (folder / "t.json").write_text(f"{first}\n{first[:-5]}\n[1]\n{second}")
    items = read(folder / "t.json")
    assert texts(items) == [("a", "one"), ("b", "tw\u00f6")]
    assert [item.reason for item in items if isinstance(item, Skipped)] == [Reason.BAD_ROW]


def test_spreadsheets_are_named(folder: Path) -> None:
    (folder / "Lines.XLSX").write_bytes(b"PK\x03\x04")
    for path in (folder, folder / "Lines.XLSX"):
        with pytest.raises(DataError, match=r"save it as CSV or TSV$"):
            open_source(path)


def test_json_of_pages_is_not_a_table(folder: Path) -> None:
    (folder / "page.json").write_text(write_json(Page("a.png", 200, 100, "small", (), ())))
    with pytest.raises(DataError, match=r"page\.json: JSON of a page; hwr convert .*page\.json --format page -o DIR"):
        open_source(folder / "page.json")


def test_a_row_with_one_column(folder: Path) -> None:
    (folder / "t.csv").write_text("image,text\na.png,one\nb.png\n")
    [left_out] = [item for item in read(folder / "t.csv") if isinstance(item, Skipped)]
    assert (left_out.reason, left_out.detail) == (Reason.BAD_ROW, "has 1 column, none for the text")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", "image;text\na.png;caf\xe9\nb.png;tea\n"),
        ("t.tsv", "a.png\tcaf\xe9\nb.png\ttea\n"),
        ("t.jsonl", '{"image": "a.png", "text": "caf\xe9"}\n{"image": "b.png", "text": "tea"}\n'),
    ],
)
def test_rows_in_an_old_encoding_say_how_to_convert_them(folder: Path, name: str, data: str) -> None:
    (folder / name).write_bytes(data.encode("cp1252"))
    bad, good = read(folder / name)
    assert isinstance(good, Sample) and good.text == "tea"
    assert isinstance(bad, Skipped) and "iconv -f WINDOWS-1252 -t UTF-8" in bad.detail


def test_a_header_in_another_language_is_not_passed_over_silently(folder: Path) -> None:
    table = folder / "t.csv"
    table.write_text("Bild;Text\na.png;eins\nlost.png;zwei\nlost;drei\n")
    head, good, lost, named = read(table)
    assert isinstance(good, Sample) and good.text == "eins"
    assert isinstance(head, Skipped) and "if this row names the columns" in head.detail
    assert "--image-column" in head.detail and "--text-column" in head.detail
    for item in (lost, named):
        assert isinstance(item, Skipped) and "--image-column" not in item.detail
    assert texts(read(table, image="bild", text="text")) == [("a", "eins")]


def test_a_list_with_commas_that_is_called_tsv(folder: Path) -> None:
    table = folder / "t.tsv"
    table.write_text('image,text\na.png,"one, two"\n')
    assert texts(read(table)) == [("a", "one, two")]


def test_labels_of_doctr(folder: Path) -> None:
    labels = folder / "labels.json"
    labels.write_text(json.dumps({"a.png": "one", "b.png": 2, "c d.jpg": "three"}, indent=1))
    items = read(labels)
    assert texts(items) == [("a", "one"), ("c d", "three")]
    assert [item.detail for item in items if isinstance(item, Skipped)] == ["'text' is not a string, but 2"]
