"""Lines cut out of pages by their PAGE XML or ALTO.

    FOLDER/a.jpg  FOLDER/a.xml                      image and XML side by side (eScriptorium, kraken)
    DOC/0001.jpg  DOC/page/0001.xml  DOC/alto/...   an export of Transkribus; mets.xml and metadata.xml are not needed
    export.zip                                      either of them, not unpacked to disk
    a.xml                                           a single page

A line is cut along its polygon and laid level along its baseline, as `hwr recognize` does it, and stored as a grey PNG.
Baselines or polygons that are missing are derived, polygons cut off at the image's borders, coordinates scaled to an
image of the same aspect (`hwr.page.shapes`).

The id of a line is `DOCUMENT/PAGE/LINE`, its page `DOCUMENT/PAGE`, its writer DOCUMENT: the folder that the page lies
in, below the source's own name. A folder `train`, `val` or `test` at the top names the split.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hwr.errors import DataError, InputError
from hwr.files.images import GreyImage, decode_image
from hwr.formats.read_file import HEAD, page_kind, read_page_file
from hwr.formats.read_xml import MAX_BYTES
from hwr.page.geometry import cut_line
from hwr.page.page import Line, Page
from hwr.page.shapes import fit_line, page_scale
from hwr.prepare.filetree import FileTree, FolderTree, ZipTree
from hwr.prepare.samples import IMAGE_SUFFIXES, Reason, Sample, Skipped, Unusable
from hwr.store.splits import SPLIT_NAMES

KINDS = ("page", "alto")
XML_FOLDERS = ("page", "alto")
"""Folders in which Transkribus puts the XML of the images beside them."""
PAGE_IMAGES = (*IMAGE_SUFFIXES, ".jp2")
MAX_IMAGE_BYTES = 400 * 2**20
"""An uncompressed colour image of 100 megapixels has 300 MB."""


@dataclass(frozen=True)
class PageOptions:
    """Which lines to take.

    Attributes:
        regions, line_types: types of regions and lines, whatever their case; `MainZone` takes `MainZone:column` and
            `MainZone#1` too. Empty: all.
    """

    regions: tuple[str, ...] = ()
    line_types: tuple[str, ...] = ()


def find_kind(path: Path) -> str | None:
    """`page` or `alto`: what is found first in a folder, a zip or an XML file; None: neither."""
    tree, _ = _open(path)
    return next((kind for name in tree.names if (kind := _kind(tree, name))), None)


@dataclass(frozen=True)
class _PageFile:
    """An XML file: its path in the tree, its format, its page and document, and the split that its folder names."""

    name: str
    kind: str
    page: str
    document: str
    split: str | None


class PageFiles:
    """Pages with their XML as a source.

    Args:
        kind: `page` or `alto`: which of them counts where a page has both.

    Raises:
        DataError: there is neither, or a zip that cannot be read.
    """

    def __init__(self, path: Path, kind: str = "page", options: PageOptions = PageOptions()) -> None:
        self.path = path
        self.kind = kind
        self.options = options
        self._tree, root = _open(path)
        self._pages = list(_find_pages(self._tree, root, kind, path.name if path.is_file() else None))
        if not self._pages:
            raise DataError(f"{path}: no PAGE XML and no ALTO in it")
        self._images = _ImageFinder(self._tree.names)
        self._open_image: tuple[str, GreyImage | InputError] = ("", InputError(""))

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """The lines of all pages, in the order of the files' names and the lines' reading order."""
        for file in self._pages:
            where = self._tree.where(file.name)
            try:
                page = read_page_file(self._tree.read(file.name, MAX_BYTES), where)
            except InputError as error:
                yield Skipped(where, Reason.BAD_ROW, str(error).removeprefix(where).lstrip(":, "))
                continue
            image = self._images.find(file.name, page.image)
            if image is None:
                yield Skipped(where, Reason.NO_IMAGE, f"neither {page.image!r} nor an image of the name of the file")
                continue
            types = {region.id: region.type for region in page.regions}
            for line in page.lines:
                yield self._item(file, page, line, types.get(line.region, ""), image)

    def _item(self, file: _PageFile, page: Page, line: Line, region: str, image: str) -> Sample | Skipped:
        where = f"{self._tree.where(file.name)}, line {line.id}"
        if not (_matches(region, self.options.regions) and _matches(line.type, self.options.line_types)):
            return Skipped(where, Reason.OTHER_TYPE, f"region {region!r}, line {line.type!r}")
        if not line.text.strip():
            return Skipped(where, Reason.NO_TEXT, "the line has no transcription")
        if not line.baseline and not line.polygon:
            return Skipped(where, Reason.NO_PLACE, "neither a polygon nor a baseline")
        return Sample(
            id=f"{file.page}/{line.id}",
            text=line.text,
            path=f"{PurePosixPath(file.page).name}_{line.id}.png",
            where=where,
            load=self._cutter(page, line, image, where),
            split=file.split,
            writer=file.document,
            page=file.page,
            listed_as=f"{file.page}/{line.id}",
        )

    def _cutter(self, page: Page, line: Line, image: str, where: str) -> Callable[[], bytes]:
        return lambda: _cut(self._pixels(image), page, line, where)

    def _pixels(self, name: str) -> GreyImage:
        """The image of a page; the last one, or why it cannot be read, is kept for the next line."""
        if self._open_image[0] != name:
            where = self._tree.where(name)
            try:
                self._open_image = name, decode_image(self._tree.read(name, MAX_IMAGE_BYTES), where)
            except InputError as error:
                self._open_image = name, error
        pixels = self._open_image[1]
        if isinstance(pixels, InputError):
            raise InputError(str(pixels))
        return pixels


def _cut(grey: GreyImage, page: Page, line: Line, where: str) -> bytes:
    """The line as a PNG file, cut out of its page.

    Raises:
        Unusable: it is outside the image, or too large for a line.
        InputError: the XML is for another image.
    """
    import cv2

    height, width = grey.shape
    fitted = fit_line(line, page_scale(page, width, height, where), width, height)
    if isinstance(fitted, str):
        raise Unusable(Reason.NO_PLACE, fitted)
    try:
        cut = cut_line(grey, fitted.baseline, fitted.polygon)
    except ValueError as error:
        raise Unusable(Reason.NO_PLACE, str(error)) from None
    return bytes(cv2.imencode(".png", cut.image)[1])


def _matches(kind: str, wanted: tuple[str, ...]) -> bool:
    """Whether a type is one of those wanted; the part before `:` or `#` counts as well."""
    names = {kind.lower(), re.split("[:#]", kind.lower())[0]}
    return not wanted or any(name.lower() in names for name in wanted)


# --- files -------------------------------------------------------------------------------------------------------


def _open(path: Path) -> tuple[FileTree, str]:
    """The files of a source, and the name under which they go. Of a single XML only the folders around it."""
    if path.is_dir():
        return FolderTree(path), path.resolve().name
    if path.suffix.lower() == ".zip":
        return ZipTree(path), path.stem
    folder = path.parent
    if folder.resolve().name.lower() in XML_FOLDERS:
        above = folder / ".." if folder == Path(".") else folder.parent
        return FolderTree(above, (".", folder.resolve().name)), above.resolve().name
    return FolderTree(folder, (".",)), folder.resolve().name


def _find_pages(tree: FileTree, root: str, kind: str, only: str | None) -> Iterator[_PageFile]:
    """The pages in order; of two files for one page the one of `kind`."""
    pages: dict[str, _PageFile] = {}
    for name in tree.names:
        found = _kind(tree, name) if only is None or only.lower().endswith(".zip") or name.endswith(only) else None
        if found is None:
            continue
        path = PurePosixPath(name)
        folder = path.parent.parent if path.parent.name.lower() in XML_FOLDERS else path.parent
        document = str(PurePosixPath(root) / folder)
        split = SPLIT_NAMES.get(folder.parts[0].lower()) if folder.parts else None
        file = _PageFile(name, found, f"{document}/{_stem(name)}", document, split)
        if file.page not in pages or found == kind != pages[file.page].kind:
            pages[file.page] = file
    return iter(pages.values())


def _kind(tree: FileTree, name: str) -> str | None:
    return page_kind(tree.head(name, HEAD)) if name.lower().endswith(".xml") else None


def _stem(name: str) -> str:
    """The name without its folders and endings: also without those of `hwr recognize`, .page.xml and .alto.xml."""
    return re.sub(r"(\.page|\.alto)?\.[^.]*$", "", PurePosixPath(name).name, flags=re.IGNORECASE)


class _ImageFinder:
    """Finds the image of a page among the files of a tree, whatever the case of its name."""

    def __init__(self, names: list[str]) -> None:
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for name in names:
            if PurePosixPath(name).suffix.lower() in PAGE_IMAGES:
                self._by_path.setdefault(name.lower(), name)
                self._by_name.setdefault(PurePosixPath(name).name.lower(), []).append(name)

    def find(self, file: str, image: str) -> str | None:
        """The image that the XML names, else one with the XML's own name: beside it, in the folder above, or, if only
        one is called so, anywhere."""
        named = re.split(r"[/\\]", image)[-1]
        names = [named] if named else []
        names += [_stem(other) + suffix for other in (named, file) if other for suffix in PAGE_IMAGES]
        folder = PurePosixPath(file).parent
        for name in names:
            for place in (folder, folder.parent):
                found = self._by_path.get(str(place / name).lower())
                if found:
                    return found
            anywhere = self._by_name.get(name.lower(), [])
            if len(anywhere) == 1:
                return anywhere[0]
        return None
