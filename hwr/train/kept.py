"""Training lines that stay in memory: a card would wait for them to be decoded anew in every epoch."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from hwr.bundle import BundleShard
from hwr.text import normalise_text
from hwr.train.data import BundleSource, Source, TrainingLine

MOST_PROCESSES = 16


class KeptSource:
    """A source whose groups are kept: those given, and any other once it has been read."""

    def __init__(self, source: Source, groups: dict[int, list[TrainingLine]] | None = None) -> None:
        self._source = source
        self._groups = groups or {}
        self.name, self.runs = source.name, source.runs
        self.licences: set[str] = getattr(source, "licences", set())

    def texts(self) -> Iterator[str]:
        """All texts, without the images."""
        return self._source.texts()

    def read(self, group: int) -> list[TrainingLine]:
        """The lines of one group, the same ones each time."""
        if group not in self._groups:
            self._groups[group] = self._source.read(group)
        return self._groups[group]


def keep_lines(sources: Sequence[Source], processes: int | None = None) -> list[KeptSource]:
    """Sources whose lines stay in memory. Those of bundles are decoded now, on all cores; others when they are read.

    Args:
        processes: that decode; one for each core, but at most 16, if not given.

    Raises:
        DataError: a bundle is damaged.
    """
    places = [source.places if isinstance(source, BundleSource) else [] for source in sources]
    tasks = [place for of_source in places for place in of_source]
    count = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
    if not tasks:
        return [KeptSource(source) for source in sources]
    # Fresh interpreters: threads of torch, which a fork would copy in mid-work, may be running.
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        groups = iter(list(pool.map(_read, tasks)))
    return [
        KeptSource(source, {number: next(groups) for number in range(len(of_source))})
        for source, of_source in zip(sources, places, strict=True)
    ]


def _read(place: tuple[Path, int]) -> list[TrainingLine]:
    """The lines of a group of a shard; see `BundleSource.read`."""
    path, group = place
    lines = BundleShard(path).read_group(group)
    # Copies: the lines are views, each of which would hold the whole image of its group.
    return [TrainingLine(line.ink.copy(), normalise_text(line.text), line.id) for line in lines]
