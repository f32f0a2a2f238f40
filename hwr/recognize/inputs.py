"""What the user named -> files to read, and the file that each result goes to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import HwrError, InputError, OutputError, UsageError

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Endings of the files that are read from a folder; a file that is named itself is read whatever its ending."""


@dataclass(frozen=True)
class InputFile:
    """An image to read; `relative` is its path below the folder that the user named, or its name."""

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

    Hidden files and folders are left out. A file that was found twice is read once.
    """
    files: dict[Path, InputFile] = {}
    failed: list[HwrError] = []
    for source in sources:
        if source.is_dir():
            found = _images_below(source)
            if not found:
                failed.append(InputError(f"{source}: no images in this folder"))
            for path in found:
                files.setdefault(path.absolute(), InputFile(path, path.relative_to(source)))
        elif source.exists():
            files.setdefault(source.absolute(), InputFile(source, Path(source.name)))
        else:
            failed.append(InputError(f"{source}: no such file or folder"))
    several = len(files) + len(failed) > 1 or any(source.is_dir() for source in sources)
    return Inputs(tuple(files.values()), tuple(failed), several)


def _images_below(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def find_targets(inputs: Inputs, output: str, suffix: str) -> list[Path]:
    """The file that each result goes to, in the order of the inputs.

    One input goes to the file `output`, or into it where it is a folder or ends in a slash. Several inputs go to the
    same relative paths below the folder `output`, with the format's suffix in the place of the image's; where two of
    them would meet (a.png and a.jpg), both keep the image's suffix (a.png.txt).

    Raises:
        UsageError: `output` is a file though there are several inputs; two inputs would go to one file; a result
            would go over an input.
    """
    folder = Path(output)
    if not inputs.several and not folder.is_dir() and not output.endswith("/"):
        targets = [folder]
    else:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"-o {output}: a file; several inputs need a folder")
        plain = Counter(file.relative.with_suffix("") for file in inputs.files)
        targets = [
            folder / file.relative.with_name(file.relative.name + suffix)
            if plain[file.relative.with_suffix("")] > 1
            else folder / file.relative.with_suffix(suffix)
            for file in inputs.files
        ]
    _check_targets(inputs, targets)
    return targets


def _check_targets(inputs: Inputs, targets: Sequence[Path]) -> None:
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(file.path) for file, target in zip(inputs.files, targets, strict=True) if target == twice[0]]
        raise UsageError(f"{' and '.join(both)} would both be written to {twice[0]}; read them one by one")
    read = {file.path.resolve() for file in inputs.files}
    for target in targets:
        if target.resolve() in read:
            raise UsageError(f"{target}: the result would go over an input image")


def check_free(target: Path, force: bool) -> None:
    """Refuse to write over a file.

    Raises:
        OutputError: `target` exists and `force` is not set, or it is a folder.
    """
    if target.is_dir():
        raise OutputError(f"{target}: a folder stands where the result would go")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; --force overwrites it")
