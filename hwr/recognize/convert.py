"""Write pages from hwr's JSON, PAGE XML or ALTO in other formats, without reading the images again."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hwr.errors import HwrError, InputError, OutputError
from hwr.files.documents import STDIN, STDIN_NAME, open_document, read_stdin, split_page_name
from hwr.files.images import Pixels, opened_file
from hwr.files.pixels import PageImage
from hwr.files.tree import FileIndex, FolderTree, is_file, read_file
from hwr.formats.read_file import HEAD, page_kind, read_xml_pages, stem_of_result
from hwr.formats.read_json import read_page_json, split_pages_json
from hwr.page.page import Page
from hwr.page.placing import FittedLines, fit_lines
from hwr.recognize.inputs import IMAGE_SUFFIXES, InputFile, Inputs
from hwr.recognize.job import Counts, Progress
from hwr.recognize.outputs import Output
from hwr.recognize.targets import PAGE_NUMBER, is_made

_FORMAT_NAME = re.compile(r"\.(alto|page)\.xml$", re.IGNORECASE)
MAX_FILE_BYTES = 512 * 2**20
"""Maximum size of a file; JSON of a thousand pages has 50 MB."""
KINDS = ("page", "alto", "json")
"""Kinds of results, the best source of a page first."""
_KEY = re.compile(rb'"(image|lines)"\s*:')
"""Keys that JSON of a page has."""
XML_FOLDERS = ("page", "alto")
"""Folders of Transkribus with the XML of the same pages."""
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
    conversion = _Conversion(output, options, progress)
    try:
        for file in files:
            progress.begin(str(file.path))
            try:
                conversion.add(file)
            except HwrError as error:
                conversion.fail(error)
            progress.done()
        conversion.settle(output.finish)
    finally:
        output.abandon()
    return conversion.counts


class _Conversion:
    """Adds files to an output, and counts their pages as soon as their results are written."""

    def __init__(self, output: Output, options: ConvertOptions, progress: Progress) -> None:
        self._output, self._options, self._progress = output, options, progress
        self._images = PageImages(options.images)
        self._pages = self._lines = 0
        self.counts = Counts()

    def add(self, file: InputFile) -> None:
        pages = open_results(file.path)
        self._output.check(file, len(pages), len(pages))
        for number, load in enumerate(pages, start=1):
            try:
                page, image = self._placed(load(), file)
                self._output.add(file, page, replace(image, number=number, count=len(pages)))
            except HwrError as error:
                if isinstance(error, OutputError) and self._output.joins and not error.partial:
                    lost = self._pages + len(pages) - number  # a joined file is lost with all its pages
                    self._pages = self._lines = 0
                    return self.fail(error, lost + 1)
                self.fail(error)
                continue
            self._pages += 1
            self._lines += len(page.lines)
        self.settle(self._output.end_document)

    def settle(self, finish: Callable[[], bool]) -> None:
        """Finish results; count their pages as converted, or as failed if they cannot be written."""
        try:
            if not finish():
                return
            self.counts.read += self._pages
            self.counts.lines += self._lines
        except HwrError as error:
            self.fail(error, self._pages)
        self._pages = self._lines = 0

    def fail(self, error: HwrError, pages: int = 1) -> None:
        self._progress.failed(error)
        self.counts.failed += pages
        self.counts.partial += pages * (isinstance(error, OutputError) and error.partial)

    def _placed(self, page: Page, file: InputFile) -> tuple[Page, PageImage]:
        """Return a page, placed on its image if that is needed, and the image; count the lines that cannot be used."""
        if not page.lines and not page.left_out:
            self._progress.note(f"{file.path}: a page without lines")
        path = self._images.find(page.image, file.path)
        if path is not None:
            self._output.protect([path])
        if self._options.pixels or self._options.images is not None or not (page.width and page.height):
            image = self._images.open(path, page.image, file.path)
            height, width = image.pixels.shape[:2]
            fitted = fit_lines(page, width, height, str(file.path))
        else:
            image = PageImage(page.image, 1, 1, NO_PIXELS)
            fitted = FittedLines(page, 1.0, page.left_out)
        for message in fitted.messages(str(file.path)):
            self._progress.note(message)
        self.counts.lost_lines += len(fitted.left_out)
        return replace(fitted.page, image=page.image), image


def without_format_names(inputs: Inputs) -> Inputs:
    """Return the inputs with `a.xml` for `a.alto.xml`, so that its text goes to `a.txt`, if that is free."""
    plain = [file.relative.with_name(_FORMAT_NAME.sub(".xml", file.relative.name)) for file in inputs.files]
    count = Counter(path.with_suffix("") for path in plain)
    files = (
        replace(file, relative=path) if count[path.with_suffix("")] == 1 else file
        for file, path in zip(inputs.files, plain, strict=True)
    )
    return replace(inputs, files=tuple(files))


def without_twins(inputs: Inputs) -> tuple[Inputs, list[InputFile]]:
    """Return the inputs without those of which a folder has a better file, and those left out.

    An export of Transkribus has each page as `page/a.xml` and `alto/a.xml`, and `--format page,json` makes `a.page.xml`
    and `a.json`. As with `--lines`, `a.xml` is taken before `a.page.xml` and `a.alto.xml`, and PAGE before ALTO. JSON
    comes last. Files that the user named are all taken.
    """
    groups: dict[Path, list[InputFile]] = {}
    for file in inputs.files:
        folder = file.path.parent
        folder = folder.parent if folder.name.lower() in XML_FOLDERS else folder
        groups.setdefault(folder / stem_of_result(file.path.name), []).append(file)
    left_out = {
        file for group in groups.values() if len(group) > 1 for file in sorted(group, key=_rank)[1:] if file.found
    }
    left_out |= _documents_in_pages(file for file in inputs.files if file not in left_out)
    kept = tuple(file for file in inputs.files if file not in left_out)
    return replace(inputs, files=kept), [file for file in inputs.files if file in left_out]


def _documents_in_pages(files: Iterable[InputFile]) -> set[InputFile]:
    """Return the found JSON files of whose document each page has PAGE or ALTO, as `book-0001.xml`."""
    documents: dict[Path, InputFile] = {}
    pages: Counter[Path] = Counter()
    for file in files:
        stem = stem_of_result(file.path.name)
        if file.found and result_kind(_head(file)) == "json":
            documents[file.path.with_name(stem)] = file
        elif PAGE_NUMBER.search(stem):
            pages[file.path.with_name(PAGE_NUMBER.sub("", stem))] += 1
    both = {file: pages[name] for name, file in documents.items() if pages[name]}
    found = set()
    for file, count in both.items():
        with suppress(InputError):  # which its conversion reports
            if len(open_results(file.path)) <= count:
                found.add(file)
    return found


def _rank(file: InputFile) -> tuple[bool, bool, int, int]:
    """Return a key that sorts files of a page, the best one first."""
    kind = result_kind(_head(file)) or "json"
    return kind == "json", bool(_FORMAT_NAME.search(file.path.name)), KINDS.index(kind), len(file.path.parts)


def without_others(inputs: Inputs) -> tuple[Inputs, list[InputFile]]:
    """Return the inputs without files of other kinds that a folder contains, such as `manifest.json`, and those.

    Empty and unreadable files are kept, to be named as failures, and so is everything if nothing would be left.
    """
    others = {file for file in inputs.files if file.found and (head := _head(file)) and not result_kind(head)}
    kept = tuple(file for file in inputs.files if file not in others)
    if not kept:
        return inputs, []
    return replace(inputs, files=kept), [file for file in inputs.files if file in others]


def result_kind(head: bytes) -> str | None:
    """Return the kind of a result from the first `HEAD` bytes of its file: one of `KINDS`, or None."""
    kind = page_kind(head)
    if kind is None and head.lstrip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n")[:1] in (b"{", b"["):
        kind = "json" if _KEY.search(head.replace(b"\0", b"")) else None  # also in UTF-16
    return kind


def _head(file: InputFile) -> bytes:
    try:
        with opened_file(file.path) as stream:
            return stream.read(HEAD)
    except (InputError, OSError):
        return b""


def open_results(path: Path) -> list[Callable[[], Page]]:
    """Return functions that read the pages of a file with JSON, PAGE XML or ALTO; `-` is standard input.

    Raises:
        InputError: it cannot be read, or contains something else; also when a page is read.
    """
    where = STDIN_NAME if str(path) == STDIN else str(path)
    data = read_stdin() if str(path) == STDIN else read_file(path, MAX_FILE_BYTES)
    kind = result_kind(data[:HEAD])
    if kind == "json":
        return [partial(read_page_json, text, name) for text, name in split_pages_json(data, where)]
    if kind is not None:
        return [lambda page=page: page for page in read_xml_pages(data, where)]  # type: ignore[misc]
    advice = "; hwr recognize reads images" if path.suffix.lower() in IMAGE_SUFFIXES else ""
    raise InputError(f"{where}: not JSON of hwr, PAGE XML or ALTO{advice}")


class PageImages:
    """Finds the images of pages: below the working folder, next to the file that names one, or in the folder above it.

    PDFs that hwr made show the image in lower quality. One counts only if the page names it and no other image exists.

    Args:
        folder: folder to search instead.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._index: dict[Path, FileIndex] = {}

    def find(self, name: str, source: Path) -> Path | None:
        """Return the image of a page, or None.

        Args:
            name: name of the image in the file; with `#3` for page 3 of a document.
            source: the file that names it.
        """
        plain = split_page_name(name)[0].replace("\\", "/")
        if self._folder is None and not plain.startswith("/") and ".." not in plain.split("/") and is_file(Path(plain)):
            return Path(plain)
        base, own = plain.rpartition("/")[2], stem_of_result(source.name)
        endings = sorted(IMAGE_SUFFIXES)
        whole = [own] if own.lower().endswith(tuple(endings)) else []  # `a.jpg.xml`
        named = self._find([base], source)
        found = [*named, *self._find([*whole, *(own + ending for ending in endings)], source)]
        return next((path for path in found if not is_made(path)), named[0] if named else None)

    def open(self, path: Path | None, name: str, source: Path) -> PageImage:
        """Return an image that was found.

        Raises:
            InputError: it does not exist, or cannot be used.
        """
        plain, page = split_page_name(name)
        base, own = plain.replace("\\", "/").rpartition("/")[2], stem_of_result(source.name)
        if path is None:
            folder = self._folder or source.parent
            raise InputError(f"{source}: its image {base or own!r} is not in {folder}; name its folder with --images")
        with open_document(path) as document:
            alone = document.count == 1 and own in path.name and own not in base  # `book-0003.png` for `book.pdf#3`
            if page > document.count and not alone:
                raise InputError(f"{path}: has no page {page}, which {source} names")
            return document.page(min(page, document.count), colour=True)

    def _find(self, names: Sequence[str], source: Path) -> list[Path]:
        """Return the files directly in a folder; names are compared as in `hwr.files.tree`."""
        folder = source.parent
        above = folder / ".." if folder.name in ("", "..") else folder.parent  # the parent of Path(".") is itself
        folders = [folder, above] if self._folder is None else [self._folder]
        found = [(folder, self._files(folder)) for folder in folders if folder.is_dir()]
        return [folder / hit for name in names for folder, index in found if (hit := index.at(name))]

    def _files(self, folder: Path) -> FileIndex:
        if folder not in self._index:
            try:
                self._index[folder] = FileIndex(FolderTree(folder, (".",)).names)
            except InputError:  # it cannot be listed
                self._index[folder] = FileIndex(())
        return self._index[folder]
