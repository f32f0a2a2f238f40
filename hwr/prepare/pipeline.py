"""From sources to a store: plan the splits, check each sample, write.

The sources are read once without images, to assign each item to a split, and then once for each split, so that memory
does not grow with their size.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from hwr.errors import DataError, UsageError
from hwr.prepare.build import Prepared, Progress, build_store, is_part, write_split
from hwr.prepare.checks import CheckOptions, check_sample
from hwr.prepare.manifest import SplitFacts
from hwr.prepare.samples import Sample, Skipped, Source
from hwr.prepare.sources import ReaderOptions
from hwr.prepare.splitting import Plan, SplitOptions, make_plan
from hwr.store.lines import StoredLine
from hwr.store.normalised import current_normalisation
from hwr.store.splits import SPLITS
from hwr.text import counted, printable


@dataclass(frozen=True)
class PrepareOptions:
    """All options of a run, for the manifest. `shard_size`: bytes of images in a file; None: one file for a split."""

    reading: ReaderOptions = field(default_factory=ReaderOptions)
    splitting: SplitOptions = field(default_factory=SplitOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)
    shard_size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the options as plain values, the alphabet as a string."""
        options = asdict(self)
        alphabet, images = self.checks.alphabet, self.reading.table.images
        options["checks"]["alphabet"] = None if alphabet is None else alphabet.characters
        options["reading"]["columns"] = dict(self.reading.columns)
        options["reading"]["table"]["images"] = None if images is None else str(images)
        return options


def prepare(
    sources: list[Source],
    output: Path,
    options: PrepareOptions,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Prepared:
    """Write the store of `sources` to the folder `output`; with `force`, replace what is there.

    Raises:
        DataError: the sources contain nothing usable, or are normalised in another way.
        OutputError: `output` contains something else and `force` is not set, or cannot be written.
        UsageError: options do not fit together; the store would be written over a source.
    """
    options.splitting.check()
    for source in sources:
        path = source.path.resolve()
        if output.is_dir() and (path.parent if is_part(path) else path) == output.resolve():
            raise UsageError(f"-o {output}: the store would overwrite {source.path}; name another folder")
    described = [{"path": str(source.path), "kind": source.kind} for source in sources]

    notes: Counter[str] = Counter()

    def fill(folder: Path) -> tuple[dict[str, SplitFacts], list[Skipped]]:
        plan = make_plan(sources, options.splitting)
        notes.update(plan.notes)
        splits, skipped = _write_splits(sources, plan, options, folder, progress)
        if not splits:
            raise DataError(_nothing_usable(sources, skipped))
        return splits, skipped

    normalised = current_normalisation(options.checks.height) if options.checks.normalise else None
    prepared = build_store(output, described, options.to_json(), force, fill, normalised)
    return replace(prepared, notes=sum((source.notes.counts() for source in sources), notes))


def _write_splits(
    sources: list[Source], plan: Plan, options: PrepareOptions, folder: Path, progress: Progress
) -> tuple[dict[str, SplitFacts], list[Skipped]]:
    """Write each split that has a line; return their facts and all skipped items in the order of the sources."""
    left_out = list(plan.skipped)
    splits: dict[str, SplitFacts] = {}
    total = len(plan.splits) - plan.splits.count(None)
    normalised = current_normalisation(options.checks.height) if options.checks.normalise else None
    done = count(1)

    def check(sample: Sample) -> StoredLine | Skipped:
        progress(next(done), total)
        return check_sample(sample, options.checks)

    for split in SPLITS:
        if split not in plan.splits:
            continue
        lines = _checked(sources, plan, split, check, left_out)
        facts = write_split(folder, split, lines, normalised, options.shard_size)
        if facts is not None:
            splits[split] = facts
    left_out.sort(key=lambda item: item[0])
    return splits, [item for _, item in left_out] + plan.missing


def _checked(
    sources: list[Source],
    plan: Plan,
    split: str,
    check: Callable[[Sample], StoredLine | Skipped],
    left_out: list[tuple[int, Skipped]],
) -> Iterator[StoredLine]:
    """Yield the lines of one split; add what fails a check to `left_out` with its position."""
    for position, item in enumerate(chain.from_iterable(source.items() for source in sources)):
        if plan.splits[position] != split:
            continue
        if isinstance(item, Sample) and position in plan.renamed:
            item = replace(item, id=plan.renamed[position])
        line = check(item) if isinstance(item, Sample) else item
        if isinstance(line, Skipped):
            left_out.append((position, line))
        else:
            yield line


def _nothing_usable(sources: list[Source], skipped: list[Skipped]) -> str:
    names = ", ".join(str(source.path) for source in sources)
    if not skipped:
        return f"{names}: contains nothing"
    first = next((item for item in skipped if not item.reason.deliberate), skipped[0])
    detail = f": {first.detail}" if first.detail else ""
    items = counted(len(skipped), "item")
    example = printable(f"{first.where}: {first.reason}{detail}")  # a name may contain a newline
    return f"{names}: nothing usable; {items} left out, such as {example}"
