"""Training lines that stay in memory: a card would wait for them to be decoded anew in every epoch.

Child processes decode the bundles: `python -m hwr.train.kept` reads places as JSON from its standard input and writes
the lines of each to its standard output, pickled. Fresh interpreters share no threads with torch, and do not run the
main module of the program again, as children of multiprocessing would.
"""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import hwr
from hwr.bundle import BundleShard
from hwr.errors import DataError, HwrError, TrainingError
from hwr.text import normalise_text
from hwr.train.data import BundleSource, Source, TrainingLine

MOST_PROCESSES = 16

Place = tuple[Path, int]
"""A shard, and the number of a group in it."""


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
            self._groups[group] = _copies(self._source.read(group))
        return self._groups[group]


def keep_lines(sources: Sequence[Source], processes: int | None = None) -> list[KeptSource]:
    """Sources whose lines stay in memory. Those of bundles are decoded now, on all cores; others when they are read.

    Args:
        processes: that decode; one for each core, but at most 16, if not given.

    Raises:
        DataError: a bundle is damaged.
        TrainingError: a process that decodes ended.
    """
    places = [source.places if isinstance(source, BundleSource) else [] for source in sources]
    tasks = [place for of_source in places for place in of_source]
    count = min(len(tasks), processes or min(MOST_PROCESSES, os.cpu_count() or 1))
    groups: dict[Place, list[TrainingLine]] = {}
    with ThreadPoolExecutor(max(1, count)) as pool:
        for decoded in pool.map(_decode_apart, [tasks[part::count] for part in range(count)]):
            groups |= decoded
    return [
        KeptSource(source, {number: groups[place] for number, place in enumerate(of_source)})
        for source, of_source in zip(sources, places, strict=True)
    ]


def _decode_apart(places: Sequence[Place]) -> dict[Place, list[TrainingLine]]:
    """The lines at `places`, decoded by a child process."""
    paths = [str(Path(hwr.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    child = subprocess.run(
        [sys.executable, "-m", "hwr.train.kept"],
        input=json.dumps([(str(path), group) for path, group in places]).encode(),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    if child.returncode:
        said = child.stderr.decode(errors="replace").strip().splitlines()
        raise TrainingError(
            f"a process that decodes lines ended with {child.returncode}" + f": {said[-1]}" * bool(said)
        )
    result = pickle.loads(child.stdout)
    if isinstance(result, str):
        raise DataError(result)
    return dict(zip(places, result, strict=True))


def _decode(place: Place) -> list[TrainingLine]:
    """The lines of a group of a shard; see `BundleSource.read`."""
    path, group = place
    lines = BundleShard(path).read_group(group)
    return [TrainingLine(line.ink, normalise_text(line.text), line.id) for line in lines]


def _copies(lines: Sequence[TrainingLine]) -> list[TrainingLine]:
    """Lines of their own: a line may be a view, which would hold the whole image of its group."""
    return [replace(line, ink=line.ink.copy()) for line in lines]


def main() -> None:
    """Decode what the standard input names; an error that a user can cause is sent as its message."""
    places = [(Path(path), group) for path, group in json.load(sys.stdin)]
    result: list[list[TrainingLine]] | str
    try:
        result = [_decode(place) for place in places]
    except HwrError as error:
        result = str(error)
    sys.stdout.buffer.write(pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    main()
