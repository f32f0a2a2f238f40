"""A file with the lines of a page -> Page, whether it is PAGE XML or ALTO."""

import re
from os import PathLike, fspath
from pathlib import Path, PurePosixPath

from hwr.errors import InputError, as_argument
from hwr.files.tree import read_file
from hwr.formats.read_alto import read_alto
from hwr.formats.read_page import read_page_xml
from hwr.formats.read_xml import MAX_BYTES, local_name, parse_xml, xml_text
from hwr.page.page import Page

ROOTS = {"PcGts": "page", "alto": "alto"}
"""Root element -> name of the format in `page_kind`."""

HEAD = 16384
"""Number of bytes at the beginning of a file that contain its root element."""

_RESULT_ENDING = re.compile(r"(\.page|\.alto)?\.[^.]*$", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?(\w[\w.-]*)")


def stem_of_result(name: str) -> str:
    """Return the name of a file with a page without folders and ending, also without .page.xml and .alto.xml."""
    return _RESULT_ENDING.sub("", PurePosixPath(name).name)


def page_kind(head: bytes) -> str | None:
    """Return `page` or `alto`, depending on the root element in the first `HEAD` bytes of a file; otherwise None.

    Raise nothing: a broken file is reported when it is read.
    """
    try:
        text = xml_text(head, "")
    except InputError:  # its encoding
        text = head.decode("latin-1")
    text = re.sub(r"<!--.*?(-->|$)|<\?.*?(\?>|$)", "", text, flags=re.DOTALL)
    root = _ROOT.search(text)
    return ROOTS.get(root[1]) if root else None


def read_xml_pages(data: bytes, where: str) -> list[Page]:
    """Return the pages of a PAGE XML file (2010 to 2019) or of an ALTO file (2 to 4): one, or those of a document.

    `image` is the name of the image in the file, `model` what its metadata says, or empty. Lines are in reading order,
    with their ids, regions, types, texts, confidences and words, as far as the file has them; see `read_page_xml` and
    `read_alto`. The size of the page is 0 x 0 if the file does not state it.

    Args:
        data: the content of the file.
        where: its name, for errors.

    Raises:
        InputError: not XML, broken, truncated, too large, with entities of its own, of another format, or with
            no page; names the location in the file.
    """
    if data.lstrip()[:1] == b"{":
        command = f"hwr convert {as_argument(where)} --format page"
        raise InputError(f"{where}: JSON, not PAGE XML or ALTO; {command} makes PAGE XML of it")
    root = parse_xml(data, where)
    kind = ROOTS.get(local_name(root))
    if kind is None:
        raise InputError(f"{where}: the root element is {local_name(root)!r}; expected PAGE XML (PcGts) or ALTO")
    return read_page_xml(root, where) if kind == "page" else read_alto(root, where)


def read_page_file(source: bytes | str | PathLike[str], where: str | None = None) -> Page:
    """Return the page of a PAGE XML or ALTO file that has one; see `read_xml_pages`.

    Args:
        source: the path of the file, or its content.
        where: its name, for errors; by default the path.

    Raises:
        InputError: the file cannot be read, or has several pages; see also `read_xml_pages`.
    """
    if isinstance(source, bytes):
        where = where or "data"
        pages = read_xml_pages(source, where)
    else:
        where = where or fspath(source)
        pages = load_xml_pages(Path(source))
    if len(pages) > 1:
        raise InputError(f"{where}: has {len(pages)} pages; one is expected")
    return pages[0]


def load_xml_pages(path: Path) -> list[Page]:
    """Return the pages of a file, as `read_xml_pages` does.

    Raises:
        InputError: the file cannot be read; see also `read_xml_pages`.
    """
    return read_xml_pages(read_file(path, MAX_BYTES), str(path))
