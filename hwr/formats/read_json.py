"""JSON that `hwr recognize --format json` wrote -> pages."""

import json
from collections.abc import Mapping
from typing import Any

from hwr.errors import InputError
from hwr.files.texts import decode_text
from hwr.page.page import Page
from hwr.settings import from_dict


def read_pages_json(data: bytes, where: str) -> list[Page]:
    """Return the pages of a file with one JSON object per line, or with a single object on several lines.

    Args:
        data: the content of the file.
        where: its name, for errors.

    Raises:
        InputError: not UTF-8, not JSON, or not a page as `page.schema.json` describes it; names the line.
    """
    text = decode_text(data, where)
    whole = _parse(text)
    if isinstance(whole, Mapping):
        return [page_from_object(whole, where)]
    pages = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            value = _parse(line)
            if value is None:
                raise InputError(f"{where}: line {number} is not JSON")
            pages.append(page_from_object(value, f"{where}: line {number}"))
    if not pages:
        raise InputError(f"{where}: has no page")
    return pages


def page_from_object(value: object, where: str) -> Page:
    """Return a page from its dictionaries and lists; `where` begins the message of an error.

    Raises:
        InputError: an unknown or missing key, a value of the wrong type, a coordinate that is not finite.
    """
    if isinstance(value, Mapping):
        value = {key: entry for key, entry in value.items() if entry is not None}  # a language that is not known
    return from_dict(Page, value, where, error=InputError)


def _parse(text: str) -> Any:
    """Return the value, or None if the text is not JSON that Python reads."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
