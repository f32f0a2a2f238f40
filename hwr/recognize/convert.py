"""Write pages from hwr's JSON, PAGE XML or ALTO in other formats, without reading the images again."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwr.errors import HwrError, InputError
from hwr.files.documents import open_document
from hwr.files.images import Pixels
from hwr.files.pixels import PageImage
from hwr.files.tree import FileIndex, FolderTree, is_file, read_file
from hwr.formats.read_file import HEAD, page_kind, read_page_file
from hwr.formats.read_json import read_pages_json
from hwr.formats.read_xml import MAX_BYTES
from hwr.page.page import Page
from hwr.page.shapes import fit_lines
from hwr.recognize.inputs import IMAGE_SUFFIXES, InputFile, Inputs
from hwr.recognize.job import Counts, Progress
from hwr.recognize.outputs import Output

_FORMAT_NAME = re.compile(r"\.(alto|page)\.xml$", re.IGNORECASE)
NO_PIXELS: Pixels = np.zeros((0, 0), np.uint8)
"""Placeholder for the image in formats that never use it."""


@dataclass(frozen=True)
class ConvertOptions:
    """Options for converting pages.

    Attributes:
        pixels: the output needs the images of the pages.
        images: folder with the images; by default next to each input and in the folder above.
    """

    pixels: bool = False
    images: Path | None = None


def convert(files: Sequence[InputFile], output: Output, options: ConvertOptions, progress: Progress) -> Counts:
    """Convert all files; failures are reported to `progress`, and the other files are converted."""
    counts = Counts()
    try:
        for file in files:
            progress.begin(str(file.path))
            before = counts.read
            try:
                for number, (page, image) in enumerate(_load(file, options, progress), start=1):
                    if number == 1:
                        output.check(file, image.count, image.count)
                    output.add(file, page, image)
                    counts.read += 1
                    counts.lines += len(page.lines)
                output.end_document()
            except HwrError as error:
                progress.failed(error)
                counts.failed += 1
                if output.joins:
                    counts.read = before
            progress.done()
        output.finish()
    finally:
        output.abandon()
    return counts


def without_format_names(inputs: Inputs) -> Inputs:
    """Return the inputs with `a.xml` for `a.alto.xml`, so that its text goes to `a.txt`, if that is free."""
    plain = [file.relative.with_name(_FORMAT_NAME.sub(".xml", file.relative.name)) for file in inputs.files]
    count = Counter(path.with_suffix("") for path in plain)
    files = (
        replace(file, relative=path) if count[path.with_suffix("")] == 1 else file
        for file, path in zip(inputs.files, plain, strict=True)
    )
    return replace(inputs, files=tuple(files))


def _load(file: InputFile, options: ConvertOptions, progress: Progress) -> Iterator[tuple[Page, PageImage]]:
    """Yield the pages of a file with their images."""
    pages = read_results(file.path)
    for number, page in enumerate(pages, start=1):
        if not options.pixels and page.width and page.height:
            yield page, PageImage(page.image, number, len(pages), NO_PIXELS)
            continue
        image = find_image(page.image, file.path, options.images)
        height, width = image.pixels.shape[:2]
        fitted = fit_lines(page, width, height, str(file.path))
        for line, reason in fitted.left_out:
            progress.note(f"{file.path}: line {line!r} left out: {reason}")
        yield replace(fitted.page, image=page.image), replace(image, number=number, count=len(pages))


def read_results(path: Path) -> list[Page]:
    """Return the pages of a file that contains JSON, PAGE XML or ALTO.

    Raises:
        InputError: it cannot be read, or contains something else.
    """
    data = read_file(path, MAX_BYTES)
    if page_kind(data[:HEAD]):
        return [read_page_file(data, str(path))]
    if data[:HEAD].lstrip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n")[:1] == b"{":
        return read_pages_json(data, str(path))
    raise InputError(f"{path}: not JSON of hwr, PAGE XML or ALTO")


def find_image(name: str, source: Path, images: Path | None) -> PageImage:
    """Return the image of a page: below the working folder, next to `source`, or in the folder above it.

    Args:
        name: name of the image in the file; with `#3` for page 3 of a document.
        source: the file that names it.
        images: folder to search instead.

    Raises:
        InputError: it does not exist, or cannot be used.
    """
    stem, _, number = name.rpartition("#")
    plain, page = (stem, int(number)) if stem and number.isdecimal() and len(number) < 9 else (name, 1)
    plain = plain.replace("\\", "/")
    base, own = plain.rpartition("/")[2], source.name.partition(".")[0]
    names = [base, *(f"{own}{suffix}" for suffix in sorted(IMAGE_SUFFIXES))]
    folders = [source.parent, source.parent.parent] if images is None else [images]
    below = images is None and not plain.startswith("/") and ".." not in plain.split("/")
    path = Path(plain) if below and is_file(Path(plain)) else _find_in(folders, names)
    if path is None:
        raise InputError(f"{source}: its image {base or own!r} is not in {folders[0]}; name its folder with --images")
    with open_document(path) as document:
        return document.page(min(page, document.count), colour=True)


def _find_in(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """Return the first of the files directly in a folder; names are compared as in `hwr.files.tree`."""
    found = [(folder, FileIndex(FolderTree(folder, (".",)).names)) for folder in folders if folder.is_dir()]
    return next((folder / hit for name in names for folder, index in found if (hit := index.at(name))), None)
