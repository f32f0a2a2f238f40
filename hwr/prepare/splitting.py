"""The split of each sample: one for all, by lists of ids, random with a seed, or as the source states."""

import os
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from hwr.errors import DataError, UsageError
from hwr.files.tree import find_entry, name_key
from hwr.prepare.iam import form_of
from hwr.prepare.samples import Reason, Sample, Skipped, Source, read_text
from hwr.store.splits import SPLITS

NAMED_LISTS = ("aachen", "lwitlrt", "aachen-part")
"""Splits of IAM that ship with the package; see `docs/data.md` and, for `aachen-part`, `docs/datasets.md`."""

GROUPINGS = ("auto", "writer", "page", "line")

NOTED_FACTOR = 1.5
"""A split that is larger or smaller than the requested share by this factor is reported."""


Facts = tuple[str | None, str | None, str]
"""Writer, page and id of a sample."""


@dataclass(frozen=True)
class SplitOptions:
    """Options for splitting.

    Attributes:
        split: `train`, `val` or `test` for everything; the name of a list in `NAMED_LISTS`; a folder with `train.txt`,
            `val.txt`, `test.txt` of ids, one a line. None: IAM by `aachen`, other sources as they state,
            otherwise `train`.
        whole_pages: with lists, every line of a page that has a line in the list.
        val_share, test_share: random shares of the lines, 0 to 1; they override the splits that a source states.
        seed: of the random choice.
        group: what stays together: lines of a `writer`, a `page`; `auto`: the writer if all are known and enough for
            the splits, else the page if all are known, else the line.
    """

    split: str | None = None
    whole_pages: bool = False
    val_share: float = 0.0
    test_share: float = 0.0
    seed: int = 0
    group: str = "auto"

    @property
    def is_random(self) -> bool:
        """Return whether shares were given."""
        return self.val_share > 0 or self.test_share > 0

    def check(self) -> None:
        """Raise UsageError if options do not fit together."""
        if not (0 <= self.val_share < 1 and 0 <= self.test_share < 1 and self.val_share + self.test_share < 1):
            raise UsageError("--val-share and --test-share must be between 0 and 1, together below 1")
        if self.is_random and self.split is not None:
            raise UsageError("--split cannot be combined with --val-share or --test-share")
        if self.whole_pages and (self.split in SPLITS or self.is_random):
            raise UsageError("--whole-pages needs a split by lists of ids (--split aachen, lwitlrt or a folder)")


@dataclass(frozen=True)
class IdLists:
    """Id -> split, and page -> split for the pages of the ids."""

    name: str
    ids: dict[str, str]
    pages: dict[str, str]

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """`name_key` -> id: an id is often the path of a file."""
        return {name_key(id): id for id in self.ids}

    def find(self, listed_as: str) -> str | None:
        """Return the id in the lists, which may be another spelling of that of the item, or None."""
        return listed_as if listed_as in self.ids else self._spellings.get(name_key(listed_as))

    def split_of(self, listed_as: str, whole_pages: bool) -> str | None:
        """Return the split of a line, or None."""
        id = self.find(listed_as)
        found = None if id is None else self.ids[id]
        return self.pages.get(form_of(listed_as)) if found is None and whole_pages else found


@dataclass
class Plan:
    """The split of each item of all sources, by position, None if it is left out; and the items left out so far."""

    splits: list[str | None] = field(default_factory=list)
    skipped: list[tuple[int, Skipped]] = field(default_factory=list)
    missing: list[Skipped] = field(default_factory=list)
    """Ids that the split lists and the sources do not have, and data of other kinds."""
    notes: Counter[str] = field(default_factory=Counter)
    """Splits that names state, ids that were changed, and surprising sizes of random splits; each with a count."""
    renamed: dict[int, str] = field(default_factory=dict)
    """New id, by position, of each item whose id one of another source has."""

    def leave_out(self, skipped: Skipped) -> None:
        """Add an item that is not in any split."""
        self.skipped.append((len(self.splits), skipped))
        self.splits.append(None)

    def add(self, split: str, item: Sample, id: str) -> None:
        """Add an item of a split under this id."""
        if id != item.id:
            self.renamed[len(self.splits)] = id
            self.notes["lines with the id of a line in another source: the name of their source precedes it"] += 1
        self.splits.append(split)


