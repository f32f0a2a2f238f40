"""A store of synthetic lines: the lines of `hwr.synth`, written and described like those of `hwr prepare`."""

from collections.abc import Iterator
from pathlib import Path

from hwr.errors import DataError
from hwr.prepare.build import Prepared, Progress, build_store, write_split
from hwr.prepare.manifest import SplitFacts
from hwr.prepare.samples import Reason, Skipped
from hwr.settings import to_dict
from hwr.store.lines import StoredLine
from hwr.synth.batches import BatchOptions, make_batches
from hwr.synth.generator import UnusedTexts

FIRST_VALIDATION_LINE = 1_000_000_000
"""Number of the first line of the val split: far from those of train, even if these are many."""

FAILURES = (Reason.BROKEN_FONT, Reason.NOT_MADE)
"""Reasons for which a run counts as partly failed."""


class _Maker:
    """Makes the splits, and counts the items that are left out."""

    def __init__(self, options: BatchOptions, workers: int, progress: Progress, total: int) -> None:
        self.options, self.workers, self.progress, self.total = options, workers, progress, total
        self.done = 0
        self.skipped: list[Skipped] = []
        self.unused = UnusedTexts()

    def write(self, folder: Path, split: str, indices: range) -> SplitFacts:
        """Write one split."""
        facts = write_split(folder, split, self._lines(indices))
        if facts is None:
            raise DataError(f"none of {len(indices)} lines could be made: {self._why()}")
        return facts

    def _lines(self, indices: range) -> Iterator[StoredLine]:
        made = False
        for batch in make_batches(self.options, indices, self.workers, self._report):
            self.unused.add(batch.unused)
            self.skipped += [Skipped(name, Reason.NOT_MADE, detail) for name, detail in batch.not_made]
            self.skipped += [Skipped(name, Reason.TOO_LONG, detail) for name, detail in batch.too_long]
            self.done += len(batch.lines) + len(batch.not_made) + len(batch.too_long)
            self.progress(self.done, self.total)
            made = made or bool(batch.lines)
            if not made:  # a whole batch, each line tried many times: further tries are useless
                raise DataError(f"no line can be made: {self._why()}")
            yield from batch.lines

    def _report(self, message: str) -> None:
        """Note a font that cannot be used, once: each split opens the fonts again."""
        where, _, detail = message.partition(": ")
        if (broken := Skipped(where, Reason.BROKEN_FONT, detail)) not in self.skipped:
            self.skipped.append(broken)

    def _why(self) -> str:
        reasons = self.unused.reasons() or [item.detail for item in self.skipped[-1:]]
        return " and ".join(reasons) or "the texts and fonts contain nothing that can be used"


def synthesise(
    options: BatchOptions,
    output: Path,
    lines: int,
    validation: int = 0,
    workers: int = 1,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> tuple[Prepared, UnusedTexts]:
    """Write a store of `lines` training lines and `validation` others to the folder `output`.

    The bytes depend on the options and the data, not on `workers`. Return also the texts that were not used.

    Raises:
        InputError, DataError, UsageError: a source cannot be used, or no line can be made of the sources.
        OutputError: `output` holds something else and `force` is not set, or cannot be written.
    """
    maker = _Maker(options, workers, progress, lines + validation)
    ranges = {"train": range(lines), "val": range(FIRST_VALIDATION_LINE, FIRST_VALIDATION_LINE + validation)}

    def fill(folder: Path) -> tuple[dict[str, SplitFacts], list[Skipped]]:
        splits = {split: maker.write(folder, split, indices) for split, indices in ranges.items() if indices}
        return splits, maker.skipped

    own = {key: value for key, value in vars(options).items() if key != "synth"}
    described = {"lines": lines, "validation": validation} | own | to_dict(options.synth)
    return build_store(output, _sources(options), described, force, fill), maker.unused


def _sources(options: BatchOptions) -> list[dict[str, str]]:
    """Return the sources, for the manifest."""
    synth = options.synth
    sources = [("text", path) for path in synth.texts] + [("fonts", path) for path in synth.fonts]
    return [{"path": str(path), "kind": kind} for kind, path in sources]
