"""JSON that `hwr recognize --format json` wrote -> pages."""

import json
from collections.abc import Mapping
from typing import Any

from hwr.errors import InputError
from hwr.files.texts import decode_text
from hwr.page.page import Page
from hwr.settings import from_dict

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
        InputError: not UTF-8, or without a page.
    """
    text = decode_text(data, where)
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
    value = _parse(text)
    if value is None:
        raise InputError(f"{where}: not JSON, or cut off")
    return page_from_object(value, where)


def page_from_object(value: object, where: str) -> Page:
    """Return a page from its dictionaries and lists; `where` begins the message of an error.

    Raises:
        InputError: an unknown or missing key, a value of the wrong type, a coordinate that is not finite, a
            rotation that is not a quarter turn.
    """
    if isinstance(value, Mapping):
        value = _with_languages(value)
    page = from_dict(Page, value, where, error=InputError)
    if page.rotation not in QUARTER_TURNS:
        raise InputError(f"{where}: rotation = {page.rotation}: one of 0, 90, 180, 270 is needed")
    return page


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
