"""The pages of an unfinished document, so that an interruption loses none that was read."""

import json
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from hwr.errors import HwrError
from hwr.files.atomic import is_device
from hwr.page.page import Page


class Journal:
    """Pages that were read, one per line, in a hidden file next to the result, until the result is written.

    The first line states the settings that they were read with: under other settings, no page is used. A page is
    identified by its number, and by the paths, sizes and modification times of its files: the document, and the XML of
    its lines if they were given. Pages of standard input and of pipes are not kept, since another document could come
    the same way. A journal that cannot be written or understood only costs a second reading.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self._settings = settings
        self._file: IO[str] | None = None
        self._known = self._load()

    def find(self, files: Sequence[Path], number: int) -> Page | None:
        """Return a page of these files that was read before."""
        key = _key(files, number)
        return None if key is None else self._known.get(key)

    def add(self, files: Sequence[Path], number: int, page: Page) -> None:
        """Keep a page that was read from these files."""
        key = _key(files, number)
        if key is None or is_device(self.path):
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("w", encoding="utf-8")
                self._write(self._settings)
                for old, known in self._known.items():  # written again: the last line of the old file may be cut off
                    self._write({"key": old, "page": asdict(known)})
            self._write({"key": key, "page": asdict(page)})
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the file and keep it for another run."""
        if self._file is not None:
            with suppress(OSError):  # the disk is full
                self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove the file: the result is written."""
        self.close()
        with suppress(OSError):  # there is none, or the file system is read-only
            self.path.unlink()

    def _write(self, value: Any) -> None:
        assert self._file is not None
        self._file.write(json.dumps(value, ensure_ascii=True) + "\n")
        self._file.flush()

    def _load(self) -> dict[str, Page]:
        from hwr.formats.read_json import page_from_object  # most runs resume nothing, and it slows the start

        known: dict[str, Page] = {}
        if is_device(self.path):  # opening it may never return
            return known
        try:
            with self.path.open(encoding="utf-8") as file:
                if json.loads(next(file, "null")) != self._settings:
                    return {}
                for line in file:
                    entry = json.loads(line)
                    page = page_from_object(entry["page"], str(self.path))
                    if len(page.lines) < len(entry["page"]["lines"]):  # damaged
                        break
                    known[entry["key"]] = page
        except (OSError, ValueError, KeyError, TypeError, RecursionError, HwrError):
            pass  # missing, or its last line is cut off: everything before it is good
        return known


def describe_file(path: Path) -> tuple[str, int, int] | None:
    """Return path, size and modification time of a regular file; None for anything else."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return (str(path.absolute()), facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _key(files: Sequence[Path], number: int) -> str | None:
    described = [describe_file(path) for path in files]
    return None if None in described else json.dumps([number, *described])
