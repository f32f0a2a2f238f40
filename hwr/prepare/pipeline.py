"""From sources to a store: plan the splits, check each sample, write, compare with what is there.

The sources are gone through once without images, to give each item its split, and then once for each split, so that
memory does not grow with their size. Everything is written into a folder beside the target files and moved at the end.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

from hwr.errors import DataError, OutputError
from hwr.files.atomic import atomic_write, sync_folder
from hwr.prepare.checks import CheckOptions, check_sample
from hwr.prepare.manifest import (
    MANIFEST,
    SKIPPED,
    SplitFacts,
    damage,
    file_hash,
    make_manifest,
    read_manifest,
    skipped_table,
    to_bytes,
    without_versions,
)
from hwr.prepare.pages import PageOptions
from hwr.prepare.samples import Sample, Skipped, Source
from hwr.prepare.sources import ReaderOptions
from hwr.prepare.splitting import Plan, SplitOptions, make_plan
from hwr.store.lines import StoredLine
from hwr.store.splits import SPLITS
from hwr.store.writing import write_lines

PARTIAL = ".partial"
"""Folder in the target where the store is built; a killed run leaves it behind and the next one removes it."""


@dataclass(frozen=True)
class PrepareOptions:
    """All options of a run, for the manifest."""

    reading: ReaderOptions = field(default_factory=ReaderOptions)
    splitting: SplitOptions = field(default_factory=SplitOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)

    def to_json(self) -> dict[str, Any]:
        """For the manifest: the alphabet as a string."""
        options = asdict(self)
        alphabet = self.checks.alphabet
        options["checks"]["alphabet"] = None if alphabet is None else alphabet.characters
        options["reading"]["columns"] = dict(self.reading.columns)
        if self.reading.pages == PageOptions():  # stores made before there was such a source say nothing of it
            del options["reading"]["pages"]
        return options


@dataclass(frozen=True)
class Prepared:
    """What a run did. `unchanged`: the same store lay there already and was left as it was."""

    splits: dict[str, SplitFacts]
    skipped: tuple[Skipped, ...]
    unchanged: bool

    @property
    def outside_alphabet(self) -> Counter[str]:
        """Characters that the alphabet lacks, as often as they occur in lines that were left out for it."""
        return Counter(character for item in self.skipped for character in item.characters)

    @property
    def failed(self) -> int:
        """Items that are missing because of the input, not by a rule."""
        return sum(not item.reason.deliberate for item in self.skipped)


Progress = Callable[[int, int], None]
"""Is told how many samples of how many are checked."""

Fill = Callable[[Path], tuple[dict[str, SplitFacts], list[Skipped]]]
"""Writes the files of the splits into a folder; their facts, and what was left out."""


def prepare(
    sources: list[Source],
    output: Path,
    options: PrepareOptions,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Prepared:
    """Write the store of `sources` to the folder `output`; with `force` in place of what lies there.

    Raises:
        DataError: nothing usable is in the sources.
        OutputError: `output` holds something else and `force` is not set, or cannot be written.
        UsageError: options do not fit together.
    """
    options.splitting.check()
    described = [{"path": str(source.path), "kind": source.kind} for source in sources]

    def fill(folder: Path) -> tuple[dict[str, SplitFacts], list[Skipped]]:
        splits, skipped = _write_splits(
            sources, make_plan(sources, options.splitting), options.checks, folder, progress
        )
        if not splits:
            raise DataError(_nothing_usable(sources, skipped))
        return splits, skipped

    return build_store(output, described, options.to_json(), force, fill)


def build_store(
    output: Path, described: list[dict[str, str]], options: dict[str, Any], force: bool, fill: Fill
) -> Prepared:
    """Write a store to the folder `output`, or leave the same store that is there as it is.

    Args:
        described: the sources, for the manifest; options: the same of the options, plain values.
        fill: writes the Parquet files into the folder that it is given; at least one split.

    Raises:
        OutputError: `output` holds something else and `force` is not set, or cannot be written.
        What `fill` raises; then nothing has changed.
    """
    before = _look_at(output, options, described, force)
    partial = output / PARTIAL
    created = not output.exists()
    _make_folder(partial)
    try:
        splits, skipped = fill(partial)
        manifest = make_manifest(splits, skipped, described, options)
        if before is not None and without_versions(before) == without_versions(manifest) and not damage(output, before):
            return Prepared(splits, tuple(skipped), unchanged=True)
        if before is not None and not force:
            raise OutputError(f"{output}: holds another store, {_difference(output, before)}; --force replaces it")
        _move(partial, output, splits, manifest, skipped)
        return Prepared(splits, tuple(skipped), unchanged=False)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if created and output.is_dir() and not any(output.iterdir()):
            output.rmdir()


def _look_at(
    output: Path, options: dict[str, Any], sources: list[dict[str, str]], force: bool
) -> dict[str, Any] | None:
    """The manifest of the store that lies in `output`; refuses at once what cannot end well."""
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; a folder is needed")
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
            raise OutputError(f"{output}: is not empty and no line store; choose another folder, or --force")
        return None
    if before["options"] != _as_read(options) or before["sources"] != sources:
        raise OutputError(f"{output}: holds a store of other sources or options; --force replaces it")
    return before


def _as_read(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they are after being written and read."""
    read: dict[str, Any] = json.loads(json.dumps(options))
    return read


