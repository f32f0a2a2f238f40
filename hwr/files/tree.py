"""Files of a folder or a zip, read within bounds, and found by names that other programs wrote.

Names are only compared here (`name_key`). The same file may be `Müller.JPG` in an XML file, `Müller.jpg` with a
combining diaeresis on a disk from macOS, `scans\\müller.jpg` in a table from Windows and `M%C3%BCller.jpg` in a
manifest.
"""

import lzma
import os
import posixpath
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from hwr.errors import DataError, InputError

MAX_FILES = 500_000
"""Maximum number of files of a source."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""Beginning of the file that Git leaves in place of one that Git LFS has not fetched."""

MAX_POINTER_BYTES = 1024
"""Size of such a file; its specification has this bound."""

_DRIVE = re.compile("[A-Za-z]:")

_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,  # encrypted
    NotImplementedError,
    EOFError,  # truncated
    ValueError,
    OverflowError,
    MemoryError,
)
"""Exceptions that `zipfile` raises for damaged, encrypted or hostile zips."""


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        InputError: missing, unreadable, not a regular file (a pipe would wait for ever), larger than `limit` bytes, or
            a pointer of Git LFS.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return _checked(data, limit, str(path))


def check_regular(path: Path) -> None:
    """Check that a path that exists is a folder, or a file with content of its own.

    Opening a pipe or a device may never return.

    Raises:
        InputError: it is a pipe, a device, or a pointer of Git LFS.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError(f"{path}: not a regular file (a pipe or a device)")
    if stat.S_ISREG(found.st_mode) and found.st_size < MAX_POINTER_BYTES:
        with suppress(OSError), path.open("rb") as file:
            _check_pointer(file.read(len(LFS_POINTER)), str(path))


def is_file(path: Path) -> bool:
    """Return whether there is such a file; also for names that no file can have (too long, with a zero byte)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _checked(data: bytes, limit: int, where: str) -> bytes:
    if len(data) > limit:
        raise InputError(f"{where}: more than {limit // 2**20} MiB")
    _check_pointer(data, where)
    return data


def _check_pointer(data: bytes, where: str) -> None:
    if data.startswith(LFS_POINTER):
        raise InputError(f"{where}: only a pointer of Git LFS; `git lfs pull` fetches the file itself")


# --- names -------------------------------------------------------------------------------------------------------


def name_key(name: str) -> str:
    """Return a form of a path that is equal for all its spellings: slashes, NFC, percent-encoding and case."""
    path = posixpath.normpath(unquote(name.replace("\\", "/"), errors="surrogateescape"))
    return unicodedata.normalize("NFC", path).casefold()


def find_entry(folder: Path, name: str) -> Path | None:
    """Return the file or folder of this name in a folder, or the only one with another spelling of it; or None."""
    if (folder / name).exists():
        return folder / name
    try:
        found = [entry for entry in os.listdir(folder) if name_key(entry) == name_key(name)]
    except OSError:
        return None
    return folder / found[0] if len(found) == 1 else None


class FileIndex:
    """Finds files by path or by name. An exact match is preferred to one by `name_key`, which must be unique.

    Args:
        names: paths with slashes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._exact = set(self.names)
        self._by_path: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for name in self.names:
            key = name_key(name)
            self._by_path.setdefault(key, []).append(name)
            self._by_name.setdefault(posixpath.basename(key), []).append(name)

    def at(self, path: str) -> str | None:
        """Return the file at a path, or None."""
        exact = posixpath.normpath(path)
        if exact in self._exact:
            return exact
        found = self._by_path.get(name_key(path), [])
        return found[0] if len(found) == 1 else None

    def anywhere(self, path: str) -> str | None:
        """Return the only file whose path ends with `path`, or with as many of its last parts as any path has."""
        key = name_key(path)
        found = self._by_name.get(posixpath.basename(key), [])
        parts = key.split("/")
        for start in range(len(parts)):
            end = "/" + "/".join(parts[start:])
            matching = [name for name in found if ("/" + name_key(name)).endswith(end)]
            if matching:
                return matching[0] if len(matching) == 1 else None
        return None


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or has the data that macOS adds to disks and zips."""
    return name.startswith(".") or name == "__MACOSX"


