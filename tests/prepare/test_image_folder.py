"""Image folders of Hugging Face: one table, or one for each split."""

from pathlib import Path

import pytest

from helpers.line_images import write_image
from hwr.errors import DataError
from hwr.files.tree import LFS_POINTER
from hwr.prepare.image_folder import ImageFolder
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.sources import detect_kinds, open_source
from hwr.prepare.table import TableOptions
from hwr.prepare.table_rows import ALL_KNOWN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two splits with images of the same names."""
    for split in ("train", "Test"):
        write_image(tmp_path / split / "0.png")
    (tmp_path / "train" / "metadata.csv").write_text("file_name,text\n0.png,one\nlost.png,two\n")
    (tmp_path / "Test" / "Metadata.JSONL").write_text('{"file_name": "0.png", "text": "three"}\n')
    return tmp_path


def items_of(source: Path) -> list[Sample | Skipped]:
    return list(open_source(source).items())


def test_a_table_for_each_split(folder: Path) -> None:
    assert detect_kinds(folder)[0] == ["table"]
    items = items_of(folder)
    samples = [item for item in items if isinstance(item, Sample)]
    assert {(item.id, item.text, item.split) for item in samples} == {
        ("train/0", "one", "train"),
        ("Test/0", "three", "test"),
    }
    assert {item.load() for item in samples} == {(folder / "train" / "0.png").read_bytes()}
    assert [item.reason for item in items if isinstance(item, Skipped)] == [Reason.NO_IMAGE]


def test_the_table_of_the_whole_folder_counts(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,text\ntrain/0.png,whole\n")
    sample, *unused = items_of(folder)
    assert isinstance(sample, Sample) and (sample.id, sample.text, sample.split) == ("train/0", "whole", "train")
    assert {item.reason for item in unused if isinstance(item, Skipped)} == {Reason.UNUSED_IMAGE}
    assert [Path(item.where).name.lower() for item in open_source(folder).not_read] == [
        "metadata.jsonl",
        "metadata.csv",
    ]


def test_images_that_no_row_names_are_reported(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,text\nTRAIN\\0.png,whole\n")
    (folder / "._more.png").write_bytes(b"\0\5\x16\7")
    for name in ("more.PNG", "__MACOSX/more.png"):
        write_image(folder / name)
    items = items_of(folder)
    left_out = {item.where for item in items if isinstance(item, Skipped) and item.reason is Reason.UNUSED_IMAGE}
    assert left_out == {str(folder / "more.PNG"), str(folder / "Test" / "0.png")}


def test_tables_named_after_splits(tmp_path: Path) -> None:
    for name in ("gt_train.csv", "VAL.tsv", "words.jsonl"):
        (tmp_path / name).write_text(
            f"image\ttext\nimages/0.png\t{name}\n".replace("\t", "\t" if "tsv" in name else ",")
        )
    write_image(tmp_path / "images" / "0.png")
    source = open_source(tmp_path)
    assert {(item.text, item.split) for item in source.items() if isinstance(item, Sample)} == {
        ("gt_train.csv", "train"),
        ("VAL.tsv", "val"),
    }
    assert [Path(item.where).name for item in source.not_read] == ["words.jsonl"]


def test_a_broken_table_costs_only_its_split(folder: Path) -> None:
    (folder / "train" / "metadata.csv").write_text("")
    *good, lost, unused = items_of(folder)
    assert isinstance(unused, Skipped) and unused.reason is Reason.UNUSED_IMAGE
    assert [item.text for item in good if isinstance(item, Sample)] == ["three"]
    assert lost == Skipped(str(folder / "train" / "metadata.csv"), Reason.LOST_FILE, "is empty")
    (folder / "Test" / "Metadata.JSONL").write_text("")
    with pytest.raises(DataError, match=r"Metadata\.JSONL: contains no row"):
        open_source(folder)


def test_a_table_that_git_lfs_has_not_fetched_costs_only_its_split(folder: Path) -> None:
    (folder / "train" / "metadata.csv").write_bytes(LFS_POINTER + b"v1\n")
    *good, lost, unused = items_of(folder)
    assert isinstance(unused, Skipped) and unused.reason is Reason.UNUSED_IMAGE
    assert [item.text for item in good if isinstance(item, Sample)] == ["three"]
    assert isinstance(lost, Skipped) and lost.reason is Reason.LOST_FILE
    assert lost.detail.startswith("only a pointer of Git LFS")


def test_a_folder_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r": a folder; name the table in it$"):
        ImageFolder(tmp_path, ALL_KNOWN, TableOptions())
