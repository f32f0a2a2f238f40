"""Write pages from hwr's JSON, PAGE XML or ALTO in other formats, without reading the images again."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hwr.errors import HwrError, InputError, OutputError
from hwr.files.documents import STDIN, STDIN_NAME, open_document, read_stdin, split_page_name
from hwr.files.images import Pixels
from hwr.files.pixels import PageImage
from hwr.files.tree import FileIndex, FolderTree, is_file, read_file
from hwr.formats.read_file import HEAD, page_kind, read_xml_pages, stem_of_result
from hwr.formats.read_json import read_page_json, split_pages_json
from hwr.page.page import Page
from hwr.page.placing import FittedLines, fit_lines
from hwr.recognize.inputs import IMAGE_SUFFIXES, InputFile, Inputs
from hwr.recognize.job import Counts, Progress
from hwr.recognize.outputs import Output

_FORMAT_NAME = re.compile(r"\.(alto|page)\.xml$", re.IGNORECASE)
MAX_FILE_BYTES = 512 * 2**20
"""Maximum size of a file; JSON of a thousand pages has 50 MB."""
NO_PIXELS: Pixels = np.zeros((0, 0), np.uint8)
"""Placeholder for the image in formats that never use it."""


@dataclass(frozen=True)
class ConvertOptions:
    """Options for converting pages.

    Attributes:
        pixels: the output needs the images of the pages.
        images: folder with the images, on which the pages are placed; by default, if images are needed, next to each
            input and in the folder above.
    """

    pixels: bool = False
    images: Path | None = None


def convert(files: Sequence[InputFile], output: Output, options: ConvertOptions, progress: Progress) -> Counts:
    """Convert all files; failures are reported to `progress`, and the other pages are converted."""
    counts = Counts()
    try:
        for file in files:
            progress.begin(str(file.path))
            try:
                _convert_file(file, output, options, progress, counts)
            except HwrError as error:
                _fail(error, progress, counts)
            progress.done()
        output.finish()
    finally:
        output.abandon()
    return counts


def _convert_file(file: InputFile, output: Output, options: ConvertOptions, progress: Progress, counts: Counts) -> None:
    pages = open_results(file.path)
    output.check(file, len(pages), len(pages))
    done = lines = 0
    for number, load in enumerate(pages, start=1):
        try:
            page, image = _placed(load(), file, options, progress, counts)
            output.add(file, page, replace(image, number=number, count=len(pages)))
            done += 1
            lines += len(page.lines)
        except HwrError as error:
            if isinstance(error, OutputError) and output.joins and not error.partial:
                rest = len(pages) - number
                return _fail(error, progress, counts, done + 1 + rest)  # a joined file is lost with all its pages
            _fail(error, progress, counts)
    try:
        output.end_document()
    except HwrError as error:
        return _fail(error, progress, counts, done)
    counts.read += done
    counts.lines += lines


def _fail(error: HwrError, progress: Progress, counts: Counts, pages: int = 1) -> None:
    progress.failed(error)
    counts.failed += pages
    counts.partial += pages * (isinstance(error, OutputError) and error.partial)


def without_format_names(inputs: Inputs) -> Inputs:
    """Return the inputs with `a.xml` for `a.alto.xml`, so that its text goes to `a.txt`, if that is free."""
    plain = [file.relative.with_name(_FORMAT_NAME.sub(".xml", file.relative.name)) for file in inputs.files]
    count = Counter(path.with_suffix("") for path in plain)
    files = (
        replace(file, relative=path) if count[path.with_suffix("")] == 1 else file
        for file, path in zip(inputs.files, plain, strict=True)
    )
    return replace(inputs, files=tuple(files))


def _placed(
    page: Page, file: InputFile, options: ConvertOptions, progress: Progress, counts: Counts
) -> tuple[Page, PageImage]:
    """Return a page, placed on its image if that is needed, and the image; count the lines that cannot be used."""
    if not page.lines and not page.left_out:
        progress.note(f"{file.path}: it contains no lines")
    if options.pixels or options.images is not None or not (page.width and page.height):
        image = find_image(page.image, file.path, options.images)
        height, width = image.pixels.shape[:2]
        fitted = fit_lines(page, width, height, str(file.path))
    else:
        image = PageImage(page.image, 1, 1, NO_PIXELS)
        fitted = FittedLines(page, 1.0, page.left_out)
    for message in fitted.messages(str(file.path)):
        progress.note(message)
    counts.lost_lines += len(fitted.left_out)
    return replace(fitted.page, image=page.image), image


def open_results(path: Path) -> list[Callable[[], Page]]:
    """Return functions that read the pages of a file with JSON, PAGE XML or ALTO; `-` is standard input.

    Raises:
        InputError: it cannot be read, or contains something else; also when a page is read.
    """
    where = STDIN_NAME if str(path) == STDIN else str(path)
    data = read_stdin() if str(path) == STDIN else read_file(path, MAX_FILE_BYTES)
    if page_kind(data[:HEAD]):
        return [lambda page=page: page for page in read_xml_pages(data, where)]  # type: ignore[misc]
    if data[:HEAD].lstrip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n")[:1] in (b"{", b"["):
        return [partial(read_page_json, text, name) for text, name in split_pages_json(data, where)]
    advice = "; hwr recognize reads images" if path.suffix.lower() in IMAGE_SUFFIXES else ""
    raise InputError(f"{where}: not JSON of hwr, PAGE XML or ALTO{advice}")


def find_image(name: str, source: Path, images: Path | None) -> PageImage:
    """Return the image of a page: below the working folder, next to `source`, or in the folder above it.

    Args:
        name: name of the image in the file; with `#3` for page 3 of a document.
        source: the file that names it.
        images: folder to search instead.

    Raises:
        InputError: it does not exist, or cannot be used.
    """
    plain, page = split_page_name(name)
    plain = plain.replace("\\", "/")
    base, own = plain.rpartition("/")[2], stem_of_result(source.name)
    endings = sorted(IMAGE_SUFFIXES)
    whole = [own] if own.lower().endswith(tuple(endings)) else []  # `a.jpg.xml`
    names = [base, *whole, *(own + ending for ending in endings)]
    folders = [source.parent, source.parent.parent] if images is None else [images]
    below = images is None and not plain.startswith("/") and ".." not in plain.split("/")
    path = Path(plain) if below and is_file(Path(plain)) else _find_in(folders, names)
    if path is None:
        raise InputError(f"{source}: its image {base or own!r} is not in {folders[0]}; name its folder with --images")
    with open_document(path) as document:
        alone = document.count == 1 and own in path.name and own not in base  # `book-0003.png` for `book.pdf#3`
        if page > document.count and not alone:
            raise InputError(f"{path}: has no page {page}, which {source} names")
        return document.page(min(page, document.count), colour=True)


def _find_in(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """Return the first of the files directly in a folder; names are compared as in `hwr.files.tree`."""
    found = [(folder, FileIndex(FolderTree(folder, (".",)).names)) for folder in folders if folder.is_dir()]
    return next((folder / hit for name in names for folder, index in found if (hit := index.at(name))), None)
