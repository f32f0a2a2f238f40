"""The Parquet files of a split: `train.parquet`, or several shards, with the names that common tools use."""

import re
from pathlib import Path

from hwr.errors import DataError

SPLITS = ("train", "val", "test")

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
    "testing": "test",
}
"""Names of splits elsewhere -> names used here."""

_NUMBERED = re.compile(r"(?P<start>.*?)-(?P<number>\d+)(?:-of-(?P<count>\d+))?\Z")
"""`train-00000` (a store of hwr), `train-00000-of-00002` (Hugging Face)."""


def parquet_files(path: Path) -> list[Path]:
    """Return the Parquet files of a data set: `path` itself, those in the folder, or those in its folder `data`."""
    if not path.is_dir():
        return [path]
    return _parquet_in(path) or _parquet_in(path / "data")


def _parquet_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix.lower() == ".parquet" and file.is_file())


def split_of(file: Path) -> str | None:
    """Return the split that a file's name begins with, or None."""
    return SPLIT_NAMES.get(re.split(r"[-_.]", file.stem.lower())[0])


def find_split(path: Path, split: str) -> list[Path]:
    """Return the files of `split` in order: `path` itself if it is a file, else those of the folder.

    Raises:
        DataError: there is none, or a shard is missing; the message names the splits that exist.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if not path.is_dir():
        if path.suffix.lower() != ".parquet":
            raise DataError(f"{path}: neither a folder with {split}.parquet nor a .parquet file")
        return [path]
    files = [file for file in parquet_files(path) if split_of(file) == split]
    if not files:
        there = ", ".join(sorted({split_of(file) or file.name for file in parquet_files(path)}))
        advice = f"there is: {there}" if there else f"not a line store; `hwr prepare {path} -o DIR` makes one"
        raise DataError(f"{path}: no {split}.parquet here; {advice}")
    _check_shards(path, files)
    return files


def _check_shards(path: Path, files: list[Path]) -> None:
    """Raise DataError unless `files` are one file, or all shards of one series."""
    found = [_NUMBERED.match(file.stem) for file in files]
    shards = [match for match in found if match]
    if len(files) == 1 and not shards:
        return
    if len(shards) < len(files) or len({(match["start"], match["count"]) for match in shards}) > 1:
        names = ", ".join(file.name for file in files[:4])
        raise DataError(f"{path}: more than one file or series of shards for a split ({names}); name one of the files")
    numbers = {int(match["number"]) for match in shards}
    count = int(shards[0]["count"] or max(numbers) + 1)
    lost = sorted(set(range(count)) - numbers)
    if lost:
        raise DataError(f"{path}: shard {lost[0]} of {shards[0]['start']} is missing ({len(lost)} of {count})")
