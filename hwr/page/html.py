"""A page as HTML for notebooks."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwr.page.page import Line, Page, Word

DOUBTFUL = 0.5
"""Words of a lower confidence are marked: they are more probably wrong than right."""


def page_html(page: "Page") -> str:
    """Return the text of a page in a table of its lines; doubtful words are marked and show their confidence."""
    caption = f"{escape(page.image)}: {len(page.lines)} lines, read by {escape(page.model or 'an unknown model')}"
    warnings = "".join(f"<p><strong>Warning:</strong> {escape(warning)}</p>" for warning in page.warnings)
    rows, region = [], page.lines[0].region if page.lines else ""
    for line in page.lines:
        space = "border-top: 1em solid transparent;" if line.region != region else ""
        region = line.region
        cells = f"{_cell(f'{line.confidence:.2f}')}<td dir=auto style='text-align: start'>{_text(line)}</td>"
        rows.append(f"<tr title='{escape(line.id)}' style='{space}'>{cells}</tr>")
    head = f"<thead><tr>{_cell('confidence')}<th style='text-align: start'>text</th></tr></thead>"
    table = f"<table>{head}<tbody>{''.join(rows)}</tbody></table>" if rows else ""
    return f"<div><p>{caption}</p>{warnings}{table}</div>"


def _cell(text: str) -> str:
    return f"<td style='color: gray'>{text}</td>"


def _text(line: "Line") -> str:
    return " ".join(map(_word, line.words)) if line.words else escape(line.text)


def _word(word: "Word") -> str:
    text = escape(word.text)
    if not word.uncertain and word.confidence >= DOUBTFUL:
        return text
    others = "".join(f", or {other.text} {other.confidence:.2f}" for other in word.alternatives)
    return f"<mark title='{escape(f'confidence {word.confidence:.2f}{others}')}'>{text}</mark>"
