"""The lines of a run: training and validation sets, their cache, and lines held out."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from hwr.errors import DataError
from hwr.store.normalised import LabelledLine, NormalisedLines
from hwr.train.cache import CachedLines, write_cache
from hwr.train.recipe import Recipe, TrainingSet

Log = Callable[[str], None]

MAX_HELD_OUT = 500
"""Maximum number of held-out lines: more would hardly make the CER more precise, and each is one less to learn from."""


class LineSource(Protocol):
    """Lines in groups. Groups with the same entry in `chains` are read fastest in order; chains in any order."""

    @property
    def name(self) -> str: ...

    @property
    def chains(self) -> Sequence[int]: ...

    def texts(self) -> Iterator[str]:
        """Yield all texts, without the images."""
        ...

    def read(self, group: int) -> Sequence[LabelledLine]: ...


class StoreLines:
    """One split of a line store; its lines are decoded and normalised each time they are read.

    Raises:
        DataError: the store cannot be used, or holds lines normalised in another way or at another height.
    """

    def __init__(self, path: Path, height: int, split: str, log: Log = lambda text: None) -> None:
        self.path, self.height, self.split, self._log = path, height, split, log
        self._reported: set[int] = set()
        self.name = path.name if path.is_dir() else (path.parent.name if path.stem == split else path.stem)
        self.chains = [group.row_group for group in self.lines.groups]

    @cached_property
    def lines(self) -> NormalisedLines:
        """The open store."""
        return self.open()

    def open(self, threads: int = 2) -> NormalisedLines:
        """Open the store again, to be normalised by `threads` threads."""
        return NormalisedLines(self.path, self.height, self.split, report=self._report, threads=threads)

    def texts(self) -> Iterator[str]:
        """Yield all texts, without the images."""
        return self.lines.texts()

    def read(self, group: int) -> list[LabelledLine]:
        """Return the lines of a group; those whose image cannot be used are left out."""
        return self.lines.read_group(group)

    def licences(self) -> set[str]:
        """Return all licences that the lines state."""
        rows = (line for _, line in self.lines.store.rows(images=False))
        return {line.licence for line in rows if not isinstance(line, str) and line.licence}

    def _report(self, row: int, reason: str) -> None:
        if row not in self._reported:  # the store may be opened several times
            self._reported.add(row)
            self._log(f"{self.path}: row {row} left out: {reason}")


@dataclass(frozen=True)
class Part:
    """The lines of a source whose text was drawn to be held out, or (`held_out` False) was not.

    The few that are held out stay in memory: without a cache they would be decoded with all others in each validation.
    """

    source: LineSource
    drawn: frozenset[str]
    held_out: bool
    _read: dict[int, list[LabelledLine]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the source."""
        return self.source.name

    @property
    def chains(self) -> Sequence[int]:
        """The chains of the source."""
        return self.source.chains

    def texts(self) -> Iterator[str]:
        """Yield all texts of the part, without the images."""
        return (text for text in self.source.texts() if self._belongs(text))

    def read(self, group: int) -> list[LabelledLine]:
        """Return the lines of a group that belong to the part; there may be none."""
        if group in self._read:
            return self._read[group]
        lines = [line for line in self.source.read(group) if self._belongs(line.text)]
        if self.held_out:
            self._read[group] = lines
        return lines

    def _belongs(self, text: str) -> bool:
        return (text in self.drawn) == self.held_out


def hold_out(sources: Sequence[LineSource], share: float, seed: int, exclude: str = "") -> list[tuple[Part, Part]]:
    """Split every source into lines to train on and lines to validate on.

    Whole texts are drawn, each with all its lines, so that no text is in both parts. Only the seed and the texts decide
    which. At least one text stays to train on.

    Args:
        share: of all lines together, but at most `MAX_HELD_OUT` lines.
        exclude: lines with one of these characters are not drawn.
    """
    chosen = _draw(sources, share, seed, exclude)
    return [(Part(source, chosen, False), Part(source, chosen, True)) for source in sources]


