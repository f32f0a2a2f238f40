"""Parquet as a source, and the detection of formats."""

import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.line_images import image_file, stored_line, write_image
from hwr.errors import DataError, UsageError
from hwr.prepare.iam import IamTree
from hwr.prepare.image_folder import ImageFolder
from hwr.prepare.parquet import ParquetLines
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.sidecar import SidecarFolder
from hwr.prepare.sources import ReaderOptions, detect_kinds, open_source
from hwr.prepare.table import Table
from hwr.store.columns import Columns
from hwr.store.splits import split_of
from hwr.store.writing import write_lines


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.parquet", "train"),
        ("validation-00000-of-00002.parquet", "val"),
        ("test_1.parquet", "test"),
        ("Dev.parquet", "val"),
        ("lines.parquet", None),
        ("testament.parquet", None),
    ],
)
def test_splits_by_name(name: str, split: str | None) -> None:
    assert split_of(Path("x", name)) == split


def test_a_shard_that_is_missing_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    write_lines(tmp_path / "train-00001-of-00002.parquet", [stored_line(1)])
    items = list(ParquetLines(tmp_path).items())
    assert [type(item) for item in items] == [Sample, Skipped]
    assert items[1] == Skipped(str(tmp_path / "train-00000-of-00002.parquet"), Reason.LOST_FILE)
    assert not Reason.LOST_FILE.deliberate


def test_a_file_that_cannot_be_used_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    write_lines(tmp_path / "train-00000.parquet", [stored_line(0)])
    write_lines(tmp_path / "train-00001.parquet", [stored_line(1)])
    (tmp_path / "train-00001.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"strokes": [1.0]}), tmp_path / "strokes.parquet")
    broken, sample, truncated = ParquetLines(tmp_path).items()
    assert isinstance(sample, Sample) and isinstance(broken, Skipped) and isinstance(truncated, Skipped)
    assert broken.where == str(tmp_path / "strokes.parquet") and "no column 'image'" in broken.detail
    assert truncated.reason is Reason.LOST_FILE and not truncated.reason.deliberate
    (tmp_path / "train-00000.parquet").unlink()
    with pytest.raises(DataError, match=r"strokes\.parquet: no column 'image'"):
        ParquetLines(tmp_path)


def test_a_store_is_read_back(tmp_path: Path) -> None:
    lines = [stored_line(number, image=image_file(seed=number)) for number in range(3)]
    write_lines(tmp_path / "train.parquet", lines[:2])
    write_lines(tmp_path / "val.parquet", lines[2:])
    items = list(ParquetLines(tmp_path).items())
    assert [(item.id, item.split, item.load()) for item in items if isinstance(item, Sample)] == [
        ("line-0", "train", lines[0].image),
        ("line-1", "train", lines[1].image),
        ("line-2", "val", lines[2].image),
    ]
    first = items[0]
    assert isinstance(first, Sample)
    assert (first.text, first.writer, first.lang, first.source) == ("text of line 0", "writer-0", "en", "test")


def test_shards_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = pa.table({"img": [b"1", None], "label": ["a", "b"]})
    for shard in range(2):
        pq.write_table(table, tmp_path / "data" / f"train-0000{shard}-of-00002.parquet")
    items = list(ParquetLines(tmp_path, Columns(image="img", text="label")).items())
    assert [type(item) for item in items] == [Sample, Skipped, Sample, Skipped]
    assert isinstance(items[1], Skipped) and items[1].reason is Reason.NO_IMAGE
    assert len({item.id for item in items if isinstance(item, Sample)}) == 2


def test_without_images_the_items_are_at_the_same_places(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b"1", None, b"3"], "text": ["a", "b", None]}), tmp_path / "a.parquet")
    source = ParquetLines(tmp_path / "a.parquet")
    assert [type(item) for item in source.items()] == [Sample, Skipped, Skipped]
    assert [type(item) for item in source.items(images=False)] == [Sample, Sample, Skipped]


def make_sources(folder: Path) -> dict[str, tuple[Path, type[Any]]]:
    """One source of each kind."""
    write_image(folder / "kraken" / "a.png")
    (folder / "kraken" / "a.gt.txt").write_text("a")
    write_image(folder / "hf" / "a.png")
    (folder / "hf" / "metadata.csv").write_text("file_name,text\na.png,a\n")
    (folder / "t.jsonl").write_text('{"image": "hf/a.png", "text": "a"}\n')
    (folder / "iam" / "ascii").mkdir(parents=True)
    (folder / "iam" / "ascii" / "lines.txt").write_text("a01-000u-00 ok 154 19 408 746 1661 89 A\n")
    write_lines(folder / "store" / "train.parquet", [stored_line(0)])
    return {
        "sidecar": (folder / "kraken", SidecarFolder),
        "table": (folder / "hf", ImageFolder),
        "jsonl": (folder / "t.jsonl", Table),
        "iam": (folder / "iam", IamTree),
        "iam-file": (folder / "iam" / "ascii" / "lines.txt", IamTree),
        "parquet": (folder / "store", ParquetLines),
        "parquet-file": (folder / "store" / "train.parquet", ParquetLines),
    }


