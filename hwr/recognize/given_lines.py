"""Lines that the user gives in ALTO or PAGE XML: find the file for each image, and the lines in it that can be read."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hwr.errors import InputError, UsageError
from hwr.files.documents import page_name, page_of, split_page_name
from hwr.files.pixels import PageImage, Source
from hwr.files.tree import FileIndex, FolderTree, name_key
from hwr.page.page import Page
from hwr.page.placing import FittedLines, fit_lines
from hwr.recognize.recognizer import Recognizer
from hwr.recognize.targets import numbered

TOO_LARGE = "it is too large for a line"

SUFFIXES = (".xml", ".page.xml", ".alto.xml")
SUBFOLDERS = (".", "page", "alto")
"""Folders of Transkribus for the XML of the images next to them."""


@dataclass(frozen=True)
class GivenLines:
    """A file for one image, or a folder with a file of the same stem for each image.

    A file with several pages is for a document with several pages, or names the image of each page. In a folder, each
    page of a document may have its own file.

    Attributes:
        path: the file or folder that the user named.
    """

    path: Path
    _loaded: dict[Path, list[Page]] = field(default_factory=dict, repr=False, compare=False)
    """The pages of the file that was read last."""

    @cached_property
    def _index(self) -> FileIndex:
        return FileIndex(FolderTree(self.path).names)

    def check(self, several: bool) -> None:
        """Refuse wrong options before anything is read.

        Raises:
            UsageError: one file for several images.
            InputError: there is no such file or folder.
        """
        if not self.path.exists():
            raise InputError(f"--lines {self.path}: no such file or folder")
        if several and not self.path.is_dir():
            raise UsageError(f"--lines {self.path}: one file for several images; name the folder with their XML")

    def file_of(self, relative: Path, number: int = 1, count: int = 1) -> Path:
        """Return the file for an image. Names are compared as in `hwr.files.tree`.

        In a folder, the file of one page (`book-0002.xml`) comes before that of its document (`book.xml`).

        Args:
            relative: path of the image or document below the folder that the user named, or its name.
            number: number of the page in its document, from 1.
            count: number of pages of the document.

        Raises:
            InputError: there is none.
        """
        if not self.path.is_dir():
            return self.path
        names = dict.fromkeys((numbered(relative, relative.suffix, number, count), relative))
        for name in names:
            found = self._find(name)
            if found is not None:
                return found
        sought = " or ".join(f"{name.stem}.xml" for name in names)
        raise InputError(f"{page_name(str(relative), number, count)}: no {sought} in {self.path}")

    def files_of(self, images: Iterable[Path]) -> list[Path]:
        """Return the files for images of one page, as far as there are any; see `file_of`."""
        found = []
        for relative in images:
            with suppress(InputError):  # which the reading of the page reports
                found.append(self.file_of(relative))
        return found

    def _find(self, relative: Path) -> Path | None:
        for folder in dict.fromkeys((relative.parent, Path("."))):
            for sub in SUBFOLDERS:
                for name in (*(relative.stem + suffix for suffix in SUFFIXES), f"{relative.name}.xml"):
                    found = self._index.at((folder / sub / name).as_posix())
                    if found:
                        return self.path / found
        return None

    def fit(self, relative: Path, image: PageImage) -> tuple[FittedLines, Path]:
        """Return the lines for an image, placed on it, and their file.

        Raises:
            InputError: there is no file for it, the file cannot be read, or it is for another image.
        """
        file = self.file_of(relative, image.number, image.count)
        pages = self.pages(file)
        of_document = self.path.is_dir() and image.count > 1 and file == self._find(relative)
        page = pages[0] if len(pages) == 1 and not of_document else _page_of(pages, relative, image, file)
        height, width = image.pixels.shape[:2]
        return fit_lines(page, width, height, str(file)), file

    def pages(self, file: Path) -> list[Page]:
        """Return the pages of a file.

        Raises:
            InputError: it cannot be read.
        """
        from hwr.formats.read_file import load_xml_pages  # few readings need it, and it slows the start

        if file not in self._loaded:
            self._loaded.clear()
            self._loaded[file] = load_xml_pages(file)
        return self._loaded[file]


def _page_of(pages: list[Page], relative: Path, image: PageImage, file: Path) -> Page:
    """Return the page of a file that belongs to an image: the one with its number or its name.

    Raises:
        InputError: there is none.
    """
    if image.count > 1:
        found = [page for page in pages if split_page_name(page.image)[1] == image.number]
    else:
        found = [page for page in pages if name_key(page.image).rpartition("/")[2] == name_key(relative.name)]
    if len(found) != 1:
        sought = f"page {image.number}" if image.count > 1 else str(relative)
        matches = f"{len(found)} of its pages are" if found else "none of its pages is"
        raise InputError(f"{file}: {matches} for {sought}")
    return found[0]


def read_given(recognizer: Recognizer, image: Source, relative: Path, given: GivenLines) -> tuple[Page, list[str], int]:
    """Read the given lines of an image.

    Returns:
        The page, messages about scaling and lines left out, and the number of lines left out.

    Args:
        image: see `hwr.files.pixels.Source`.
        relative: see `GivenLines.file_of`.

    Raises:
        InputError: as `GivenLines.fit`, or the image cannot be used.
    """
    source = page_of(image)
    fitted, file = given.fit(relative, source)
    page = recognizer.read(source, lines=fitted.page)
    notes = fitted.messages(str(file))
    if not fitted.page.lines and not fitted.left_out:
        notes.append(f"{file}: it contains no lines, so nothing is read")
    read = {line.id for line in page.lines}
    notes += [f"{file}: line {line.id!r} left out: {TOO_LARGE}" for line in fitted.page.lines if line.id not in read]
    count = len(fitted.page.lines) + len(fitted.left_out)
    lost = count - len(page.lines)
    if lost:
        notes.append(f"{file}: {lost} of {count} lines left out")
    return page, notes, lost
