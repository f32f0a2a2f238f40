"""The Parquet files of a split: `train.parquet`, or several shards, with the names that common tools use."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from hwr.errors import DataError, InputError, as_argument
from hwr.files.tree import is_hidden, read_file

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 2**20

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

MAX_LOST = 1000
"""Maximum number of missing shards after the last one that are named: a file's name may state any number."""

_NUMBERED = re.compile(r"(?P<start>.*?)-(?P<number>\d{1,6})(?:-of-(?P<count>\d{1,6})(?:-[0-9a-f]{16})?)?\Z", re.ASCII)
"""`train-00000` (a store of hwr), `train-00000-of-00002` (Hugging Face; until 2023 with a hash after it)."""


def parquet_files(path: Path) -> list[Path]:
    """Return the Parquet files of a data set: `path` itself, those in the folder, or those in its folder `data`."""
    if not path.is_dir():
        return [path]
    return _parquet_in(path) or _parquet_in(path / "data")


def parquet_in_splits(path: Path) -> list[Path]:
    """Return the Parquet files in the folders that are named after splits, as Hugging Face converts data sets."""
    return [file for folder in split_folders(path) for file in _parquet_in(folder)]


def _parquet_in(folder: Path) -> list[Path]:
    files = (file for file in folder.glob("*") if file.suffix.lower() == ".parquet" and not is_hidden(file.name))
    return sorted(file for file in files if file.is_file())


def split_of(file: Path) -> str | None:
    """Return the split that a file's name begins with, or None."""
    return SPLIT_NAMES.get(re.split(r"[-_.]", file.stem.lower())[0])


def split_in_name(name: str) -> str | None:
    """Return the only split that a word of a name is: `val` for `gt_val`; None for `lines` and for `train-and-val`."""
    found = {SPLIT_NAMES[word] for word in re.split(r"[-_.\s]+", name.lower()) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def split_of_folder(name: PurePath) -> str | None:
    """Return the split that the first folder of a path in a data set is named after."""
    return next((SPLIT_NAMES.get(part.lower()) for part in name.parent.parts[:1]), None)


def split_of_source(path: Path) -> str | None:
    """Return the split that the name of a data set states: a word of a file's name, or the whole name of a folder."""
    return SPLIT_NAMES.get(path.name.lower()) if path.is_dir() else split_in_name(path.stem)


def split_folders(path: Path) -> list[Path]:
    """Return the folders directly in a folder that are named after splits."""
    return sorted(entry for entry in path.iterdir() if entry.name.lower() in SPLIT_NAMES and entry.is_dir())


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
        way_out = f"`hwr prepare {as_argument(path)} -o DIR` makes one"
        advice = f"not a line store; {way_out}"
        if there:
            advice = f"there is: {there}; a file can be named too, such as {parquet_files(path)[0]}"
        raise DataError(f"{path}: no {split}.parquet here; {advice}")
    _check_one_series(path, files)
    lost = lost_files(files)
    if lost:
        raise DataError(f"{path}: {lost[0]} of {split} is missing; there should be {len(files) + len(lost)} files")
    return files


def lost_files(files: Sequence[Path]) -> list[str]:
    """Return the names of files that belong to the splits of `files`, all of one folder, and are missing.

    The numbers of the shards show this; or the manifest next to them, if it lists all files of the split that exist.
    """
    series: dict[str, list[re.Match[str]]] = defaultdict(list)
    splits: dict[str, set[str]] = defaultdict(set)
    for file in files:
        split = split_of(file)
        if split is None:  # a number in its name may be anything, such as a year
            continue
        splits[split].add(file.name)
        if match := _NUMBERED.match(file.stem):
            series[match["start"] + (match["count"] or "")].append(match)
    lost = {name for shards in series.values() for name in _lost_shards(shards)}
    for name, listed in _listed_files(files[0].parent).items():
        if splits[name] and splits[name] <= listed:
            lost |= listed - splits[name]
    return sorted(lost)


def _lost_shards(shards: Sequence[re.Match[str]]) -> list[str]:
    """Return the names of the shards that are missing in a series."""
    numbers = {int(shard["number"]) for shard in shards}
    count = min(int(shards[0]["count"] or max(numbers) + 1), max(numbers) + MAX_LOST)
    first, digits = shards[0], len(shards[0]["number"])
    end = f"-of-{first['count']}" if first["count"] else ""
    return [f"{first['start']}-{number:0{digits}}{end}.parquet" for number in range(count) if number not in numbers]


def _listed_files(folder: Path) -> dict[str, set[str]]:
    """Return the names of the files of each split that the manifest of a store lists; none without a manifest."""
    try:
        splits = json.loads(read_file(folder / MANIFEST, MAX_MANIFEST_BYTES))["splits"]
        return {split: set(map(str, splits[split]["files"])) for split in SPLITS if split in splits}
    except (InputError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _check_one_series(path: Path, files: list[Path]) -> None:
    """Raise DataError unless `files` are one file, or shards of one series."""
    found = [_NUMBERED.match(file.stem) for file in files]
    shards = [match for match in found if match]
    if len(files) == 1 and not shards:
        return
    if len(shards) < len(files) or len({(match["start"], match["count"]) for match in shards}) > 1:
        names = ", ".join(file.name for file in files[:4])
        raise DataError(f"{path}: more than one file or series of shards for a split ({names}); name one of the files")