def _make_folder(partial: Path) -> None:
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{partial.parent}: cannot be written: {error.strerror or error}") from error


def _write_splits(
    sources: list[Source], plan: Plan, checks: CheckOptions, folder: Path, progress: Progress
) -> tuple[dict[str, SplitFacts], list[Skipped]]:
    """Write each split that has a line; all skipped items in the order of the sources."""
    left_out = list(plan.skipped)
    splits: dict[str, SplitFacts] = {}
    total = len(plan.codes) - plan.codes.count(0)
    done = count(1)

    def check(sample: Sample) -> StoredLine | Skipped:
        progress(next(done), total)
        return check_sample(sample, checks)

    for code, split in enumerate(SPLITS, start=1):
        if code not in plan.codes:
            continue
        facts = SplitFacts()
        lines = _checked(sources, plan, code, check, left_out)
        first = next(lines, None)
        if first is None:
            continue
        path = folder / f"{split}.parquet"
        written = write_lines(path, facts.count(chain([first], lines)))
        facts.sha256, facts.file_sha256 = written.sha256, file_hash(path)
        splits[split] = facts
    left_out.sort(key=lambda item: item[0])
    return splits, [item for _, item in left_out] + plan.missing


def _checked(
    sources: list[Source],
    plan: Plan,
    code: int,
    check: Callable[[Sample], StoredLine | Skipped],
    left_out: list[tuple[int, Skipped]],
) -> Iterator[StoredLine]:
    """The lines of one split; what fails a check goes to `left_out` with its position."""
    position = -1
    for source in sources:
        for item in source.items():
            position += 1
            if plan.codes[position] != code:
                continue
            line = check(item) if isinstance(item, Sample) else item
            if isinstance(line, Skipped):
                left_out.append((position, line))
            else:
                yield line


def _nothing_usable(sources: list[Source], skipped: list[Skipped]) -> str:
    names = ", ".join(str(source.path) for source in sources)
    if not skipped:
        return f"{names}: nothing in it"
    first = next((item for item in skipped if not item.reason.deliberate), skipped[0])
    detail = f": {first.detail}" if first.detail else ""
    return f"{names}: nothing usable; {len(skipped)} items left out, such as {first.where}: {first.reason}{detail}"


def _difference(output: Path, before: dict[str, Any]) -> str:
    wrong = damage(output, before)
    return f"and it is damaged ({wrong})" if wrong else "although sources and options are the same: the input changed"


def _move(
    partial: Path, output: Path, splits: dict[str, SplitFacts], manifest: dict[str, Any], skipped: list[Skipped]
) -> None:
    """Put the new files in place. The manifest goes first and comes last: with a half of each there is none."""
    try:
        (output / MANIFEST).unlink(missing_ok=True)
        for split in SPLITS:
            target = output / f"{split}.parquet"
            if split in splits:
                (partial / target.name).replace(target)
            else:
                target.unlink(missing_ok=True)
        sync_folder(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
    for name, data in ((SKIPPED, skipped_table(skipped)), (MANIFEST, to_bytes(manifest))):
        with atomic_write(output / name) as temporary:
            temporary.write_bytes(data)