class _Ids:
    """Keeps the ids of all sources apart. `paths`: the sources."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._names = _distinct_names(paths)
        self._seen: dict[str, tuple[Path, int]] = {}
        """The source and the file of the item with each id; the file as its hash, to save memory."""

    def claim(self, item: Sample, source: Path) -> str | None:
        """Return an id for an item: its own, or a new one if another source has it for another file.

        Return None if the item is there already, or its own source has the id twice.
        """
        file = hash(os.path.abspath(item.file or item.where))
        id = item.id
        if id in self._seen:
            if source == self._seen[id][0] or file == self._seen[id][1]:
                return None
            id = f"{self._names[source]}/{id}"
            if id in self._seen:
                return None
        self._seen[id] = source, file
        return id


def _distinct_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return a name for each path: its last part, and as many before it as the names need to differ."""
    parts = {path: Path(os.path.abspath(path)).with_suffix("").parts for path in paths}
    names: dict[Path, str] = {}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        ends = {path: "/".join(found[-length:]) for path, found in parts.items()}
        times = Counter(ends.values())
        names = {path: end for path, end in ends.items() if times[end] == 1} | names
    return {path: str(path) for path in parts} | names


def read_lists(name: str) -> IdLists:
    """Return the lists of a named split, or of a folder with `train.txt`, `val.txt`, `test.txt`.

    Raises:
        UsageError: neither a name nor a folder.
        DataError: the folder has none of the files, or an id is in two of them.
    """
    if name in NAMED_LISTS:
        lists = {split: _shipped_list(name, split) for split in SPLITS}
    elif Path(name).is_dir():
        lists = {split: _own_list(Path(name), split) for split in SPLITS}
    else:
        known = ", ".join((*SPLITS, *NAMED_LISTS))
        raise UsageError(f"unknown split {name!r}; known: {known}, or a folder with train.txt, val.txt, test.txt")
    ids: dict[str, str] = {}
    for split, listed in lists.items():
        for identity in listed:
            if ids.setdefault(identity, split) != split:
                raise DataError(f"{name}: {identity} is in {ids[identity]}.txt and in {split}.txt")
    if not ids:
        raise DataError(f"{name}: no ids in train.txt, val.txt or test.txt")
    return IdLists(name, ids, {form_of(identity): split for identity, split in ids.items()})


def _shipped_list(name: str, split: str) -> list[str]:
    file = files("hwr.prepare") / "splits" / name / f"{split}.txt"
    return file.read_text("utf-8").split() if file.is_file() else []


def _own_list(folder: Path, split: str) -> list[str]:
    file = find_entry(folder, f"{split}.txt")
    rows = re.split("\r\n|\r|\n", read_text(file)) if file is not None else []
    return [row.strip() for row in rows if row.strip()]  # an id may contain spaces


def make_plan(sources: Iterable[Source], options: SplitOptions) -> Plan:
    """Read all sources without their images and assign each item to a split.

    Raises:
        UsageError: options do not fit together, or there are too few groups to split.
    """
    options.check()
    plan = Plan()
    ids = _Ids([source.path for source in sources])
    facts: list[Facts] = []
    listed: dict[str, set[str]] = {}
    used: dict[str, IdLists] = {}
    for source in sources:
        lists = _lists_for(source, options)
        if lists:
            used[lists.name] = lists
        for item in source.items(images=False):
            listed_as = _listed_as(item)
            if lists and listed_as is not None:
                listed.setdefault(lists.name, set()).add(lists.find(listed_as) or listed_as)
            split = _split_or_skip(item, lists, options, source.split)
            if isinstance(split, Skipped):
                plan.leave_out(split)
                continue
            assert isinstance(item, Sample)
            id = ids.claim(item, source.path)
            if id is None:
                plan.leave_out(Skipped(item.where, Reason.DUPLICATE, item.id))
                continue
            plan.add(split, item, id)
            if source.split and not (lists or item.split or options.split or options.is_random):
                plan.notes[f"split {split}, from the name of the source, {source.path}; lines"] += 1
            if options.is_random:
                facts.append((item.writer, item.page, id))
        plan.missing += source.not_read
    for lists in used.values():
        plan.missing += _not_in_source(lists, listed.get(lists.name, set()))
    if options.is_random:
        group = _group_of(facts, options)
        _assign_at_random(plan, _group_keys(facts, group), group, options)
        _note_shares(plan, facts, group, options)
    return plan


