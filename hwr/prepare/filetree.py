"""The files of a folder or of a zip, read the same way; a zip is not unpacked to disk."""

import os
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from hwr.errors import DataError, InputError

MAX_FILES = 500_000
"""Files of one source."""


class FileTree(Protocol):
    """Files below a root, by their paths with slashes."""

    @property
    def names(self) -> list[str]:
        """Paths of all files in order, hidden ones left out."""

    def where(self, name: str) -> str:
        """How messages name a file."""

    def read(self, name: str, limit: int) -> bytes:
        """The content of a file.

        Raises:
            InputError: it cannot be read, or has more than `limit` bytes.
        """

    def head(self, name: str, size: int) -> bytes:
        """The first `size` bytes of a file; fewer, or none, where it has no more or is broken."""


class FolderTree:
    """The files below a folder.

    Args:
        folders: only the files that lie directly in these, as paths below `path`; None: all.

    Raises:
        DataError: there are too many files.
    """

    def __init__(self, path: Path, folders: tuple[str, ...] | None = None) -> None:
        self.path = path
        self.names: list[str] = []
        walks = [os.walk(path)] if folders is None else [[next(os.walk(path / folder))] for folder in folders]
        for walk in walks:
            for root, inner, files in walk:
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                below = PurePosixPath(Path(root).relative_to(path).as_posix())
                self.names += [str(below / name) for name in sorted(files) if not name.startswith(".")]
                if len(self.names) > MAX_FILES:
                    raise DataError(f"{path}: more than {MAX_FILES:,} files; name a folder further down")

    def where(self, name: str) -> str:
        return str(self.path / name)

    def read(self, name: str, limit: int) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise InputError(f"{self.where(name)}: cannot be read: {error.strerror or error}") from None
        return _bounded(data, limit, self.where(name))

    def head(self, name: str, size: int) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                return file.read(size)
        except OSError:
            return b""


class ZipTree:
    """The files in a zip. At most so much of each is unpacked, in memory, as the reader asks for.

    Raises:
        DataError: no zip, a broken one, or one with a path that leads out of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(f"{path}: not a zip, or a broken one ({error})") from None
        files = [info.filename for info in self._zip.infolist() if not info.is_dir()]
        if len(files) > MAX_FILES:
            raise DataError(f"{path}: more than {MAX_FILES:,} files")
        for name in files:
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                raise DataError(f"{path}: holds a path that leads out of it ({name!r}); such a zip is not read")
        shown = (name for name in files if not any(part.startswith((".", "__MACOSX")) for part in name.split("/")))
        self.names = sorted(set(shown))

    def where(self, name: str) -> str:
        return f"{self.path}/{name}"

    def read(self, name: str, limit: int) -> bytes:
        try:
            with self._zip.open(name) as file:
                data = file.read(limit + 1)
        except _UNREADABLE as error:
            raise InputError(f"{self.where(name)}: cannot be unpacked: {error}") from None
        return _bounded(data, limit, self.where(name))

    def head(self, name: str, size: int) -> bytes:
        try:
            with self._zip.open(name) as file:
                return file.read(size)
        except _UNREADABLE:
            return b""


# RuntimeError: encrypted; EOFError: truncated.
_UNREADABLE = (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, zlib.error)


def _bounded(data: bytes, limit: int, where: str) -> bytes:
    if len(data) > limit:
        raise InputError(f"{where}: more than {limit // 2**20} MiB")
    return data
