"""Files of a split, by the names of stores, of shards, and of Hugging Face."""

from pathlib import Path

import pytest

from hwr.errors import DataError
from hwr.store.splits import find_split


def folder_of(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()
    return path


def test_a_split_is_a_file_or_shards(tmp_path: Path) -> None:
    store = folder_of(tmp_path / "a", "val.parquet", "train-00001.parquet", "train-00000.parquet", "manifest.json")
    assert [file.name for file in find_split(store, "train")] == ["train-00000.parquet", "train-00001.parquet"]
    assert find_split(store, "val") == [store / "val.parquet"]
    assert find_split(store / "val.parquet", "train") == [store / "val.parquet"]


@pytest.mark.parametrize(
    "name", ["validation.parquet", "data/validation-00000-of-00001.parquet", "dev.parquet", "Val.PARQUET"]
)
def test_names_of_other_programs(tmp_path: Path, name: str) -> None:
    assert find_split(folder_of(tmp_path, name, "README.md"), "val") == [tmp_path / name]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-00000.parquet", "train-00002.parquet"], "shard 1 of train is missing"),
        (["train-00000-of-00003.parquet"], "shard 1 of train is missing"),
        (["train.parquet", "train-00000.parquet"], "more than one file or series"),
        (["train.parquet", "training.parquet"], "more than one file or series"),
        (["val.parquet", "test-0.parquet"], "no train.parquet here; there is: test, val"),
        ([], "not a line store; `hwr prepare"),
    ],
)
def test_what_is_not_a_whole_split(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_split(folder_of(tmp_path, *names), "train")


def test_paths_that_are_not_stores(tmp_path: Path) -> None:
    for path, message in [(tmp_path / "none", "does not exist"), (folder_of(tmp_path, "a.txt") / "a.txt", "neither")]:
        with pytest.raises(DataError, match=message):
            find_split(path, "train")
