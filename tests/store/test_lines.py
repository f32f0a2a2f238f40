"""The line store against pyarrow itself, and against files from elsewhere."""

import json
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hwr.store.lines as store_lines
from helpers.line_images import image_file, stored_line
from hwr.errors import DataError
from hwr.store.columns import Columns
from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines


@pytest.fixture
def lines() -> list[StoredLine]:
    return [stored_line(number) for number in range(700)]


def plain_table(count: int) -> pa.Table:
    """A table as other programs write it: no id, no size."""
    images = [{"bytes": b"image %d" % number, "path": f"{number}.png"} for number in range(count)]
    return pa.table({"image": images, "text": [f"text {number}" for number in range(count)]})


def write_table(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_what_is_written_is_read(tmp_path: Path, lines: list[StoredLine]) -> None:
    written = write_lines(tmp_path / "a.parquet", lines)
    file = LineStore(tmp_path / "a.parquet")
    assert written.count == file.count == 700
    assert list(file) == lines


def test_pyarrow_reads_the_same(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines)
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row.pop("image") for row in rows] == [{"bytes": line.image, "path": line.path} for line in lines]
    names = [item.name for item in fields(StoredLine) if item.name not in ("image", "path")]
    assert rows == [{name: getattr(line, name) for name in names} for line in lines]


def test_row_groups_have_at_most_256_lines(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [256, 256, 188]


def test_large_images_make_small_row_groups(tmp_path: Path) -> None:
    large = bytes(9 * 2**20)
    write_lines(tmp_path / "a.parquet", (stored_line(number, image=large) for number in range(6)))
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [4, 2]


def test_schema_is_the_hugging_face_image_layout(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines)
    schema = pq.read_schema(tmp_path / "a.parquet")
    text = {"dtype": "string", "_type": "Value"}
    size = {"dtype": "int32", "_type": "Value"}
    assert json.loads(schema.metadata[b"huggingface"]) == {
        "info": {
            "features": {
                "image": {"_type": "Image"},
                "text": text,
                "id": text,
                "width": size,
                "height": size,
                "writer": text,
                "page": text,
                "lang": text,
                "source": text,
                "licence": text,
            }
        }
    }
    assert schema.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert [field.name for field in schema][1:] == list(
        json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    )[1:]
    assert schema.field("width").type == pa.int32()


def test_same_lines_give_the_same_bytes_and_hash(tmp_path: Path, lines: list[StoredLine]) -> None:
    first = write_lines(tmp_path / "a.parquet", lines)
    second = write_lines(tmp_path / "b.parquet", iter(lines))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (first.count, first.sha256) == (second.count, second.sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "other"},
        {"image": b"other"},
        {"licence": ""},
        {"writer": None},
        {"width": 1},
        {"id": "line-", "path": "00.png"},
    ],
)
def test_the_hash_sees_every_value(tmp_path: Path, lines: list[StoredLine], change: dict[str, Any]) -> None:
    one = write_lines(tmp_path / "a.parquet", lines[:3])
    other = write_lines(tmp_path / "a.parquet", [replace(lines[0], **change), *lines[1:3]])
    assert one.sha256 != other.sha256


def test_a_giant_row_group_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "giant.parquet"
    pq.write_table(plain_table(1000), path, row_group_size=600)
    file = LineStore(path)
    assert [(group.row_group, group.start, group.stop) for group in file.groups] == [
        (0, 0, 256),
        (0, 256, 512),
        (0, 512, 600),
        (1, 0, 256),
        (1, 256, 400),
    ]
    assert [line.text for line in file] == [f"text {number}" for number in range(1000)]
    assert [line.image for line in file.read_group(4)] == [b"image %d" % number for number in range(856, 1000)]


def test_groups_can_be_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "giant.parquet"
    pq.write_table(plain_table(1000), path, row_group_size=1000)
    file = LineStore(path)
    for index in (2, 3, 0, 0, 1, 3, 2):
        group = file.groups[index]
        assert [line.text for line in file.read_group(index)] == [f"text {n}" for n in range(group.start, group.stop)]


