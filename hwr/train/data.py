"""Training data: line stores and bundles behind one small interface, read group by group.

Bundles need NumPy and Pillow only; line stores need pyarrow and OpenCV as well, imported when one is opened.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.bundle import BundleShard, find_shards
from hwr.errors import DataError, InputError
from hwr.text import normalise_text

DECODING_THREADS = 2


@dataclass(frozen=True)
class TrainingLine:
    """A normalised line: ink uint8 (height, width), 0 paper to 255 ink."""

    ink: NDArray[np.uint8]
    text: str
    id: str


class Source(Protocol):
    """Lines of one file, in groups.

    Groups with the same entry in `runs` must be read in order (they lie in one giant row group); the runs may be read
    in any order.
    """

    @property
    def name(self) -> str: ...

    @property
    def runs(self) -> Sequence[int]: ...

    def texts(self) -> Iterator[str]:
        """All texts, without the images."""
        ...

    def read(self, group: int) -> list[TrainingLine]: ...


class Synthetic(Protocol):
    """Lines that are made for a run, numbered from 0 on, and their share of all lines."""

    def share(self, progress: float, decaying: bool) -> float: ...

    def take(self, first: int, count: int) -> Sequence[TrainingLine]: ...


@dataclass(frozen=True)
class Normalised:
    """The line normalisation that a model and its data must share."""

    name: str
    version: int
    height: int


class BundleSource:
    """Shards of one set of a bundle.

    Raises:
        DataError: a shard of another normalisation or height.
    """

    def __init__(self, shards: Sequence[BundleShard], wanted: Normalised) -> None:
        for shard in shards:
            stated = Normalised(shard.header.normalisation, shard.header.normalisation_version, shard.header.height)
            if stated != wanted:
                raise DataError(
                    f"{shard.path}: made with normalisation {stated.name} {stated.version} at height {stated.height}; "
                    f"this model needs {wanted.name} {wanted.version} at height {wanted.height}: pack it anew"
                )
        self.name = shards[0].header.set
        self.licences = {shard.header.licence for shard in shards if shard.header.licence}
        self._groups = [(shard, group) for shard in shards for group in range(shard.groups)]
        self.runs = list(range(len(self._groups)))

    @property
    def places(self) -> list[tuple[Path, int]]:
        """The shard of each group, and the group's number there."""
        return [(shard.path, group) for shard, group in self._groups]

    def texts(self) -> Iterator[str]:
        for shard, group in self._groups:
            yield from map(normalise_text, shard.texts(group))

    def read(self, group: int) -> list[TrainingLine]:
        shard, index = self._groups[group]
        return [TrainingLine(line.ink, normalise_text(line.text), line.id) for line in shard.read_group(index)]


class StoreSource:
    """A Parquet file of line images; they are decoded and normalised when they are read."""

    def __init__(
        self, path: Path, wanted: Normalised, split: str, report: Callable[[str], None] = lambda message: None
    ) -> None:
        from hwr.line import NORMALISATION
        from hwr.store.lines import LineStore

        if (wanted.name, wanted.version) != (NORMALISATION.name, NORMALISATION.version):
            raise DataError(
                f"{path}: the model needs normalisation {wanted.name} {wanted.version}; "
                f"this hwr makes {NORMALISATION.name} {NORMALISATION.version}"
            )
        self.name = path.name if path.is_dir() else (path.parent.name if path.stem == split else path.stem)
        self.licences: set[str] = set()
        self._height = wanted.height
        self._file = LineStore(path, split)
        self._report = report
        self._reported: set[int] = set()
        self.runs = [group.row_group for group in self._file.groups]

    def texts(self) -> Iterator[str]:
        yield from map(normalise_text, self._file.texts())

    def read(self, group: int) -> list[TrainingLine]:
        from hwr.files.images import decode_image
        from hwr.line import normalise_line

        stored = self._file.read_group(group)

        def normalise(index: int) -> TrainingLine | str:
            line = stored[index]
            try:
                ink = normalise_line(decode_image(line.image, line.id), self._height)
            except InputError as error:
                return str(error)
            return TrainingLine(ink, normalise_text(line.text), line.id)

        with ThreadPoolExecutor(DECODING_THREADS) as pool:
            results = list(pool.map(normalise, range(len(stored))))
        if group not in self._reported:
            self._reported.add(group)
            for result in results:
                if isinstance(result, str):
                    self._report(f"{self._file.path}: left out: {result}")
        return [result for result in results if isinstance(result, TrainingLine)]


def open_sources(
    path: Path, wanted: Normalised, split: str, only: str = "", report: Callable[[str], None] = lambda message: None
) -> list[BundleSource | StoreSource]:
    """Open a line store, a Parquet file, a bundle folder or one shard, whichever `path` is.

    A bundle folder gives one source for each of its sets that has the split, or for the set `only`.

    Raises:
        InputError, DataError: missing, of no known kind, made with another normalisation.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix != ".npz" and not (path.is_dir() and any(path.glob("*.npz"))):
        if only:
            raise DataError(f"{path}: not a bundle, so it has no set {only!r}")
        return [StoreSource(path, wanted, split, report)]
    sets: dict[str, list[BundleShard]] = {}
    for shard in map(BundleShard, find_shards(path)):
        if path.is_file() or (shard.header.split == split and only in ("", shard.header.set)):
            sets.setdefault(shard.header.set, []).append(shard)
    if not sets:
        raise DataError(f"{path}: no shards of the split {split!r}" + (f" of the set {only!r}" if only else ""))
    return [BundleSource(shards, wanted) for shards in sets.values()]
