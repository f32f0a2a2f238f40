"""Files of a split, by the names of stores, of shards, and of Hugging Face."""

import json
from pathlib import Path

import pytest

from helpers.folders import touch
from hwr.errors import DataError
from hwr.store.splits import find_split, lost_files, parquet_files


def test_a_split_is_a_file_or_shards(tmp_path: Path) -> None:
    store = touch(tmp_path / "a", "val.parquet", "train-00001.parquet", "train-00000.parquet", "manifest.json")
    assert [file.name for file in find_split(store, "train")] == ["train-00000.parquet", "train-00001.parquet"]
    assert find_split(store, "val") == [store / "val.parquet"]
    assert find_split(store / "val.parquet", "train") == [store / "val.parquet"]


@pytest.mark.parametrize(
    "name", ["validation.parquet", "data/validation-00000-of-00001.parquet", "dev.parquet", "Val.PARQUET"]
)
def test_names_of_other_programs(tmp_path: Path, name: str) -> None:
    assert find_split(touch(tmp_path, name, "README.md"), "val") == [tmp_path / name]


def test_shards_with_a_hash_in_their_names(tmp_path: Path) -> None:
    names = [
        f"train-0000{n}-of-00002-{hash}.parquet" for n, hash in enumerate(("00c2fd1e8a4b6d01", "9f80ce1d6c1b2a3d"))
    ]
    store = touch(tmp_path, *(f"data/{name}" for name in names))
    assert [file.name for file in find_split(store, "train")] == names
    (store / "data" / names[1]).unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet of train is missing"):
        find_split(store, "train")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-00000.parquet", "train-00002.parquet"], "train-00001.parquet of train is missing; .* 3 files"),
        (["train-00000-of-00003.parquet"], "train-00001-of-00003.parquet of train is missing; .* 3 files"),
        (["train-00000-of-999999.parquet"], "train-00001-of-999999.parquet of train is missing"),
        (["train.parquet", "train-00000.parquet"], "more than one file or series"),
        (["train.parquet", "training.parquet"], "more than one file or series"),
        (
            ["val.parquet", "test-0.parquet"],
            r"no train.parquet here; there is: test, val; .* such as .*/test-0\.parquet$",
        ),
        ([], "not a line store; `hwr prepare"),
    ],
)
def test_what_is_not_a_whole_split(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_split(touch(tmp_path, *names), "train")


def test_paths_that_are_not_stores(tmp_path: Path) -> None:
    for path, message in [(tmp_path / "none", "does not exist"), (touch(tmp_path, "a.txt") / "a.txt", "neither")]:
        with pytest.raises(DataError, match=message):
            find_split(path, "train")


@pytest.mark.parametrize(
    ("there", "lost"),
    [
        (["train-00000.parquet", "val.parquet"], ["train-00001.parquet"]),
        (["train-00000.parquet", "train-00001.parquet"], []),
        (["val.parquet"], []),
        (["train-00000.parquet", "train-00003.parquet"], ["train-00001.parquet", "train-00002.parquet"]),
        (["1921-05.parquet", "part-2.parquet"], []),
    ],
)
def test_the_manifest_shows_if_the_last_shard_is_missing(tmp_path: Path, there: list[str], lost: list[str]) -> None:
    touch(tmp_path, *there)
    files = {"train-00000.parquet": "", "train-00001.parquet": ""}
    manifest = {"splits": {"train": {"files": files}, "val": {"files": {"val.parquet": ""}}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert lost_files(parquet_files(tmp_path)) == lost


@pytest.mark.parametrize("manifest", ["", "{", "[" * 100_000, "[]", '{"splits": {"train": {"files": 5}}}', "9" * 5000])
def test_a_manifest_that_cannot_be_understood_is_ignored(tmp_path: Path, manifest: str) -> None:
    (touch(tmp_path, "train.parquet") / "manifest.json").write_text(manifest)
    assert find_split(tmp_path, "train") == [tmp_path / "train.parquet"]
