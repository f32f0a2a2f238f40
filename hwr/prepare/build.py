"""Build a store in a temporary folder, compare it with an existing one, and move it into place.

Nothing changes in the target before the new store is complete.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from hwr.errors import DataError, OutputError
from hwr.files.atomic import sync_folder, write_file
from hwr.prepare.manifest import (
    SKIPPED,
    SplitFacts,
    damage,
    make_manifest,
    read_manifest,
    skipped_table,
    to_bytes,
    without_versions,
)
from hwr.prepare.samples import Skipped
from hwr.store.columns import Normalised
from hwr.store.lines import StoredLine
from hwr.store.splits import MANIFEST
from hwr.store.writing import write_lines

PARTIAL = ".partial"
"""Folder in the target in which the store is built. A killed run leaves it behind, and the next one removes it."""


_OURS = re.compile(r"(train|val|test)(-\d{5})?\.parquet")
"""Files of a store."""


@dataclass(frozen=True)
class Prepared:
    """The result of a run. `unchanged`: the same store existed and was left as it was."""

    splits: dict[str, SplitFacts]
    skipped: tuple[Skipped, ...]
    unchanged: bool
    notes: Counter[str]

    @property
    def outside_alphabet(self) -> Counter[str]:
        """Characters outside the alphabet, with their counts in the lines that were left out for them."""
        return Counter(character for item in self.skipped for character in item.characters)

    @property
    def failed(self) -> int:
        """Items that are missing because of the input, not because of a rule."""
        return sum(not item.reason.deliberate for item in self.skipped)


Progress = Callable[[int, int], None]
"""Called with the number of checked samples, and the total."""

Fill = Callable[[Path], tuple[dict[str, SplitFacts], list[Skipped]]]
"""Writes the files of the splits into a folder; returns their facts and the items that were left out."""


def build_store(
    output: Path,
    described: list[dict[str, str]],
    options: dict[str, Any],
    force: bool,
    fill: Fill,
    normalised: Normalised | None = None,
) -> Prepared:
    """Write a store to the folder `output`, or leave an equal store as it is.

    Args:
        described: the sources, for the manifest.
        options: the options, for the manifest, as plain values.
        fill: writes the Parquet files into a given folder; at least one split.
        normalised: the normalisation of the images, for the manifest.

    Raises:
        OutputError: `output` contains something else and `force` is not set, or cannot be written.
        Any error of `fill`; then nothing has changed.
    """
    before = _look_at(output, options, described, force)
    partial = output / PARTIAL
    created = not output.exists()
    _make_folder(partial)
    try:
        splits, skipped = fill(partial)
        manifest = _as_read(make_manifest(splits, skipped, described, options, normalised))
        if before is not None and without_versions(before) == without_versions(manifest) and not damage(output, before):
            return Prepared(splits, tuple(skipped), unchanged=True, notes=Counter())
        if before is not None and not force:
            raise OutputError(f"{output}: contains another store, {_difference(output, before)}; --force replaces it")
        _move(partial, output, splits, manifest, skipped)
        return Prepared(splits, tuple(skipped), unchanged=False, notes=Counter())
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if created and output.is_dir() and not any(output.iterdir()):
            output.rmdir()


def is_part(path: Path) -> bool:
    """Return whether a file has the name of a file of a store, which a new store in its folder replaces."""
    return _OURS.fullmatch(path.name) is not None or path.name in (MANIFEST, SKIPPED)


def _look_at(
    output: Path, options: dict[str, Any], sources: list[dict[str, str]], force: bool
) -> dict[str, Any] | None:
    """Return the manifest of the store in `output`; refuse a run that cannot succeed."""
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; name a folder")
    if not output.is_dir():
        return None
    try:
        before = read_manifest(output)
    except DataError as error:
        if not force:
            raise OutputError(f"{error}; --force replaces it") from error
        return None
    if force:
        return before
    if before is None:
        if any(entry.name != PARTIAL for entry in output.iterdir()):
            raise OutputError(f"{output}: is not empty and not a line store; choose another folder, or --force")
        return None
    if before["options"] != _as_read(options) or before["sources"] != sources:
        raise OutputError(f"{output}: contains a store of other sources or options; --force replaces it")
    return before


def _as_read(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as they are after writing and reading: lists, not tuples."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read


def _make_folder(partial: Path) -> None:
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{partial.parent}: cannot be written: {error.strerror or error}") from error


def _difference(output: Path, before: dict[str, Any]) -> str:
    wrong = damage(output, before)
    return f"and it is damaged ({wrong})" if wrong else "although sources and options are the same: the input changed"


def _move(
    partial: Path, output: Path, splits: dict[str, SplitFacts], manifest: dict[str, Any], skipped: list[Skipped]
) -> None:
    """Put the new files in place. The manifest is removed first and written last: half a store has none."""
    try:
        (output / MANIFEST).unlink(missing_ok=True)
        for old in output.glob("*.parquet"):
            if _OURS.fullmatch(old.name):
                old.unlink()
        for facts in splits.values():
            for name in facts.files:
                (partial / name).replace(output / name)
        sync_folder(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
    for name, data in ((SKIPPED, skipped_table(skipped)), (MANIFEST, to_bytes(manifest))):
        write_file(output / name, data)


def write_split(
    folder: Path,
    split: str,
    lines: Iterator[StoredLine],
    normalised: Normalised | None = None,
    shard_size: int | None = None,
) -> SplitFacts | None:
    """Write the files of one split into `folder`; return its facts, or None if there is no line.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    first = next(lines, None)
    if first is None:
        return None
    facts = SplitFacts()
    path = folder / f"{split}.parquet"
    facts.add(write_lines(path, facts.count(chain([first], lines)), normalised, shard_size))
    return facts
