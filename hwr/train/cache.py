"""The cache of a run: every line is decoded and normalised once, and then mapped into memory.

For each set the folder has two files, named after the hash of the store and the height of the lines:

    KEY.pixels    uint8: the ink of all lines in sequence, each (height, width)
    KEY.npz       starts: int64 (lines + 1), where each line begins; groups: int64, lines of each group;
                  texts: uint8, JSON list of [text, id]

The second file is written last: a cache that has it is complete.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.errors import OutputError
from hwr.files.atomic import atomic_write
from hwr.store.lines import StoredLine
from hwr.store.normalised import LabelledLine, NormalisedLines
from hwr.text import counted

RESERVE = 1.25
"""Free space required in addition to the estimated size of the cache."""

MANY_LINES = 5000
"""More lines than this are announced by a message while they are normalised."""

UNKNOWN_WIDTH = 16
"""Estimated width, in heights, of a line whose size the store does not state."""


class CachedLines:
    """The lines of a store from its complete cache in `folder`, in the groups of the store."""

    def __init__(self, name: str, lines: NormalisedLines, folder: Path) -> None:
        self.name, self.height, self.file = name, lines.height, _file(lines, folder)
        self.chains = [group.row_group for group in lines.groups]

    @cached_property
    def _index(self) -> tuple[list[int], list[int], list[list[str]]]:
        """Starts of the lines, first line of each group, [text, id] of each line."""
        with np.load(self.file.with_suffix(".npz"), allow_pickle=False) as index:
            firsts = np.concatenate([[0], np.cumsum(index["groups"])])
            return index["starts"].tolist(), firsts.tolist(), json.loads(bytes(index["texts"]))

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return np.asarray(np.memmap(self.file, np.uint8, mode="r"))

    def texts(self) -> Iterator[str]:
        """Yield all texts, without the images."""
        return (text for text, _ in self._index[2])

    def read(self, group: int) -> list[LabelledLine]:
        """Return the lines of a group."""
        starts, firsts, facts = self._index
        return [
            LabelledLine(self._pixels[starts[line] : starts[line + 1]].reshape(self.height, -1), *facts[line])
            for line in range(firsts[group], firsts[group + 1])
        ]


def write_cache(name: str, lines: NormalisedLines, folder: Path, log: Callable[[str], None]) -> None:
    """Write the cache of a store, unless it is complete already.

    Raises:
        OutputError: there is no room for it.
        DataError: the store cannot be read.
    """
    file = _file(lines, folder)
    if file.with_suffix(".npz").exists():
        return
    _check_room(name, lines, folder)
    if lines.count > MANY_LINES:
        log(f"{name}: normalising {counted(lines.count, 'line')} once")
    count, size = _write(lines, file)
    log(f"{name}: {counted(count, 'line')} normalised and cached, {size / 2**20:,.1f} MiB")


def _file(lines: NormalisedLines, folder: Path) -> Path:
    return folder / f"{lines.store.content_hash()[:24]}-{lines.height}.pixels"


def _write(lines: NormalisedLines, file: Path) -> tuple[int, int]:
    """Write both files; return the number of lines and of bytes."""
    widths: list[int] = []
    groups: list[int] = []
    facts: list[tuple[str, str]] = []
    with atomic_write(file) as temporary, temporary.open("wb") as pixels:
        for group in lines.groups:
            read = lines.read_group(group.index)
            for line in read:
                pixels.write(np.ascontiguousarray(line.ink).data)
            widths += [line.ink.shape[1] for line in read]
            facts += [(line.text, line.id) for line in read]
            groups.append(len(read))
        pixels.write(b"\0" * (not widths))  # an empty file cannot be mapped
    starts = np.cumsum([0, *widths], dtype=np.int64) * lines.height
    texts = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with atomic_write(file.with_suffix(".npz")) as temporary, temporary.open("wb") as index:
        np.savez(index, allow_pickle=False, starts=starts, groups=np.array(groups, np.int64), texts=texts)
    return len(widths), int(starts[-1])


def _check_room(name: str, lines: NormalisedLines, folder: Path) -> None:
    needed = RESERVE * sum(_area(line, lines.height) for _, line in lines.store.rows(images=False))
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise OutputError(
            f"{folder}: the cache of {name} needs about {needed / 2**20:,.1f} MiB, {free / 2**20:,.1f} MiB are free: "
            "free some disk space, or train without a cache (--no-cache)"
        )


def _area(line: StoredLine | str, height: int) -> float:
    """Return about how many pixels a line of a store has at a height."""
    if isinstance(line, str) or not line.width * line.height:
        return UNKNOWN_WIDTH * height**2
    return height**2 * line.width / line.height
