"""Lines cut out of pages by their PAGE XML or ALTO.

    FOLDER/a.jpg  FOLDER/a.xml                      image and XML side by side (eScriptorium, kraken)
    DOC/0001.jpg  DOC/page/0001.xml  DOC/alto/...   an export of Transkribus; mets.xml and metadata.xml are not needed
    export.zip                                      either of them, not unpacked to disk
    a.xml                                           a single page
    book.tif  book-0001.page.xml                    pages of a TIFF or a PDF, named `book.tif#1`
    book.pdf  book.xml                              ALTO with all pages of a PDF

A line is cut along its polygon and straightened along its baseline, as in `hwr recognize`, and stored as a grey PNG.
Missing baselines or polygons are derived, polygons are cut off at the image's borders, and coordinates are scaled to an
image with the same aspect ratio (`hwr.page.completing`, `hwr.page.placing`).

The id of a line is `DOCUMENT/PAGE/LINE`, its page `DOCUMENT/PAGE`, its writer DOCUMENT: the source's name with the
folder of the page. If the top folder is `train`, `val` or `test`, it is the split.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from hwr.errors import DataError, InputError
from hwr.files.documents import open_document, split_page_name
from hwr.files.images import GreyImage
from hwr.files.pixels import grey_of
from hwr.files.tree import LFS_POINTER, FileIndex, FileTree, FolderTree, open_tree
from hwr.formats.read_file import HEAD, page_kind, read_xml_pages, stem_of_result
from hwr.formats.read_xml import MAX_BYTES
from hwr.page.geometry import cut_line
from hwr.page.page import Line, Page
from hwr.page.placing import fit_line, page_fit
from hwr.prepare.samples import (
    IMAGE_SUFFIXES,
    MAX_IMAGE_BYTES,
    Reason,
    Sample,
    Skipped,
    Source,
    Unusable,
)
from hwr.prepare.sidecar import unused_images
from hwr.store.splits import SPLIT_NAMES, split_of_folder

KINDS = ("page", "alto")
NAMES = {"page": "PAGE XML", "alto": "ALTO"}
"""Names of the formats in messages."""
OTHER_KIND = {"page": "alto", "alto": "page"}
XML_FOLDERS = ("page", "alto")
"""Folders in which Transkribus puts the XML files of the images next to them."""
PAGE_IMAGES = (*IMAGE_SUFFIXES, ".pdf")


@dataclass(frozen=True)
class PageFileOptions:
    """The lines to take.

    Attributes:
        regions, line_types: types of regions and lines, in any case; `MainZone` also takes `MainZone:column` and
            `MainZone#1`. Empty: all.
        machine_texts: also take texts that a program read.
    """

    regions: tuple[str, ...] = ()
    line_types: tuple[str, ...] = ()
    machine_texts: bool = False


def find_kind(tree: FileTree, only: str | None = None) -> str | None:
    """Return `page` if a file of the tree (or the file `only`) is PAGE XML, else `alto` if one is ALTO, else None."""
    found = None
    for name in tree.names if only is None else (only,):
        kind = _kind(tree, name)
        if kind == "page":
            return kind
        found = found or kind
    return found


@dataclass(frozen=True)
class _PageFile:
    """An XML file: its path in the tree, its format, its page and document, and the split that its folder states.

    `part`: which of its pages is meant, for messages, if it has several.
    """

    name: str
    kind: str
    page: str
    document: str
    split: str | None
    part: str = ""


class PageFiles(Source):
    """Pages with their XML as a source.

    Args:
        path: a folder, a zip or an XML file; `tree`: its files, if they are known.
        kind: `page` or `alto`: the preferred one for a page that has both. One file of this kind is needed.

    Attributes:
        used: names of the images that belong to a page, after `items`.

    Raises:
        DataError: there is no file of this kind, or a zip that cannot be read.
    """

    def __init__(
        self, path: Path, kind: str = "page", options: PageFileOptions = PageFileOptions(), tree: FileTree | None = None
    ) -> None:
        super().__init__(path)
        self.kind = kind
        self.options = options
        self.used: set[str] = set()
        opened, root = open_page_tree(path)
        self.split = SPLIT_NAMES.get(root.lower())
        self.tree = opened if tree is None else tree
        self._whole = path.is_dir() or path.suffix.lower() == ".zip"
        self._pages = _find_pages(self.tree, root, kind, None if self._whole else path.name)
        if not self._pages:
            raise DataError(f"{path}: no PAGE XML and no ALTO in it")
        if not any(file.kind == kind for files in self._pages for file in files):
            own, other = (NAMES[name] for name in (kind, OTHER_KIND[kind]))
            raise DataError(f"{path}: no {own} in it, only {other}; --from {OTHER_KIND[kind]} reads it")
        self._images = _ImageFinder(self.tree.names)
        self._xml_of: dict[_PageImage, str] = {}
        self._places: dict[int, str] = {}
        """The file of the line at each place of an image; the place as its hash, to save memory."""
        self._open_image: tuple[_PageImage, GreyImage | InputError] = _PageImage(""), InputError("")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the lines of all pages, in the order of file names and of reading, then images without XML."""
        yield from self.lines()
        if self._whole:
            yield from unused_images(self.tree, self.used, Reason.UNUSED_IMAGE)

    def lines(self) -> Iterator[Sample | Skipped]:
        """Yield the lines of pages with XML."""
        self._xml_of.clear()
        self._places.clear()
        for files in self._pages:
            file, pages = self._choose(files)
            where = self.tree.where(file.name)
            if isinstance(pages, InputError):
                image = self._images.find(file.name, "")
                self.used.update([image.name] if image else [])
                yield Skipped(where, Reason.BAD_ROW, str(pages).removeprefix(where).lstrip(":, "))
                continue
            numbers = [split_page_name(page.image)[1] for page in pages]
            if len(set(numbers)) < len(pages):
                numbers = list(range(1, len(pages) + 1))
            for page, number in zip(pages, numbers, strict=True):
                part = file if len(pages) == 1 else replace(file, page=f"{file.page}#{number}", part=f" page {number}")
                yield from self._lines_of(part, page)

    def _lines_of(self, file: _PageFile, page: Page) -> Iterator[Sample | Skipped]:
        """Yield the lines of one page."""
        image = self._images.find(file.name, page.image, bool(file.part))
        if image is None:
            missing = f"neither {page.image!r} nor an image named like the XML file is in this source"
            detail = f"{missing}; name the folder that has both"
            yield Skipped(self._where(file), Reason.NO_IMAGE, detail)
        else:
            self.used.add(image.name)
            if self._xml_of.setdefault(image, file.name) != file.name:
                self.notes.add(
                    "images with several XML files: all lines are read, the same place only once", image.name
                )
            yield from self._page(file, page, image)

    def _where(self, file: _PageFile) -> str:
        return f"{self.tree.where(file.name)}{file.part}"

    def _choose(self, files: list[_PageFile]) -> tuple[_PageFile, list[Page] | InputError]:
        """Return the preferred file of a page: the first with a text that no program read, otherwise the first."""
        read: list[tuple[_PageFile, list[Page] | InputError]] = []
        for file in files:
            where = self.tree.where(file.name)
            try:
                pages: list[Page] | InputError = read_xml_pages(self.tree.read(file.name, MAX_BYTES), where)
            except InputError as error:
                pages = error
            read.append((file, pages))
            if len(files) == 1 or (isinstance(pages, list) and any(map(_has_truth, pages))):
                break
        else:
            read = read[:1]
        chosen, pages = read[-1]
        self._note_choice(chosen, files)
        return chosen, pages

    def _note_choice(self, chosen: _PageFile, files: list[_PageFile]) -> None:
        """Add a note if a page has several files, or none of the preferred kind."""
        own, other = NAMES[chosen.kind], NAMES[OTHER_KIND[chosen.kind]]
        if len({file.kind for file in files}) > 1:
            self.notes.add(f"pages with several XML files: {own} is read, not {other}", chosen.name)
        elif len(files) > 1:
            self.notes.add(f"pages with several files of {own}: one of them is read", chosen.name)
        if all(file.kind != self.kind for file in files):
            self.notes.add(f"pages without {other}: their {own} is read", chosen.name)

    def _page(self, file: _PageFile, page: Page, image: "_PageImage") -> Iterator[Sample | Skipped]:
        where = self._where(file)
        if not page.lines and not page.left_out:
            yield Skipped(where, Reason.NO_LINES, "no TextLine in it")
        for id, reason in page.left_out:
            yield Skipped(f"{where}, line {id}", Reason.BAD_ROW, reason)
        for id, note in page.notes:
            self.notes.add(note, f"{where}, {id}")
        types = {region.id: region.type for region in page.regions}
        for line in page.lines:
            yield self._item(file, page, line, types.get(line.region, ""), image)

    def _item(self, file: _PageFile, page: Page, line: Line, region: str, image: "_PageImage") -> Sample | Skipped:
        where = f"{self._where(file)}, line {line.id}"
        if not (_matches(region, self.options.regions) and _matches(line.type, self.options.line_types)):
            return Skipped(where, Reason.OTHER_TYPE, f"region {region!r}, line {line.type!r}")
        if not line.text.strip():
            return Skipped(where, Reason.NO_TEXT, "the line has no transcription")
        if line.machine_read and not self.options.machine_texts:
            return Skipped(where, Reason.MACHINE_TEXT, "use --machine-texts to take such lines")
        if not line.baseline and not line.polygon:
            faults = [note for id, note in page.notes if id == line.id]
            return Skipped(where, Reason.NO_POSITION, "; ".join(("neither a polygon nor a baseline", *faults)))
        place = hash((image, page.width, page.height, line.baseline, line.polygon))
        first = self._places.setdefault(place, file.name)
        if first != file.name:
            return Skipped(where, Reason.SECOND_TEXT, f"the place of a line in {first}")
        return Sample(
            id=f"{file.page}/{line.id}",
            text=line.text,
            path=f"{PurePosixPath(file.page).name}_{line.id}.png",
            where=where,
            load=partial(self._cut, page, line, image, where),
            split=file.split,
            writer=file.document,
            page=file.page,
            listed_as=f"{file.page}/{line.id}",
        )

    def _cut(self, page: Page, line: Line, image: "_PageImage", where: str) -> bytes:
        """Return a line as a PNG file, cut out of its page."""
        import cv2

        grey = self._pixels(image)
        height, width = grey.shape
        scale, note = page_fit(page, width, height, where)
        fitted = fit_line(line, scale, width, height)
        if isinstance(fitted, str):
            raise Unusable(Reason.NO_POSITION, fitted)
        try:
            cut = cut_line(grey, fitted.baseline, fitted.polygon)
        except ValueError as error:
            raise Unusable(Reason.NO_POSITION, str(error)) from None
        if note:
            self.notes.add(note, where)
        return bytes(cv2.imencode(".png", cut.image)[1])

    def _pixels(self, image: "_PageImage") -> GreyImage:
        """Return the image of a page. The last one, or the reason why it cannot be read, is kept for the next line."""
        if self._open_image[0] != image:
            try:
                self._open_image = image, self._load(image)
            except InputError as error:
                self._open_image = image, error
        pixels = self._open_image[1]
        if isinstance(pixels, InputError):
            raise InputError(str(pixels))
        return pixels

    def _load(self, image: "_PageImage") -> GreyImage:
        where = self.tree.where(image.name)
        with open_document(self.tree.read(image.name, MAX_IMAGE_BYTES), where) as document:
            if image.number > document.count:
                raise InputError(f"{where}: has no page {image.number}, which the XML names")
            return grey_of(document.page(image.number).pixels)


