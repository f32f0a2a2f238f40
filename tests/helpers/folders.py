"""Small files in a folder, for tests of what is found in it."""

from collections.abc import Mapping
from pathlib import Path


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their names below a folder; make their folders."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def touch(folder: Path, *names: str) -> Path:
    """Write files of one byte."""
    return write_files(folder, dict.fromkeys(names, b"x"))