def _draw(sources: Sequence[LineSource], share: float, seed: int, exclude: str) -> frozenset[str]:
    counts: dict[str, int] = {}
    for source in sources:
        for text in source.texts():
            if text and not any(character in exclude for character in text):
                counts[text] = counts.get(text, 0) + 1
    wanted = min(MAX_HELD_OUT, max(1, round(share * sum(counts.values()))))
    chosen: set[str] = set()
    lines = 0
    for text in sorted(counts, key=lambda text: _draw_order(seed, text))[:-1]:
        if lines >= wanted:
            break
        if lines + counts[text] <= max(1, 1.5 * wanted):
            chosen.add(text)
            lines += counts[text]
    return frozenset(chosen)


def _draw_order(seed: int, text: str) -> tuple[bytes, str]:
    return (hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest(), text)


@dataclass(frozen=True)
class WeightedSource:
    """A training source, how often an epoch sees it, and what the model states about it."""

    source: LineSource
    weight: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class RunData:
    """The data of a run."""

    training: list[WeightedSource]
    validation: list[LineSource]


def training_texts(recipe: Recipe, height: int) -> Iterator[str]:
    """Yield all texts of the training data, opened for lines of `height` rows.

    Raises:
        HwrError: data cannot be used, or there are none.
    """
    if not recipe.train:
        raise DataError("no training data: name at least one line store")
    for entry in recipe.train:
        lines = StoreLines(Path(entry.path), height, "train")
        empty = True
        for text in lines.texts():
            empty = False
            yield text
        if empty and lines.lines.store.unusable:
            raise DataError(f"{entry.path}: no text can be read: {next(iter(lines.lines.store.unusable.values()))}")


def open_run_data(recipe: Recipe, height: int, log: Log) -> RunData:
    """Open all data of a run.

    Raises:
        HwrError: data cannot be used.
    """
    stores = [StoreLines(Path(entry.path), height, "train", log) for entry in recipe.train]
    training = [_weighted(entry, store) for entry, store in zip(recipe.train, stores, strict=True)]
    validation: list[LineSource] = [StoreLines(Path(entry.path), height, "val", log) for entry in recipe.validation]
    return RunData(training, validation)


def _weighted(entry: TrainingSet, store: StoreLines) -> WeightedSource:
    facts: dict[str, Any] = {"lines": sum(1 for _ in store.texts()), "weight": entry.weight}
    licence = entry.licence or ", ".join(sorted(store.licences()))
    return WeightedSource(store, entry.weight, facts | ({"licence": licence} if licence else {}))


def write_caches(data: RunData, folder: Path, log: Log) -> None:
    """Normalise all lines once, into files of `folder`.

    Raises:
        HwrError: a store is corrupt, or there is no room for the cache.
    """
    for source in (*(item.source for item in data.training), *data.validation):
        assert isinstance(source, StoreLines)
        write_cache(source.name, source.open(os.cpu_count() or 1), folder, log)


def with_cache(data: RunData, folder: Path) -> RunData:
    """Return the data with all lines read from the caches that `write_caches` has written to `folder`."""

    def cached(source: LineSource) -> LineSource:
        assert isinstance(source, StoreLines)
        return CachedLines(source.name, source.lines, folder)

    training = [replace(item, source=cached(item.source)) for item in data.training]
    return replace(data, training=training, validation=[cached(source) for source in data.validation])


def with_held_out(data: RunData, recipe: Recipe) -> RunData:
    """Return the data with a share of the training lines held out to validate on, if the recipe asks for that."""
    if not recipe.hold_out or data.validation:
        return data
    parts = hold_out([item.source for item in data.training], recipe.hold_out, recipe.seed, recipe.exclude)
    training = [
        replace(item, source=kept, facts=item.facts | {"lines": sum(1 for _ in kept.texts())})
        for item, (kept, _) in zip(data.training, parts, strict=True)
    ]
    return replace(data, training=training, validation=[held for _, held in parts if any(held.texts())])
