"""A page as plain text: one line of text for each line of writing, in reading order."""

from itertools import zip_longest

from hwr.page.page import ROW_REGION, Line, Page


def write_text(page: Page) -> str:
    """Return the text of each line with a newline; uncertain words are `[word?]`.

    The lines of a table's row are on one line, with tabs between them. Other readings of lines follow, one a line, each
    indented and with its probability.
    """
    rows = {region.id for region in page.regions if region.type == ROW_REGION}
    parts, others = [], list[str]()
    for line, following in zip_longest(page.lines, page.lines[1:]):
        same_row = following is not None and line.region in rows and following.region == line.region
        parts.append(_text(line) + ("\t" if same_row else "\n"))
        others += [f"    {other.confidence:.2f} {other.text}\n" for other in line.alternatives]
        if not same_row:
            parts += others
            others = []
    return "".join(parts)


def _text(line: Line) -> str:
    if not any(word.uncertain for word in line.words):
        return line.text
    return " ".join(mark(word.text) if word.uncertain else word.text for word in line.words)


def mark(word: str) -> str:
    """Return an uncertain word as text formats write it."""
    return f"[{word}?]"