def test_reading_forward_continues_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "giant.parquet"
    pq.write_table(plain_table(2000), path, row_group_size=2000)
    file = LineStore(path)
    begun: list[int] = []
    begin: Callable[..., Iterator[Any]] = store_lines._batches
    monkeypatch.setattr(
        store_lines, "_batches", lambda source, names: begun.append(source.number) or begin(source, names)
    )
    assert sum(len(file.read_group(index)) for index in range(len(file.groups))) == 2000
    assert begun == [0]


def test_an_iteration_survives_another_reader_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "giant.parquet"
    pq.write_table(plain_table(600), path, row_group_size=600)
    file = LineStore(path)
    texts = []
    for line in file:
        texts.append(line.text)
        if len(texts) % 100 == 0:
            file.read_group(0)
    assert texts == [f"text {number}" for number in range(600)]


def test_missing_columns_are_filled(tmp_path: Path) -> None:
    path = write_table(tmp_path / "plain.parquet", {"image": [{"bytes": image_file(123, 45)}], "text": ["a"]})
    [line] = LineStore(path)
    assert (line.id, line.path, line.width, line.height) == ("plain-0000000", "", 123, 45)
    assert (line.writer, line.page, line.lang, line.source, line.licence) == (None,) * 5


def test_a_broken_image_has_no_size_and_is_still_read(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", {"image": [{"bytes": b"no image"}], "text": ["a"]})
    [line] = LineStore(path)
    assert (line.width, line.height, line.image) == (0, 0, b"no image")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_images_may_be_plain_bytes(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_table(tmp_path / "a.parquet", {"image": pa.array([b"one", b"two"], kind), "text": ["a", "b"]})
    assert [(line.image, line.text) for line in LineStore(path)] == [(b"one", "a"), (b"two", "b")]


def test_texts_may_be_dictionary_encoded_and_ids_numbers(tmp_path: Path) -> None:
    texts = pa.array(["a", "b", "a"]).dictionary_encode()
    path = write_table(tmp_path / "a.parquet", {"image": [b"1", b"2", b"3"], "text": texts, "id": [7, 8, 9]})
    assert [(line.text, line.id) for line in LineStore(path)] == [("a", "7"), ("b", "8"), ("a", "9")]


def test_other_column_names(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", {"picture": [b"one"], "label": ["a"], "hand": ["w1"]})
    [line] = LineStore(path, columns=Columns(image="picture", text="label", writer="hand"))
    assert (line.image, line.text, line.writer) == (b"one", "a", "w1")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            Columns(),
            "no column 'image' for the image; its columns: picture, label; name the right one with --image-column "
            r"\(for a command without this option, `hwr prepare` makes a store\)",
        ),
        (Columns(image="picture"), "no column 'text' for the text.*picture, label.*--text-column"),
        (Columns(image="picture", text="label", writer="hand"), "no column 'hand' for the writer.*--writer-column"),
        (Columns(image="label", text="label"), "column 'label' holds string, not the bytes of images"),
        (Columns(image="picture", text="picture"), "column 'picture' holds binary, not text"),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, columns: Columns, message: str) -> None:
    path = write_table(tmp_path / "a.parquet", {"picture": [b"one"], "label": ["a"]})
    with pytest.raises(DataError, match=message):
        LineStore(path, columns=columns)


def null_file(tmp_path: Path) -> Path:
    images = [{"bytes": b"0", "path": "0"}, {"bytes": None, "path": "1.png"}, None, {"bytes": b"3", "path": "3"}]
    return write_table(tmp_path / "nulls.parquet", {"image": images, "text": ["a", "b", "c", None]})


def test_rows_without_text_or_image_are_reported_once(tmp_path: Path) -> None:
    reported: list[tuple[int, str]] = []
    file = LineStore(null_file(tmp_path), report=lambda row, reason: reported.append((row, reason)))
    for _ in range(2):
        assert [line.text for line in file] == ["a"]
    assert reported == [
        (1, "no image bytes (null, only the path '1.png')"),
        (2, "no image bytes (null)"),
        (3, "no text (null)"),
    ]
    assert file.unusable == dict(reported)


def test_unreported_rows_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        list(LineStore(null_file(tmp_path)))
    assert [record.getMessage().split(": ", 1)[1] for record in caplog.records][-1] == "row 3 left out: no text (null)"


def test_rows_number_every_row(tmp_path: Path) -> None:
    rows = dict(LineStore(null_file(tmp_path)).rows())
    assert list(rows) == [0, 1, 2, 3]
    assert [row for row, line in rows.items() if isinstance(line, str)] == [1, 2, 3]


def test_rows_without_images_have_the_facts(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines)
    rows = [line for _, line in LineStore(tmp_path / "a.parquet").rows(images=False)]
    assert rows == [replace(line, image=b"", path="") for line in lines]


def test_texts_alone(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines)
    assert list(LineStore(tmp_path / "a.parquet").texts()) == [line.text for line in lines]
    assert list(LineStore(null_file(tmp_path)).texts()) == ["a", "b", "c"]


def test_bad_files_are_refused(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "good.parquet", lines)
    good = (tmp_path / "good.parquet").read_bytes()
    write_table(tmp_path / "no-rows.parquet", {"image": pa.array([], pa.binary()), "text": pa.array([], pa.string())})
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "text.parquet").write_bytes(b"image,text\n")
    (tmp_path / "truncated.parquet").write_bytes(good[: len(good) // 2])
    (tmp_path / "folder.parquet").mkdir()
    for name, message in [
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("text", "is not a Parquet file"),
        ("truncated", "is truncated or corrupt"),
        ("no-rows", "contains no line"),
        ("folder", "is a folder"),
    ]:
        with pytest.raises(DataError, match=message) as error:
            LineStore(tmp_path / f"{name}.parquet")
        assert f"{name}.parquet" in str(error.value) and "\n" not in str(error.value)


def corrupt(path: Path, lines: list[StoredLine]) -> None:
    """A file whose second row group of three is damaged in the images."""
    write_lines(path, lines)
    data = bytearray(path.read_bytes())
    place = data.index(b"image 300")
    data[place : place + 4] = b"IMAG"
    path.write_bytes(bytes(data))


def test_a_damaged_group_is_an_error_and_the_others_are_read(tmp_path: Path, lines: list[StoredLine]) -> None:
    corrupt(tmp_path / "a.parquet", lines)
    file = LineStore(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row group 1 cannot be read"):
        file.read_group(1)
    assert file.read_group(0) == lines[:256]
    assert file.read_group(2) == lines[512:]


def test_rows_of_a_damaged_group_are_left_out_and_reported_once(tmp_path: Path, lines: list[StoredLine]) -> None:
    corrupt(tmp_path / "a.parquet", lines)
    reports: list[tuple[int, str]] = []
    store = LineStore(tmp_path / "a.parquet", report=lambda row, reason: reports.append((row, reason)))
    for _ in range(2):
        store.leave_out_group(1, "corrupt")
    assert reports == [(256, "and the 255 rows after it: corrupt")]
    assert list(store.unusable) == list(range(256, 512))
    assert len(list(store.texts())) == 700  # which are in another column


def test_two_rows_that_are_left_out(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", lines[:258])
    reports: list[tuple[int, str]] = []
    LineStore(tmp_path / "a.parquet", report=lambda *item: reports.append(item)).leave_out_group(1, "corrupt")
    assert reports == [(256, "and the row after it: corrupt")]


def test_texts_of_a_damaged_group_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"image": [b"i"] * 600, "text": [f"text {number:04}" for number in range(600)]})
    pq.write_table(table, path, 256, compression="none", use_dictionary=False, write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"text 0300", b"TEXT 0300"))
    reports: list[tuple[int, str]] = []
    store = LineStore(path, report=lambda row, reason: reports.append((row, reason)))
    assert [text[5:] for text in store.texts()] == [f"{n:04}" for n in (*range(256), *range(512, 600))]
    [(row, reason)] = reports
    assert row == 256 and reason.startswith(f"and the 255 rows after it: {path}: row group 1 cannot be read")


def test_rows_continue_after_a_damaged_group(tmp_path: Path, lines: list[StoredLine]) -> None:
    corrupt(tmp_path / "a.parquet", lines)
    rows = dict(LineStore(tmp_path / "a.parquet").rows())
    assert list(rows) == list(range(700))
    assert [row for row, line in rows.items() if isinstance(line, str)] == list(range(256, 512))


def test_writing_fails_whole(tmp_path: Path, lines: list[StoredLine]) -> None:
    path = tmp_path / "a.parquet"
    write_lines(path, lines[:1])
    before = path.read_bytes()

    def breaking() -> Iterator[StoredLine]:
        yield from lines
        raise DataError("source broke")

    with pytest.raises(DataError, match="source broke"):
        write_lines(path, breaking())
    with pytest.raises(DataError, match="no line to write"):
        write_lines(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_shared_set_opens(shared: Path) -> None:
    file = LineStore(shared / "stanford-memorials" / "val.parquet")
    assert file.count == 44
    first = next(iter(file))
    assert first.width > first.height > 0 and first.lang == "en"


def test_one_text_that_is_not_utf_8_does_not_take_the_others(tmp_path: Path) -> None:
    for kind in (pa.string(), pa.large_string()):
        texts = pa.array([b"good", b"caf\xe9", b"too"], pa.binary()).cast(pa.large_binary())
        raw = pa.Array.from_buffers(pa.large_string(), 3, texts.buffers())
        table = pa.table({"image": [b"1", b"2", b"3"], "text": raw.cast(kind) if kind == pa.large_string() else raw})
        pq.write_table(table, tmp_path / "a.parquet", store_schema=False)
        file = LineStore(tmp_path / "a.parquet", report=lambda row, reason: None)
        assert [line.text for line in file] == list(file.texts()) == ["good", "too"]
        assert file.unusable == {1: "the text is not UTF-8"}


@pytest.mark.parametrize(
    "columns",
    [
        {"width": ["wide", None], "height": [1.5, float("nan")]},
        {"width": [-5, 0], "height": [2, 2]},
        {"width": [[1], [2]], "height": [True, False]},
        {"id": [[1, 2], None], "writer": [{"a": 1}, None], "page": [2**62, 1]},
    ],
)
def test_columns_of_other_types_are_survived(tmp_path: Path, columns: dict[str, Any]) -> None:
    images = [image_file(30, 20), image_file(40, 20)]
    path = write_table(tmp_path / "a.parquet", {"image": images, "text": ["a", "b"], **columns})
    assert [(line.text, line.width, line.height) for line in LineStore(path)] == [("a", 30, 20), ("b", 40, 20)]


def test_images_as_text_are_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", {"image": [{"bytes": "text", "path": 1}], "text": ["a"]})
    with pytest.raises(DataError, match="not the bytes of images"):
        LineStore(path)


def test_seeded_mutations_are_refused_or_read(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "good.parquet", lines[:60])
    good = (tmp_path / "good.parquet").read_bytes()
    path, refused = tmp_path / "a.parquet", 0
    for seed in range(300):
        generator = random.Random(seed)
        data = bytearray(good)
        for _ in range(generator.choice((1, 2, 10))):
            place = generator.randrange(len(data) - 3000, len(data))
            data[place : place + generator.randrange(3)] = generator.randbytes(generator.randrange(3))
        path.write_bytes(data)
        try:
            file = LineStore(path, report=lambda row, reason: None)
            assert len(list(file.rows())) == file.count
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100
