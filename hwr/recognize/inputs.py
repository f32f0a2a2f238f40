"""Named files, folders and patterns -> files to read."""

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwr.errors import HwrError, InputError
from hwr.files.documents import STDIN, STDIN_NAME, split_page_name
from hwr.files.tree import walk

IMAGE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".heif", ".j2k", ".jp2", ".jpeg", ".jpf", ".jpg", ".jpx", ".pbm", ".pdf", ".pgm",
     ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)  # fmt: skip
"""Endings of images and PDFs."""


@dataclass(frozen=True)
class Kind:
    """A kind of file to search for in folders.

    Attributes:
        suffixes: their endings in lower case; a file that the user names may have any ending.
        name: name of the kind in messages.
        ignored: names of other files with such an ending, in lower case.
    """

    suffixes: frozenset[str]
    name: str
    ignored: frozenset[str] = frozenset()


IMAGES = Kind(IMAGE_SUFFIXES, "images or PDFs")
RESULTS = Kind(
    frozenset({".json", ".jsonl", ".ndjson", ".xml"}),
    "JSON, PAGE or ALTO files",
    frozenset({"mets.xml", "metadata.xml"}),
)
"""Results, without the files that Transkribus and eScriptorium add to an export."""


@dataclass(frozen=True)
class InputFile:
    """A file to read.

    Attributes:
        relative: its path below the folder that the user named, or its name.
        found: the user did not name it, but a folder or a pattern.
    """

    path: Path
    relative: Path
    found: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Inputs:
    """The files to read, in order, and the inputs that are missing; `several` if there may be more than one file."""

    files: tuple[InputFile, ...]
    failed: tuple[HwrError, ...]
    several: bool


def find_inputs(sources: Sequence[Path], kind: Kind = IMAGES) -> Inputs:
    """Return the files that the user named, and those of a kind in named folders and below, in order of names.

    Patterns such as `scans/*.jpg` that the shell did not expand are expanded; `-` is stdin. Hidden files and folders
    are left out. A file that is found twice is taken once.
    """
    files: dict[Path, InputFile] = {}
    failed: list[HwrError] = []
    several = False
    for source in sources:
        if str(source) == STDIN:
            files.setdefault(source, InputFile(source, Path(STDIN_NAME)))
        elif source.is_dir():
            several = True
            found = _files_below(source, kind)
            if not found:
                failed.append(InputError(f"{source}: no {kind.name} in this folder"))
            for path in found:
                files.setdefault(path.absolute(), InputFile(path, path.relative_to(source), found=True))
        elif source.exists():
            files.setdefault(source.absolute(), InputFile(source, Path(source.name)))
        elif glob.has_magic(str(source)):
            several = True
            matches = _expand(source, kind)
            if not matches:
                failed.append(InputError(f"{source}: no file matches this pattern"))
            for match in matches:
                files.setdefault(match.path.absolute(), match)
        else:
            failed.append(
                InputError(f"{source}: no such file or folder{_page_advice(source) if kind is IMAGES else ''}")
            )
    return Inputs(tuple(files.values()), tuple(failed), several or len(files) + len(failed) > 1)


def _page_advice(source: Path) -> str:
    """Return how to name a page of a document, if that is what the user meant (`book.pdf#2`)."""
    document, number = split_page_name(str(source))
    return f"; for a page of {document}, use --pages {number}" if Path(document).is_file() else ""


def _files_below(folder: Path, kind: Kind) -> list[Path]:
    """Return the files of a kind in a folder; links to folders are followed, each real folder once."""
    paths = (root / name for root, names in walk(folder) for name in names)
    found = (path for path in paths if path.suffix.lower() in kind.suffixes and path.name.lower() not in kind.ignored)
    return sorted(found, key=_natural_order)


def _natural_order(path: Path) -> tuple[list[list[str | int]], str]:
    """Return a key that sorts numbers in names by their value: `page 2.jpg` comes before `page 10.jpg`."""
    parts = [re.split(r"([0-9]+)", part) for part in path.parts]  # every second piece is a number
    return [[int(text) if index % 2 else text for index, text in enumerate(part)] for part in parts], str(path)


def _expand(pattern: Path, kind: Kind) -> list[InputFile]:
    """Return the files that match a pattern, in natural order; `relative` begins where the pattern begins to vary.

    Folders that match are searched as if they had been named.
    """
    fixed = Path(*_before_magic(pattern.parts))
    found = []
    for path in sorted((Path(name) for name in glob.glob(str(pattern), recursive=True)), key=_natural_order):
        inside = _files_below(path, kind) if path.is_dir() and "**" not in pattern.parts else [path]
        found += [InputFile(file, file.relative_to(fixed), found=True) for file in inside if file.is_file()]
    return found


def _before_magic(parts: Sequence[str]) -> Sequence[str]:
    for index, part in enumerate(parts):
        if glob.has_magic(part):
            return parts[:index]
    return parts
