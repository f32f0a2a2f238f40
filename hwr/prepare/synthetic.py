"""A store of synthetic lines: the lines of `hwr.synth`, written and described as `hwr prepare` does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.prepare.build import Prepared, Progress, build_store, write_split
from hwr.prepare.manifest import SplitFacts
from hwr.prepare.samples import Reason, Skipped
from hwr.settings import to_dict
from hwr.store.lines import StoredLine
from hwr.synth.batches import Batch, BatchOptions, make_batches
from hwr.synth.generator import PassedOver

FIRST_VALIDATION_LINE = 1_000_000_000
"""Number of the first line of the val split: far from those of train, whatever their count."""


@dataclass(frozen=True)
class Synthesised:
    """What a run did. passed_over: texts that were drawn anew; failed: fonts that are broken, lines not made."""

    prepared: Prepared
    passed_over: PassedOver

    @property
    def failed(self) -> int:
        """Fonts that cannot be used and lines that no source could make."""
        return sum(item.reason in (Reason.BROKEN_FONT, Reason.NOT_MADE) for item in self.prepared.skipped)


class _Maker:
    """Makes the splits, and keeps count of what was left out."""

    def __init__(self, options: BatchOptions, workers: int, progress: Progress, total: int) -> None:
        self.options = options
        self.workers = workers
        self.progress = progress
        self.total = total
        self.done = 0
        self.skipped: list[Skipped] = []
        self.passed_over = PassedOver()
        self._broken: set[str] = set()

    def write(self, folder: Path, split: str, indices: range) -> SplitFacts:
        """Write one split."""
        facts = write_split(folder, split, self._lines(indices))
        if facts is None:
            raise DataError(f"none of {len(indices)} lines could be made: {self._why()}")
        return facts

    def _lines(self, indices: range) -> Iterator[StoredLine]:
        made = False
        for batch in make_batches(self.options, indices, self.workers, self._report):
            self._count(batch)
            made = made or bool(batch.lines)
            if not made:  # so many lines, each tried many times: nothing will come
                raise DataError(f"no line can be made of the sources given: {self._why()}")
            yield from batch.lines

    def _count(self, batch: Batch) -> None:
        self.passed_over.add(batch.passed_over)
        self.skipped += _skipped(batch.not_made, Reason.NOT_MADE)
        self.skipped += _skipped(batch.too_long, Reason.TOO_LONG)
        self.done += len(batch.lines) + len(batch.not_made) + len(batch.too_long)
        self.progress(self.done, self.total)

    def _report(self, message: str) -> None:
        """A font that cannot be used; each split opens the fonts again."""
        if message not in self._broken:
            self._broken.add(message)
            where, _, detail = message.partition(": ")
            self.skipped.append(Skipped(where, Reason.BROKEN_FONT, detail))

    def _why(self) -> str:
        reasons = [*self.passed_over.reasons(), *(item.detail for item in self.skipped[-1:])]
        return " and ".join(reasons) or "the sources hold nothing"


def _skipped(items: Iterable[tuple[str, str]], reason: Reason) -> list[Skipped]:
    return [Skipped(where, reason, detail) for where, detail in items]


def synthesise(
    options: BatchOptions,
    output: Path,
    lines: int,
    validation: int = 0,
    workers: int = 1,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Synthesised:
    """Write a store of `lines` training lines and `validation` others to the folder `output`.

    The bytes depend on the options and the data, not on `workers`.

    Raises:
        InputError, DataError, UsageError: a source cannot be used, or no line can be made of the sources.
        OutputError: `output` holds something else and `force` is not set, or cannot be written.
    """
    maker = _Maker(options, workers, progress, lines + validation)
    ranges = {"train": range(lines), "val": range(FIRST_VALIDATION_LINE, FIRST_VALIDATION_LINE + validation)}

    def fill(folder: Path) -> tuple[dict[str, SplitFacts], list[Skipped]]:
        splits = {split: maker.write(folder, split, indices) for split, indices in ranges.items() if indices}
        return splits, maker.skipped

    described = {"lines": lines, "validation": validation} | _described(options)
    prepared = build_store(output, _sources(options), described, force, fill)
    return Synthesised(prepared, maker.passed_over)


def _sources(options: BatchOptions) -> list[dict[str, str]]:
    """The sources, for the manifest."""
    synth = options.synth
    sources = [("text", path) for path in synth.texts] + [("fonts", path) for path in synth.fonts]
    sources += [(kind, path) for kind, path in (("strokes", synth.strokes), ("words", synth.words)) if path is not None]
    return [{"path": str(path), "kind": kind} for kind, path in sources]


def _described(options: BatchOptions) -> dict[str, Any]:
    """The options as plain values."""
    values = {key: value for key, value in vars(options).items() if key != "synth"}
    return values | to_dict(options.synth)