def _has_truth(page: Page) -> bool:
    return any(line.text.strip() and not line.machine_read for line in page.lines)


def _matches(kind: str, wanted: tuple[str, ...]) -> bool:
    """Return whether a type is one of those wanted; the part before `:` or `#` counts as well."""
    names = {kind.lower(), re.split("[:#]", kind.lower())[0]}
    return not wanted or any(name.lower() in names for name in wanted)


# --- files -------------------------------------------------------------------------------------------------------


def open_page_tree(path: Path) -> tuple[FileTree, str]:
    """Return the files of a source and the name for it in ids. For a single XML file: the folders around it."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        return open_tree(path), path.resolve().name if path.is_dir() else path.stem
    folder = path.parent
    if folder.resolve().name.lower() in XML_FOLDERS:
        above = folder / ".." if folder == Path(".") else folder.parent
        return FolderTree(above, (".", folder.resolve().name)), above.resolve().name
    return FolderTree(folder, (".",)), folder.resolve().name


def _find_pages(tree: FileTree, root: str, kind: str, only: str | None) -> list[list[_PageFile]]:
    """Return the XML files of each page, the preferred one first: of `kind`, then with the plainest name."""
    pages: dict[str, list[_PageFile]] = {}
    for name in tree.names:
        found = _kind(tree, name, kind) if only is None or PurePosixPath(name).name == only else None
        if found is None:
            continue
        path = PurePosixPath(name)
        folder = path.parent.parent if path.parent.name.lower() in XML_FOLDERS else path.parent
        document = str(PurePosixPath(root) / folder)
        split = split_of_folder(folder / path.name)
        file = _PageFile(name, found, f"{document}/{stem_of_result(name)}", document, split)
        pages.setdefault(file.page, []).append(file)
    return [sorted(files, key=lambda file: (file.kind != kind, len(file.name), file.name)) for files in pages.values()]


def _kind(tree: FileTree, name: str, unknown: str = "page") -> str | None:
    """Return the format of an XML file, or None; `unknown` for a pointer of Git LFS, and its reading will say so."""
    head = tree.head(name, HEAD) if name.lower().endswith(".xml") else b""
    return unknown if head.startswith(LFS_POINTER) else page_kind(head)


@dataclass(frozen=True)
class _PageImage:
    """The image of a page: a file of the tree, and the number of the page in it."""

    name: str
    number: int = 1


class _ImageFinder:
    """Finds the image of a page among the files of a tree."""

    def __init__(self, names: list[str]) -> None:
        self._index = FileIndex(name for name in names if PurePosixPath(name).suffix.lower() in PAGE_IMAGES)

    def find(self, file: str, image: str, several: bool = False) -> _PageImage | None:
        """Return the image that the XML names, or else one with the XML's own name; `book.tif#2` is a page of a file.

        They are searched for in the folder of the XML, in the folder above, and, if the name is unique, anywhere.

        Args:
            file: name of the XML.
            image: name of the image in it.
            several: the XML has several pages, so its own name is that of a document.
        """
        named = re.split(r"[/\\]", image)[-1]
        document, number = split_page_name(named)
        own = stem_of_result(file)
        wanted = [_PageImage(named), _PageImage(document, number)] if named else []
        if several:
            wanted += [_PageImage(f"{own}-{number:04}{suffix}") for suffix in PAGE_IMAGES]
        wanted += [_PageImage(own + suffix, number if several else 1) for suffix in ("", *PAGE_IMAGES)]
        wanted += [_PageImage(stem_of_result(document) + suffix, number) for suffix in PAGE_IMAGES if document]
        folder = PurePosixPath(file).parent
        for entry in wanted:
            name = entry.name
            found = self._index.at(str(folder / name)) or self._index.at(str(folder.parent / name))
            found = found or self._index.anywhere(name)
            if found:
                return _PageImage(found, entry.number)
        return None
