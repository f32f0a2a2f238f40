"""Page -> text, JSON and other formats: each a function of a page, found by its name."""

from collections.abc import Callable
from dataclasses import dataclass

from hwr.errors import UsageError
from hwr.formats.json import write_json
from hwr.formats.text import write_text
from hwr.page import Page


@dataclass(frozen=True)
class Format:
    """A way to write a page.

    Attributes:
        name: what `hwr recognize --format` calls it.
        suffix: ending of its files, with the dot.
        write: the page as the content of a file, ending in a newline unless it is empty.
        marks: uncertain words (`hwr.page.mark_uncertain`) are told from the others.
        headed: on the terminal, the page's name stands before it when there are several pages.
    """

    name: str
    suffix: str
    write: Callable[[Page], str]
    headed: bool
    marks: bool = False


FORMATS = {
    entry.name: entry
    for entry in (
        Format("text", ".txt", write_text, headed=True, marks=True),
        Format("json", ".json", write_json, headed=False, marks=True),
    )
}


def find_format(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"no format named {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