# --- trees -------------------------------------------------------------------------------------------------------


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder below `folder` with the names of its files, in order; hidden ones are left out.

    Links to folders are followed, but each folder is entered only once, so that links cannot form a loop. Pipes and
    devices are left out. Broken links are not, so that the missing file is noticed.
    """
    entered: set[tuple[int, int]] = set()
    for root, inner, files in os.walk(folder, followlinks=True):
        try:
            found = os.stat(root)
        except OSError:
            continue
        identity = (found.st_dev, found.st_ino)
        if identity in entered:
            inner.clear()
            continue
        entered.add(identity)
        inner[:] = sorted(name for name in inner if not is_hidden(name))
        yield Path(root), sorted(name for name in files if not is_hidden(name) and _may_be_file(root, name))


def _listed(folder: Path) -> tuple[Path, list[str]]:
    """Return a folder with the names of its files, as `walk` yields them."""
    found = next(walk(folder), None)
    if found is None:
        raise DataError(f"{folder}: the folder cannot be listed; check its permissions")
    return found


def _may_be_file(root: str, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(os.path.join(root, name)).st_mode)
    except OSError:
        return True


class FolderTree:
    """The files below a folder, identified by their paths with slashes.

    Attributes:
        names: the paths of all files in order, without hidden ones.

    Args:
        folders: only the files directly in these folders, given as paths below `path`; None for all.

    Raises:
        DataError: there are too many files, or one of `folders` cannot be listed.
    """

    def __init__(self, path: Path, folders: tuple[str, ...] | None = None) -> None:
        self.path = path
        self.names: list[str] = []
        walks = [walk(path)] if folders is None else [iter([_listed(path / folder)]) for folder in folders]
        for found in walks:
            for root, files in found:
                below = root.relative_to(path).as_posix()
                self.names += [posixpath.join("" if below == "." else below, name) for name in files]
                if len(self.names) > MAX_FILES:
                    raise DataError(f"{path}: more than {MAX_FILES:,} files; name a folder further down")

    def where(self, name: str) -> str:
        """Return the name of a file for messages."""
        return str(self.path / name)

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a file.

        Raises:
            InputError: it cannot be read, or has more than `limit` bytes.
        """
        return read_file(self.path / name, limit)

    def head(self, name: str, size: int) -> bytes:
        """Return the first `size` bytes of a file; fewer, or none, if it is shorter or broken."""
        path = self.path / name
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return b""
            with path.open("rb") as file:
                return file.read(size)
        except OSError:
            return b""


class ZipTree:
    """The files in a zip, unpacked in memory, and only up to the size that the reader asks for; as `FolderTree`.

    Raises:
        DataError: not a zip, a broken one, or one with a path that leads out of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except _UNREADABLE as error:
            raise DataError(f"{path}: not a zip, or a broken one ({error})") from None
        # `ZipInfo.is_dir` fails for a member without a name, which nothing can refer to
        infos = [info for info in self._zip.infolist() if info.filename and not _zip_name(info).endswith("/")]
        if len(infos) > MAX_FILES:
            raise DataError(f"{path}: more than {MAX_FILES:,} files")
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self._repeated: set[str] = set()
        for info in infos:
            parts = _zip_name(info).split("/")
            if ".." in parts or parts[0] == "" or _DRIVE.match(parts[0]):
                raise DataError(
                    f"{path}: contains a path that leads out of it ({info.filename!r}); such zips are refused"
                )
            parts = [part for part in parts if part not in ("", ".")]
            if not parts or any(map(is_hidden, parts)):
                continue
            name = "/".join(parts)
            if name in self._infos:
                self._repeated.add(name)
            self._infos[name] = info
        self.names = sorted(self._infos)

    def where(self, name: str) -> str:
        return f"{self.path}/{name}"

    def read(self, name: str, limit: int) -> bytes:
        if name in self._repeated:
            raise InputError(f"{self.where(name)}: the zip contains several files of this name")
        try:
            with self._zip.open(self._infos[name]) as file:
                data = file.read(limit + 1)
        except _UNREADABLE as error:
            raise InputError(f"{self.where(name)}: cannot be unpacked: {error}") from None
        return _checked(data, limit, self.where(name))

    def head(self, name: str, size: int) -> bytes:
        try:
            with self._zip.open(self._infos[name]) as file:
                return file.read(size)
        except _UNREADABLE:
            return b""


FileTree = FolderTree | ZipTree

ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
"""Endings of archives and packed files that are not read; zips are."""


def open_tree(path: Path) -> FileTree:
    """Return the files of a folder or a zip; errors as of `FolderTree` and `ZipTree`."""
    return ZipTree(path) if path.suffix.lower() == ".zip" and not path.is_dir() else FolderTree(path)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the path of a file in a zip, with slashes. Some programs write UTF-8 without marking it."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")
