"""Bundles: normalised lines in shards, for machines that have torch, NumPy and Pillow only.

A bundle is a folder of shards `SET-SPLIT-00000.npz`, each usable alone. A shard is an uncompressed NumPy archive:

    header                uint8: JSON with format, version, set, split, licence, normalisation (name, version), height,
                          quality, groups
    images_K              uint8: the WebP files of group K, one after the other (grey, paper 0)
    offsets_K             int64 (lines + 1): where each file begins
    texts_K               uint8: JSON list of {"id", "text", "writer"}

Groups have at most 256 lines and are read one by one, so memory does not grow with the shard.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import DataError, InputError
from hwr.files.atomic import atomic_write

FORMAT = "hwr-bundle"
VERSION = 1
GROUP_LINES = 256
DEFAULT_QUALITY = 80
LOSSLESS = 100
"""This WebP quality and above is written without loss."""

BROKEN = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    SyntaxError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
)
"""What NumPy, zipfile, JSON and Pillow raise at damaged bytes: a false length, key, type, checksum or method."""


@dataclass(frozen=True)
class BundleLine:
    """A normalised line: ink uint8 (height, width), 0 paper to 255 ink."""

    ink: NDArray[np.uint8]
    text: str
    id: str
    writer: str | None = None


@dataclass(frozen=True)
class BundleHeader:
    """What every shard states of its lines."""

    set: str
    split: str
    normalisation: str
    normalisation_version: int
    height: int
    quality: int = DEFAULT_QUALITY
    licence: str = ""


@dataclass(frozen=True)
class WrittenBundle:
    """Shards of one set and split."""

    shards: tuple[Path, ...]
    lines: int
    bytes: int


def write_bundle(
    directory: Path, header: BundleHeader, lines: Iterable[BundleLine], shard_size: int = 30 * 2**20
) -> WrittenBundle:
    """Write `lines` to shards of at most about `shard_size` bytes.

    Raises:
        DataError: a line of another height.
        OutputError: the folder cannot be written.
    """
    shards: list[Path] = []
    count = 0
    shard: dict[str, NDArray[Any]] = {}
    size = 0
    for group in _groups(lines):
        packed = _pack_group(group, header)
        group_size = sum(array.nbytes for array in packed)
        if shard and size + group_size > shard_size:
            shards.append(_write_shard(directory, header, len(shards), shard))
            shard, size = {}, 0
        index = len(shard) // 3
        shard |= {f"{key}_{index}": array for key, array in zip(("images", "offsets", "texts"), packed, strict=True)}
        size += group_size
        count += len(group)
    if shard:
        shards.append(_write_shard(directory, header, len(shards), shard))
    return WrittenBundle(tuple(shards), count, sum(path.stat().st_size for path in shards))


def _groups(lines: Iterable[BundleLine]) -> Iterator[list[BundleLine]]:
    group: list[BundleLine] = []
    for line in lines:
        group.append(line)
        if len(group) == GROUP_LINES:
            yield group
            group = []
    if group:
        yield group


def _pack_group(group: list[BundleLine], header: BundleHeader) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    from PIL import Image

    files = []
    for line in group:
        if line.ink.shape[0] != header.height:
            raise DataError(f"{line.id}: {line.ink.shape[0]} rows, the bundle has {header.height}")
        buffer = io.BytesIO()
        lossless = header.quality >= LOSSLESS
        Image.fromarray(line.ink).save(buffer, "WEBP", quality=header.quality, lossless=lossless, method=4)
        files.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, files)], dtype=np.int64)
    facts = [{"id": line.id, "text": line.text, "writer": line.writer} for line in group]
    texts = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), dtype=np.uint8)
    return np.frombuffer(b"".join(files), dtype=np.uint8), offsets, texts


def _write_shard(directory: Path, header: BundleHeader, number: int, shard: dict[str, NDArray[Any]]) -> Path:
    path = directory / f"{header.set}-{header.split}-{number:05d}.npz"
    facts = {"format": FORMAT, "version": VERSION, "groups": len(shard) // 3} | vars(header)
    encoded = np.frombuffer(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode(), dtype=np.uint8)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, header=encoded, **shard)
    return path


class BundleShard:
    """One shard, read group by group.

    Raises:
        InputError: missing or unreadable.
        DataError: not a shard of a bundle, truncated, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = np.load(path, allow_pickle=False)
            facts = json.loads(bytes(self._archive["header"]))
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except BROKEN as error:
            raise DataError(f"{path}: not a shard of a bundle, or truncated ({_first_line(error)})") from None
        if not isinstance(facts, dict) or facts.pop("format", None) != FORMAT:
            raise DataError(f"{path}: not a shard of a bundle")
        version, groups = facts.pop("version", None), facts.pop("groups", None)
        if version != VERSION:
            raise DataError(f"{path}: bundle version {version} is unknown; this hwr reads version {VERSION}")
        if not isinstance(groups, int):
            raise DataError(f"{path}: the shard's header is not understood (groups: {groups!r})")
        self.groups = groups
        try:
            self.header = BundleHeader(**facts)
        except TypeError as error:
            raise DataError(f"{path}: the shard's header is not understood ({error})") from None

    def count(self, group: int) -> int:
        """Lines in a group.

        Raises:
            DataError: the shard is damaged.
        """
        with self._damage_named(group):
            return len(self._archive[f"offsets_{group}"]) - 1

    def texts(self, group: int) -> list[str]:
        """The texts of a group, without its images.

        Raises:
            DataError: the shard is damaged.
        """
        with self._damage_named(group):
            return [fact["text"] for fact in json.loads(bytes(self._archive[f"texts_{group}"]))]

    def read_group(self, group: int) -> list[BundleLine]:
        """Decode the lines of one group.

        Raises:
            DataError: the shard is damaged.
        """
        from PIL import Image

        with self._damage_named(group):
            images, offsets = self._archive[f"images_{group}"].tobytes(), self._archive[f"offsets_{group}"]
            facts = json.loads(bytes(self._archive[f"texts_{group}"]))
            lines = []
            for fact, start, stop in zip(facts, offsets[:-1], offsets[1:], strict=True):
                with Image.open(io.BytesIO(images[start:stop])) as image:
                    ink = np.array(image.convert("L"))
                lines.append(BundleLine(ink, fact["text"], fact["id"], fact["writer"]))
            return lines

    @contextmanager
    def _damage_named(self, group: int) -> Iterator[None]:
        try:
            yield
        except BROKEN as error:
            raise DataError(f"{self.path}: group {group} is damaged ({_first_line(error)})") from None


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def find_shards(path: Path) -> list[Path]:
    """The shards of a bundle folder, or the one that `path` is, in order.

    Raises:
        DataError: there is none.
    """
    shards = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not shards:
        raise DataError(f"{path}: no shards (*.npz) of a bundle here")
    return shards
