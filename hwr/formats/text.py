"""A page as plain text: one line of writing a line, in reading order."""

from hwr.page import Line, Page

PAGE_BREAK = "\f"
"""Between the pages of a document: a form feed, as tesseract and pdftotext write it."""


def write_text(page: Page) -> str:
    """The lines' texts, each ended by a newline; nothing for a page without lines. Uncertain words are `[word?]`."""
    return "".join(f"{_text(line)}\n" for line in page.lines)


def _text(line: Line) -> str:
    if not any(word.uncertain for word in line.words):
        return line.text
    return " ".join(f"[{word.text}?]" if word.uncertain else word.text for word in line.words)
