"""JSON that `hwr recognize --format json` wrote -> pages."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from hwr.errors import InputError
from hwr.files.texts import NOT_UTF8, decode_text, json_objects
from hwr.formats.read_xml import BAD_BASELINE, BAD_CONFIDENCE, BAD_OUTLINE, BAD_WORDS, MAX_NUMBER
from hwr.page.completing import Ids, complete_lines, correct_words
from hwr.page.page import Line, Page, Region
from hwr.settings import from_dict
from hwr.text import has_surrogates

Part = TypeVar("Part", Line, Region)

QUARTER_TURNS = (0, 90, 180, 270)
"""Degrees by which an image can have been turned for reading."""


def split_pages_json(data: bytes, where: str) -> list[tuple[str, str]]:
    """Return the JSON of each page of a file with objects one after another, or with a list of them.

    Each object may have a line of its own, or several lines. One that is not JSON ends before the next line that begins
    with an object.

    Args:
        data: the content of the file.
        where: its name, for errors.

    Returns:
        The text of each page, and its name for errors.

    Raises:
        InputError: without a page. Bytes that are not UTF-8 are found when their page is read.
    """
    text = decode_text(data, where, errors="surrogateescape")
    whole = _parse(text)
    if isinstance(whole, Mapping):
        return [(text, where)]
    if isinstance(whole, list):
        pages = [
            (json.dumps(page, ensure_ascii=False), f"{where}: page {number}")
            for number, page in enumerate(whole, start=1)
        ]
    else:
        pages = [(part, f"{where}: line {line}") for line, part in json_objects(text)]
    if not pages:
        raise InputError(f"{where}: has no page")
    return pages


def read_page_json(text: str, where: str) -> Page:
    """Return the page of a JSON object.

    Raises:
        InputError: not JSON, or not a page as `page.schema.json` describes it.
    """
    if has_surrogates(text):
        raise InputError(f"{where}: {NOT_UTF8}")
    value = _parse(text)
    if value is None:
        raise InputError(f"{where}: not JSON, or cut off")
    return page_from_object(value, where)


def page_from_object(value: object, where: str) -> Page:
    """Return a page from its dictionaries and lists; `where` begins the message of an error.

    A line that cannot be used is named in `Page.left_out`. A broken confidence or position of a line is ignored, and
    named in `Page.notes`, as is a region that cannot be used; its lines are kept.

    Raises:
        InputError: an unknown or missing key of the page, a value of the wrong type, a size that no image has, a
            rotation that is not a quarter turn.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: not a JSON object such as `hwr recognize --format json` writes")
    value = _with_languages(value)
    own_lines, same_lines = _with_ids(value.get("lines"), "l")
    own_regions, same_regions = _with_ids(value.get("regions"), "r")
    mended, faults = _mended_lines(own_lines)
    lines, left_out = _usable(Line, mended, where)
    regions, broken = _usable(Region, own_regions, where)
    kept: dict[str, list[Any]] = {name: [] for name in ("lines", "regions") if isinstance(value.get(name), list)}
    page = from_dict(Page, {**value, **kept}, where, error=InputError)
    if page.rotation not in QUARTER_TURNS:
        raise InputError(f"{where}: rotation = {page.rotation}: one of 0, 90, 180, 270 is needed")
    if not (0 <= page.width <= MAX_NUMBER and 0 <= page.height <= MAX_NUMBER):
        raise InputError(f"{where}: width and height are not those of an image")
    own, other_words = correct_words(complete_lines(lines) if faults else lines)
    lost = ((id, f"region left out: {reason}") for id, reason in broken)
    notes = (*same_regions, *same_lines, *faults, *other_words, *lost)
    return replace(
        page,
        lines=own,
        regions=tuple(regions),
        left_out=(*page.left_out, *left_out),
        notes=(*page.notes, *notes),
    )


def _with_ids(values: object, prefix: str) -> tuple[list[object], list[tuple[str, str]]]:
    """Return lines or regions with an id each, all of them different; and a note about each that had another's."""
    items = values if isinstance(values, list) else []
    ids = Ids(id for item in items if isinstance(item, Mapping) and isinstance(id := item.get("id"), str))
    named: list[object] = []
    notes = []
    for number, item in enumerate(items, start=1):
        if isinstance(item, Mapping) and isinstance(item.get("id", ""), str):
            id, repeated = ids.claim(item.get("id"), f"{prefix}{number}")
            item = {**item, "id": id}
            notes += [(id, note) for note in repeated]
        named.append(item)
    return named, notes


def _usable(kind: type[Part], values: Sequence[object], where: str) -> tuple[list[Part], tuple[tuple[str, str], ...]]:
    """Return the lines or regions that can be used, and the ids of the others with the reasons."""
    used: list[Part] = []
    left_out: list[tuple[str, str]] = []
    for number, value in enumerate(values, start=1):
        try:
            used.append(from_dict(kind, value, where, error=InputError))
        except InputError as error:
            id = value.get("id") if isinstance(value, Mapping) else None
            named = id if isinstance(id, str) else f"number {number}"
            left_out.append((named, str(error).removeprefix(f"{where}: ")))
    return used, tuple(left_out)


def _mended_lines(lines: Sequence[object]) -> tuple[list[object], list[tuple[str, str]]]:
    """Return lines without broken confidences, baselines, polygons and boxes of words; and the id and fault of each."""
    mended, faults = [], []
    for number, line in enumerate(lines, start=1):
        if isinstance(line, Mapping):
            line, found = _mended_line(line)
            faults += [(str(line.get("id", f"number {number}")), fault) for fault in found]
        mended.append(line)
    return mended, faults


def _mended_line(line: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    made: dict[str, Any] = {}
    faults: list[str] = []
    for name, fault in (("baseline", BAD_BASELINE), ("polygon", BAD_OUTLINE)):
        if name in line and not _is_list(line[name], _is_point):
            made[name] = []
            faults.append(fault)
    words = line.get("words", [])
    if _is_list(words, lambda word: isinstance(word, Mapping)):
        if not all(_are_numbers(word.get("box"), 4) for word in words):
            made["words"] = []
            faults.append(BAD_WORDS)
        elif not all(_is_probability(word.get("confidence", 0)) for word in words):
            made["words"] = [_with_confidence(word) for word in words]
            faults.append(BAD_CONFIDENCE)
    if not _is_probability(line.get("confidence", 0)):
        made["confidence"] = 1.0
        faults.append(BAD_CONFIDENCE)
    return {**line, **made}, list(dict.fromkeys(faults))


def _with_confidence(word: Mapping[str, Any]) -> Mapping[str, Any]:
    return word if _is_probability(word.get("confidence", 0)) else {**word, "confidence": 1.0}


def _is_list(value: object, is_item: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(is_item, value))


def _is_point(value: object) -> bool:
    return _are_numbers(value, 2)


def _are_numbers(value: object, count: int) -> bool:
    """Return whether a value is a list of this many coordinates."""
    return isinstance(value, list) and len(value) == count and _is_list(value, _is_coordinate)


def _is_coordinate(value: object) -> bool:
    return type(value) in (int, float) and abs(cast(float, value)) <= MAX_NUMBER


def _is_probability(value: object) -> bool:
    return type(value) in (int, float) and 0 <= cast(float, value) <= 1


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
