"""A page -> a file in the format that its name ends with."""

from os import PathLike, fspath
from pathlib import Path

from hwr.errors import InputError, UsageError
from hwr.files.atomic import write_file
from hwr.files.documents import page_of
from hwr.files.pixels import PageImage, Source
from hwr.formats import FORMATS, Format, find_format, format_of_name, to_bytes
from hwr.page.page import Page
from hwr.page.placing import fit_lines


def save_page(page: Page, path: str | PathLike[str], *, format: str | None = None, image: Source | None = None) -> None:
    """Write a page to a file, which is replaced if it exists.

    Args:
        path: the file.
        format: name as in `hwr recognize --format`; by default from the ending of the file. `.xml` is PAGE XML.
        image: of the page, for PDF and overlay: a path, bytes, an array or a PIL image; by default `page.image`.

    Raises:
        UsageError: the format is unknown, or the ending does not determine it.
        InputError: the image is needed and cannot be used.
        OutputError: the file cannot be written.
    """
    target = Path(fspath(path))
    form = find_format(format) if format is not None else _format_of(target)
    if form.needs_pixels:
        picture = _picture_of(page) if image is None else page_of(image, page.image, colour=True)
        height, width = picture.pixels.shape[:2]
        data = to_bytes(form, fit_lines(page, width, height, page.image).page, picture.pixels, picture.dpi)
    else:
        data = to_bytes(form, page)
    write_file(target, data)


def _picture_of(page: Page) -> PageImage:
    """Return the image that a page names."""
    try:
        return page_of(page.image, page.image, colour=True)
    except InputError as error:
        raise InputError(f"{error}; name the image of the page with image=") from None


def _format_of(path: Path) -> Format:
    form = format_of_name(path.name)
    if form is None:
        endings = ", ".join(entry.suffix for entry in FORMATS.values())
        raise UsageError(f"{path}: the ending is not that of a format ({endings}, .xml); name one with format=")
    return form
