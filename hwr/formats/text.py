"""A page as plain text: one line of writing a line, in reading order."""

from hwr.page import Page


def write_text(page: Page) -> str:
    """The lines' texts, each ended by a newline; nothing for a page without lines."""
    return "".join(f"{line.text}\n" for line in page.lines)