def _lists_for(source: Source, options: SplitOptions) -> IdLists | None:
    if options.is_random or options.split in SPLITS:
        return None
    if options.split is not None:
        return read_lists(options.split)
    return read_lists("aachen") if source.kind == "iam" else None


def _listed_as(item: Sample | Skipped) -> str | None:
    """Return the id under which a split list would have the item, if it has one."""
    return item.listed_as or item.id if isinstance(item, Sample) else item.listed_as


def _split_or_skip(
    item: Sample | Skipped, lists: IdLists | None, options: SplitOptions, usual: str | None
) -> str | Skipped:
    """Return the split of an item, or the reason why it has none; `usual`: the split of its source."""
    listed_as = _listed_as(item)
    if lists is not None and listed_as is not None:
        split = lists.split_of(listed_as, options.whole_pages)
        if split is None:
            # Other faults of the item do not matter to this split.
            return Skipped(item.id if isinstance(item, Sample) else item.where, Reason.NOT_IN_SPLIT, lists.name)
        return split if isinstance(item, Sample) else item
    if isinstance(item, Skipped):
        return item
    return options.split if options.split in SPLITS else item.split or usual or "train"


def _not_in_source(lists: IdLists, listed: set[str]) -> list[Skipped]:
    return [
        Skipped(identity, Reason.NOT_IN_SOURCE, f"{lists.name}/{split}")
        for identity, split in lists.ids.items()
        if identity not in listed
    ]


def _group_of(facts: Sequence[Facts], options: SplitOptions) -> str:
    """Return the kind of group that stays together: writer, page or line."""
    if options.group != "auto":
        return options.group
    writers, pages = ({fact[column] for fact in facts} for column in (0, 1))
    enough = len(writers) > (options.val_share > 0) + (options.test_share > 0)
    by_page = None not in pages and (None in writers or not enough)
    return "page" if by_page else "line" if None in writers else "writer"


def _group_keys(facts: Sequence[Facts], group: str) -> list[str]:
    """Return the group of each sample."""
    column = GROUPINGS.index(group) - 1
    missing = sum(fact[column] is None for fact in facts)
    if missing:
        raise UsageError(f"--split-by {group}: {missing} of {len(facts)} samples have no {group}")
    return [str(fact[column]) for fact in facts]


def _assign_at_random(plan: Plan, groups: list[str], group: str, options: SplitOptions) -> None:
    """Set whole groups aside, in an order that depends only on the seed and the groups' names."""
    sizes = Counter(groups)
    order = sorted(sizes)
    random.Random(options.seed).shuffle(order)
    shares = {"test": options.test_share, "val": options.val_share}
    wanted = [split for split, share in shares.items() if share > 0]
    if len(order) <= len(wanted):
        many = "" if len(order) == 1 else "s"
        raise UsageError(f"only {len(order)} {group}{many} to split by; --split-by line splits single lines")
    chosen: dict[str, str] = {}
    for split in wanted:
        free = [group for group in order if group not in chosen]
        others = len(wanted) - wanted.index(split)  # the other splits, train among them, get a group each
        chosen |= dict.fromkeys(_fill(free[: len(free) - others], sizes, shares[split] * len(groups)), split)
    positions = (position for position, split in enumerate(plan.splits) if split)
    for position, group in zip(positions, groups, strict=True):
        plan.splits[position] = chosen.get(group, "train")


def _note_shares(plan: Plan, facts: Sequence[Facts], group: str, options: SplitOptions) -> None:
    """Report each split whose share of the lines is far from the requested one because groups stay together."""
    counts = Counter(split for split in plan.splits if split)
    groups = len(set(_group_keys(facts, group)))
    for split, share in (("val", options.val_share), ("test", options.test_share)):
        actual = counts[split] / len(facts)
        if group != "line" and share and not share / NOTED_FACTOR <= actual <= share * NOTED_FACTOR:
            size = f"{split} has {100 * actual:.0f} % of the lines, not {100 * share:.0f} %"
            plan.notes[f"{size}, because {group}s stay together (see --split-by); number of {group}s"] = groups


def _fill(free: list[str], sizes: Counter[str], target: float) -> Iterator[str]:
    """Yield groups of about `target` lines: the first ones, except those that would go far beyond it; at least one."""
    count = 0
    for group in free:
        if count < target and count + sizes[group] <= 1.5 * target:
            count += sizes[group]
            yield group
    if count == 0:
        yield min(free, key=lambda group: sizes[group])
