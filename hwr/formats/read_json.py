"""JSON that `hwr recognize --format json` wrote -> pages."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from hwr.errors import InputError
from hwr.files.texts import decode_text
from hwr.formats.read_xml import MAX_NUMBER
from hwr.page.page import Line, Page, Region
from hwr.settings import from_dict
from hwr.text import has_surrogates

Part = TypeVar("Part", Line, Region)

QUARTER_TURNS = (0, 90, 180, 270)
"""Degrees by which an image can have been turned for reading."""


def split_pages_json(data: bytes, where: str) -> list[tuple[str, str]]:
    """Return the JSON of each page of a file with one object per line, or with a single object on several lines.

    Args:
        data: the content of the file.
        where: its name, for errors.

    Returns:
        The text of each page, and its name for errors.

    Raises:
        InputError: without a page. Bytes that are not UTF-8 are found when their page is read.
    """
    text = decode_text(data, where, errors="surrogateescape")
    if isinstance(_parse(text), Mapping):
        return [(text, where)]
    lines = ((line, f"{where}: line {number}") for number, line in enumerate(text.split("\n"), start=1))
    pages = [(line, name) for line, name in lines if line.strip()]
    if not pages:
        raise InputError(f"{where}: has no page")
    return pages


def read_page_json(text: str, where: str) -> Page:
    """Return the page of a JSON object.

    Raises:
        InputError: not JSON, or not a page as `page.schema.json` describes it.
    """
    if has_surrogates(text):
        raise InputError(f"{where}: not UTF-8")
    value = _parse(text)
    if value is None:
        raise InputError(f"{where}: not JSON, or cut off")
    return page_from_object(value, where)


def page_from_object(value: object, where: str) -> Page:
    """Return a page from its dictionaries and lists; `where` begins the message of an error.

    A line that cannot be used is named in `Page.left_out`. A region that cannot be used is named in `Page.notes`; its
    lines are kept.

    Raises:
        InputError: an unknown or missing key of the page, a value of the wrong type, a size that no image has, a
            rotation that is not a quarter turn.
    """
    if not isinstance(value, Mapping):
        return from_dict(Page, value, where, error=InputError)
    value = _with_languages(value)
    lines, left_out = _usable(Line, value.get("lines"), where)
    regions, broken = _usable(Region, value.get("regions"), where)
    kept: dict[str, list[Any]] = {name: [] for name in ("lines", "regions") if isinstance(value.get(name), list)}
    page = from_dict(Page, {**value, **kept}, where, error=InputError)
    if page.rotation not in QUARTER_TURNS:
        raise InputError(f"{where}: rotation = {page.rotation}: one of 0, 90, 180, 270 is needed")
    if not (0 <= page.width <= MAX_NUMBER and 0 <= page.height <= MAX_NUMBER):
        raise InputError(f"{where}: width and height are not those of an image")
    notes = tuple((id, f"region left out: {reason}") for id, reason in broken)
    return replace(
        page,
        lines=tuple(lines),
        regions=tuple(regions),
        left_out=(*page.left_out, *left_out),
        notes=(*page.notes, *notes),
    )


def _usable(kind: type[Part], values: object, where: str) -> tuple[list[Part], tuple[tuple[str, str], ...]]:
    """Return the lines or regions that can be used, and the ids of the others with the reasons."""
    used: list[Part] = []
    left_out: list[tuple[str, str]] = []
    for number, value in enumerate(values if isinstance(values, list) else (), start=1):
        try:
            used.append(from_dict(kind, value, where, error=InputError))
        except InputError as error:
            id = value.get("id") if isinstance(value, Mapping) else None
            named = id if isinstance(id, str) else f"number {number}"
            left_out.append((named, str(error).removeprefix(f"{where}: ")))
    return used, tuple(left_out)


def _with_languages(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page with the language of each line: null is unknown, and a line without a language has the page's."""
    own = page.get("language") or ""
    lines = page.get("lines")
    if not isinstance(lines, list):
        return {**page, "language": own}
    full = [
        {**line, "language": line.get("language", own) or ""} if isinstance(line, Mapping) else line for line in lines
    ]
    return {**page, "language": own, "lines": full}


def _parse(text: str) -> Any:
    """Return the value, or None if the text is not JSON that Python reads."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