def test_the_format_is_detected(tmp_path: Path) -> None:
    for name, (path, reader) in make_sources(tmp_path).items():
        assert isinstance(open_source(path), reader), name


def test_the_format_can_be_forced(tmp_path: Path) -> None:
    sources = make_sources(tmp_path)
    write_image(sources["parquet"][0] / "a.png")
    (sources["parquet"][0] / "a.gt.txt").write_text("a")
    assert detect_kinds(sources["parquet"][0])[0] == ["parquet", "sidecar"]
    [other] = open_source(sources["parquet"][0]).not_read
    assert (other.reason, other.detail) == (Reason.NOT_READ, "use --from sidecar to read it")
    assert isinstance(open_source(sources["parquet"][0], kind="sidecar"), SidecarFolder)
    plain = tmp_path / "list.txt"
    plain.write_text("hf/a.png\ta\n")
    assert isinstance(open_source(plain, kind="table"), Table)
    with pytest.raises(DataError, match="unknown kind of file"):
        open_source(plain)
    (tmp_path / "a page.json").write_text('{"rotation": 0}')
    with pytest.raises(DataError, match=r"hwr convert '.*a page\.json' --format page -o DIR makes PAGE XML"):
        open_source(tmp_path / "a page.json")


def test_sources_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, message in [(tmp_path / "missing", "does not exist"), (tmp_path / "empty", "no data set found")]:
        with pytest.raises(DataError, match=message):
            open_source(path)
    with pytest.raises(DataError, match="does not exist"):
        open_source(tmp_path / "missing", kind="parquet")


def test_what_is_there_instead_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<TEI/>")
    (tmp_path / "export.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"hwr prepare .*export\.zip; a\.xml is neither PAGE XML nor ALTO"):
        open_source(tmp_path)
    write_image(tmp_path / "1.png")
    (tmp_path / "1.gt.txt").write_text("a")
    [zipped] = open_source(tmp_path).not_read
    assert (zipped.where, zipped.detail) == (str(tmp_path / "export.zip"), "name the table or zip to read it")


@pytest.mark.parametrize("name", ["lines.tar", "lines.TAR.gz", "lines.7z"])
def test_other_archives_have_to_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match="archives other than zip are not read; unpack it"):
        open_source(tmp_path / name)
    with pytest.raises(DataError, match=f"an archive, {name}: unpack it"):
        open_source(tmp_path)


def test_a_zip_in_a_zip_has_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", b"")
    with pytest.raises(DataError, match=r"it contains another zip, inner\.zip: unpack outer\.zip first"):
        open_source(tmp_path / "outer.zip")


def test_columns_that_a_format_cannot_have(tmp_path: Path) -> None:
    sources = make_sources(tmp_path)
    with pytest.raises(UsageError, match="--split-column does not apply to Parquet"):
        open_source(sources["parquet"][0], ReaderOptions(columns=(("split", "x"),)))


@pytest.mark.parametrize(
    ("name", "data", "advice"),
    [
        ("en/train-00000-of-00001.parquet", b"", r"hwr prepare .*/en$"),
        ("iam/ASCII/lines.txt", b"a", r"hwr prepare .*/iam$"),
        ("de/metadata.csv", b"", r"hwr prepare .*/de$"),
        ("labels.json", b"{}", r"list of images and texts: hwr prepare .*/labels\.json --from table$"),
        ("page.json", b'{"rotation": 0}', r"hwr convert .*/page\.json --format page -o DIR makes PAGE XML"),
        ("data-00000-of-00001.arrow", b"", "is an Arrow file; .* to_parquet$"),
        ("scan.xml.gz", b"", "an archive, scan.xml.gz: unpack it first$"),
    ],
)
def test_the_way_out_of_a_folder_without_a_data_set(tmp_path: Path, name: str, data: bytes, advice: str) -> None:
    path = tmp_path / "source" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(DataError, match=advice):
        open_source(tmp_path / "source")


@pytest.mark.parametrize("name", ["train.parquet", "d/metadata.csv", "ascii/lines.txt", "list.csv"])
def test_a_zip_with_another_data_set_has_to_be_unpacked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(DataError, match=r"unpack set\.zip first") as caught:
        open_source(path)
    assert "set.zip/" not in str(caught.value)


def test_a_choice_between_columns_of_texts_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "lines.parquet"
    pq.write_table(pa.table({"image": [image_file()], "text": ["one"], "transcription": ["two"]}), file)
    assert open_source(file).notes.counts() == {
        "columns text and transcription: text is read (--text-column names another)": 1
    }
    named = open_source(file, ReaderOptions(columns=(("text", "transcription"),)))
    assert [item.text for item in named.items() if isinstance(item, Sample)] == ["two"]
    assert not named.notes.counts()
