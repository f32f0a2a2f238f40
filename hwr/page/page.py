"""Page > Region > Line > Word: what recognition returns and what every format writes.

All coordinates are pixels of the input image, x to the right, y downwards.
"""

from dataclasses import dataclass, field, replace
from html import escape
from os import PathLike
from typing import Any

from hwr.text import counted

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 with x0 < x1 and y0 < y1; the right and lower edges are exclusive."""

REGION_TYPE, LINE_TYPE = "text", "default"
"""Types of regions and lines if nothing else is known; formats do not write them."""
ROW_REGION = "table-row"
"""Type of a region that is a row of a table: its lines are next to each other."""
CELL_REGION = "cell"
"""Type of a region that is a cell of a table."""
PRINTED_TYPE = "printed"
"""Type of a line in print."""
DOUBTFUL = 0.5
"""A notebook marks words of a lower confidence: they are more probably wrong than right."""


@dataclass(frozen=True)
class Character:
    """One character with the box of its ink; joined characters are separated where the ink is thin."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class Alternative:
    """Another reading of a word or a line, and the probability that it is right."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Word:
    """A run of characters between spaces, with the box of its ink.

    `uncertain` means that its confidence is below the requested one. `characters` is set for aligned texts only.
    `alternatives` are other readings, the most probable first, if requested.
    """

    text: str
    confidence: float
    box: Box
    uncertain: bool = False
    characters: tuple[Character, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    def __repr__(self) -> str:
        return f"<Word {self.text!r}, confidence {self.confidence:.2f}>"


@dataclass(frozen=True)
class Line:
    """One line of writing.

    `baseline` is a polyline from the first to the last letter, and `polygon` the outline of the ink. `language` is an
    ISO 639-1 code, or empty if unknown. The readers of files set `machine_read` if the file says that a program read
    the text and nothing says that somebody corrected it.
    """

    id: str
    region: str
    type: str
    text: str
    confidence: float
    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]
    words: tuple[Word, ...] = ()
    language: str = ""
    alternatives: tuple[Alternative, ...] = ()
    machine_read: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        return f"<Line {self.id}: {self.text!r}, confidence {self.confidence:.2f}>"


@dataclass(frozen=True)
class Region:
    """A block of lines: a column, a marginal note."""

    id: str
    type: str
    polygon: tuple[Point, ...]

    def __repr__(self) -> str:
        return f"<Region {self.id}: {self.type}>"


@dataclass(frozen=True)
class Page:
    """One page image and everything read on it.

    Attributes:
        image: path or name of the image.
        width, height: size of the image in pixels.
        model: name of the model that read it.
        regions, lines: in reading order.
        rotation: degrees by which the image was turned clockwise for reading: 0, 90, 180 or 270. Coordinates are those
            of the original image.
        language: language of the text, as an ISO 639-1 code; empty if unknown.
        warnings: messages for a person who uses the result.
        left_out: id of each line that a reader of files could not use, and the reason.
        notes: id of a line or region, and what a reader of files decided about it.
    """

    image: str
    width: int
    height: int
    model: str
    regions: tuple[Region, ...]
    lines: tuple[Line, ...]
    rotation: int = 0
    language: str = ""
    warnings: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The texts of the lines, one per line."""
        return "\n".join(line.text for line in self.lines)

    def save(self, path: str | PathLike[str], *, format: str | None = None, image: Any = None) -> None:
        """Write the page to a file; see `hwr.formats.save.save_page`."""
        import hwr  # writers are in a layer above: this method goes through the front door

        hwr.save_page(self, path, format=format, image=image)

    def __repr__(self) -> str:
        size, lines = f"{self.width} x {self.height}", counted(len(self.lines), "line")
        return f"<Page {self.image!r}, {size}: {lines}, read by {self.model or 'an unknown model'}>"

    def _repr_html_(self) -> str:
        """Return the page as a notebook shows it."""
        return _as_html(self)


@dataclass(frozen=True)
class AlignedLine:
    """The image of one line, with the position of each word of its known text.

    Attributes:
        image: name of the image.
        width, height: size of the upright image.
        model: name of the model that aligned the text.
        text: normalised text.
        confidence: probability of the text given the image.
        score: natural logarithm of the text's probability given the image, divided by its number of characters.
        words: in the order of the text.
        id: id of the line in its data set.
    """

    image: str
    width: int
    height: int
    model: str
    text: str
    confidence: float
    score: float
    words: tuple[Word, ...]
    id: str | None = None

    def __repr__(self) -> str:
        return f"<AlignedLine {self.image!r}: {self.text!r}, confidence {self.confidence:.2f}>"


def mark_uncertain(page: Page, min_confidence: float) -> Page:
    """Return the page with all words below a confidence marked as uncertain."""

    def marked(line: Line) -> Line:
        words = tuple(replace(word, uncertain=word.confidence < min_confidence) for word in line.words)
        return replace(line, words=words)

    return replace(page, lines=tuple(marked(line) for line in page.lines))


def _as_html(page: Page) -> str:
    """Return the text of a page in a table of its lines; doubtful words are marked and show their confidence."""
    lines = counted(len(page.lines), "line")
    caption = f"{escape(page.image)}: {lines}, read by {escape(page.model or 'an unknown model')}"
    warnings = "".join(f"<p><strong>Warning:</strong> {escape(warning)}</p>" for warning in page.warnings)
    rows, region = [], page.lines[0].region if page.lines else ""
    for line in page.lines:
        space = "border-top: 1em solid transparent;" if line.region != region else ""
        region = line.region
        cells = f"{_html_cell(f'{line.confidence:.2f}')}<td dir=auto style='text-align: start'>{_html_text(line)}</td>"
        rows.append(f"<tr title='{escape(line.id)}' style='{space}'>{cells}</tr>")
    head = f"<thead><tr>{_html_cell('confidence')}<th style='text-align: start'>text</th></tr></thead>"
    table = f"<table>{head}<tbody>{''.join(rows)}</tbody></table>" if rows else ""
    return f"<div><p>{caption}</p>{warnings}{table}</div>"


def _html_cell(text: str) -> str:
    return f"<td style='color: gray'>{text}</td>"


def _html_text(line: Line) -> str:
    return " ".join(map(_html_word, line.words)) if line.words else escape(line.text)


def _html_word(word: Word) -> str:
    text = escape(word.text)
    if not word.uncertain and word.confidence >= DOUBTFUL:
        return text
    others = "".join(f", or {other.text} {other.confidence:.2f}" for other in word.alternatives)
    return f"<mark title='{escape(f'confidence {word.confidence:.2f}{others}')}'>{text}</mark>"
