"""What the user named -> files to read."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import HwrError, InputError
from hwr.files.documents import STDIN, STDIN_NAME

IMAGE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".j2k",
        ".jp2",
        ".jpeg",
        ".jpf",
        ".jpg",
        ".jpx",
        ".pbm",
        ".pdf",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
"""Endings of the files that are read from a folder; a file that is named itself is read whatever its ending."""


@dataclass(frozen=True)
class InputFile:
    """A file to read; `relative` is its path below the folder that the user named, or its name."""

    path: Path
    relative: Path


@dataclass(frozen=True)
class Inputs:
    """The files to read, in order, and what cannot be read; `several` when results need a folder to go to."""

    files: tuple[InputFile, ...]
    failed: tuple[HwrError, ...]
    several: bool


def find_inputs(sources: Sequence[Path]) -> Inputs:
    """Files as they are named; folders are searched for images, with their subfolders, in the order of the names.

    Patterns such as `scans/*.jpg` that no shell has expanded are; `-` is the standard input. Hidden files and folders
    are left out. A file that was found twice is read once.
    """
    files: dict[Path, InputFile] = {}
    failed: list[HwrError] = []
    several = False
    for source in sources:
        if str(source) == STDIN:
            files.setdefault(source, InputFile(source, Path(STDIN_NAME)))
        elif source.is_dir():
            several = True
            found = _images_below(source)
            if not found:
                failed.append(InputError(f"{source}: no images or PDFs in this folder"))
            for path in found:
                files.setdefault(path.absolute(), InputFile(path, path.relative_to(source)))
        elif source.exists():
            files.setdefault(source.absolute(), InputFile(source, Path(source.name)))
        elif glob.has_magic(str(source)):
            several = True
            matches = _expand(source)
            if not matches:
                failed.append(InputError(f"{source}: no file fits this pattern"))
            for match in matches:
                files.setdefault(match.path.absolute(), match)
        else:
            failed.append(InputError(f"{source}: no such file or folder"))
    return Inputs(tuple(files.values()), tuple(failed), several or len(files) + len(failed) > 1)


def _images_below(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _expand(pattern: Path) -> list[InputFile]:
    """The files that fit a pattern, in the order of their names; `relative` begins where the pattern begins to vary.

    Folders that fit are searched as if they had been named.
    """
    fixed = Path(*_before_magic(pattern.parts))
    found = []
    for path in sorted(Path(name) for name in glob.glob(str(pattern), recursive=True)):
        inside = _images_below(path) if path.is_dir() and "**" not in pattern.parts else [path]
        found += [InputFile(file, file.relative_to(fixed)) for file in inside if file.is_file()]
    return found


def _before_magic(parts: Sequence[str]) -> Sequence[str]:
    for index, part in enumerate(parts):
        if glob.has_magic(part):
            return parts[:index]
    return parts
