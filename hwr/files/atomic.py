"""Write files such that a crash, a full disk or a kill never leaves half of one."""

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from hwr.errors import OutputError

MAX_NAME_BYTES = 230
"""Names that are longer are shortened for temporary files."""

FORCE_OVERWRITES = "--force overwrites it"

_files_written = 0
_OPEN_FILE = re.compile(r"/dev/(std(in|out|err)|fd/\d+)|/proc/\w+/fd/\d+")
_TEMPORARY = re.compile(r"\..+\.(\d{1,10})\.tmp")
"""Names of temporary files; the number is that of the process."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the block ends, sync it and rename it to `path`.

    If the block raises, the temporary file is removed and the previous file at `path` stays. Temporary files that
    killed processes left in the folder are removed. A device or a pipe, such as /dev/null, is written to directly. If
    `path` is a link, the file that it points to is written.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    path = path.resolve() if path.is_symlink() and not is_device(path) else path
    temporary = path.with_name(f".{_shortened(path.name)}.{os.getpid()}.tmp")
    try:
        if is_device(path):
            yield path
            return
        _make_folder_of(path)
        _remove_leftovers(path.parent.absolute())
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        global _files_written
        _files_written += 1
        sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # removed by the rename, or never created
            temporary.unlink()


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file; see `atomic_write`.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def _make_folder_of(path: Path) -> None:
    """Make the folder of a file, and those above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(above for above in path.parents if above.exists())
        raise OutputError(f"{path}: cannot be written: {file} is not a folder") from None


def check_free(target: Path, force: bool, inputs: Collection[Path] = (), advice: str = FORCE_OVERWRITES) -> None:
    """Refuse to overwrite a file, before any work is done.

    Args:
        advice: the options of the command for a target that exists.

    Raises:
        OutputError: `target` exists and `force` is not set, it is a folder, one of the inputs, or cannot be written.
    """
    if target.exists() and any(target.resolve() == source.resolve() for source in inputs):
        raise OutputError(f"{target}: the result would overwrite an input")
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file")
    if target.exists() and not force and not is_device(target):
        raise OutputError(f"{target}: already exists; {advice}")
    check_writable(target)


def check_writable(target: Path) -> None:
    """Check that a file can be put into its folder, or that the folder can be made.

    Raises:
        OutputError: a file has the name of one of the folders, or it is read-only.
    """
    if is_device(target):
        return
    folder = next(above for above in target.absolute().parents if above.exists())
    if not folder.is_dir():
        raise OutputError(f"{target}: cannot be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{target}: cannot be written: {folder} is read-only")


def files_written() -> int:
    """Return how many files this process has put in place."""
    return _files_written


def _shortened(name: str) -> str:
    """Return a name that is short enough to be part of another: most systems allow 255 bytes."""
    if len(os.fsencode(name)) <= MAX_NAME_BYTES:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def is_device(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a stream (/dev/stdout), which a rename would replace by a file."""
    if path.is_file():
        return _OPEN_FILE.fullmatch(str(path.absolute())) is not None
    return path.exists() and not path.is_dir()


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable if the system supports it."""
    if os.name != "posix":  # Windows cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that have ended; once per folder, because it may have many files."""
    for entry in os.scandir(folder):
        found = _TEMPORARY.fullmatch(entry.name)
        if found and not _is_running(int(found[1])):
            with suppress(OSError):
                os.unlink(entry)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # there, the file of a running process cannot be removed anyway
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True
