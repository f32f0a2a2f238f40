"""Lines of ink from handwriting fonts."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageDraw, ImageFont

from hwr.errors import DataError, InputError
from hwr.synth.fonts import HandFont, UncoveredText, empty_image, load_fonts
from hwr.synth.ink import Ink, InkLine, cut_to_ink
from hwr.synth.pens import REACH, draw_pen, ink_with
from hwr.synth.warp import bend, draw_hand
from hwr.text import Alphabet, has_right_to_left, normalise_text

MARGIN = 3
"""Empty pixels around the ink of a line."""

MAX_CHARACTERS = 250
"""Maximum length of a text: `empty_image` bounds the width."""

_MIN_ROWS = 34  # rows that a line has at least: a lone dash is not a picture of its own size

STYLE_WEIGHTS: Mapping[str, float] = {"print": 1.0, "cursive": 1.0, "school": 0.8, "formal": 0.55, "historic": 0.0}
"""Weights of the styles of fonts: copperplate is rare today, and a secretary hand has different letters."""

_SIZES = (0.86, 1.0, 1.14)  # of the font's usual size
_CAPITALS = re.compile(r"[A-ZÀ-ÖØ-Þ]{2}")
_JOINED_CAPITALS = 0.15  # share of texts in capitals that a joined font writes: its swashes are for first letters
_SET_BY_LETTER = 0.65  # share of lines in an unjoined font whose letters are set one by one


@dataclass(frozen=True)
class Piece:
    """A letter or a word to draw: its text, its origin on the baseline, the size of its font."""

    text: str
    x: float
    y: float
    size: int


class FontRenderer:
    """Writes lines with handwriting fonts.

    Args:
        fonts: font files and folders. A table `coverage.tsv` in a folder gives the style of its fonts.
        report: called with one line for each font that cannot be used.

    Raises:
        InputError: a path is missing, or no font is left.
    """

    def __init__(self, fonts: Sequence[Path], report: Callable[[str], None] = lambda message: None) -> None:
        loaded = load_fonts(fonts, report)
        self.fonts = tuple(font for font in loaded if STYLE_WEIGHTS.get(font.style, 1.0) > 0)
        if not self.fonts:
            raise InputError("no usable font: all are of styles that are not written")
        self._weights = np.array([STYLE_WEIGHTS.get(font.style, 1.0) for font in self.fonts])

    def line(self, text: str, generator: np.random.Generator) -> InkLine:
        """Write one line in a font that has all its characters, with a pen and a hand drawn at random.

        Raises:
            UncoveredText: no font has all characters of the text, or there is nothing to write.
            DataError: the text is longer than MAX_CHARACTERS.
        """
        text = normalise_text(text)
        if len(text) > MAX_CHARACTERS:
            raise DataError(f"a text of {len(text)} characters is too long for one line (more than {MAX_CHARACTERS})")
        font = self._font(text, generator)
        factor = _SIZES[int(generator.integers(len(_SIZES)))]
        size = max(8, 2 * round(font.shape.size * factor / 2))
        try:
            pieces, words = _layout(text, font, size, generator)
            ink, left, baseline = _draw(pieces, font)
        except (OSError, ValueError, KeyError) as error:  # a broken glyph, or no library that sets right-to-left text
            raise UncoveredText(f"the font {font.name} cannot draw {text!r} ({error})") from None
        words = [(start - left, stop - left) for start, stop in words]
        bent = bend(ink, baseline, words, draw_hand(generator), MARGIN + REACH, generator)
        pen = draw_pen(generator)
        written = ink_with(pen, bent, font.shape.stroke * size, font.shape.x_height * size, generator)
        return InkLine(_high_enough(cut_to_ink(written, MARGIN)), text, f"font:{font.name}")

    def _font(self, text: str, generator: np.random.Generator) -> HandFont:
        """Return a font that covers the text, drawn by weight."""
        needed = "".join(sorted(set(text)))
        capitals = _CAPITALS.search(text) is not None
        weights = self._weights.copy()
        while needed.strip() and (total := weights.sum()) > 0:
            index = int(np.searchsorted(np.cumsum(weights), generator.random() * total, side="right"))
            index = min(index, len(weights) - 1)
            font = self.fonts[index]
            if weights[index] == 0 or not font.covers(needed):
                weights[index] = 0
            elif not capitals or not font.shape.joined or generator.random() < _JOINED_CAPITALS:
                return font
        lacking = [c for c in needed if not any(font.covers(c) for font in self.fonts)]
        reason = f"no font has {', '.join(map(repr, lacking))}" if lacking else "no one font has all its characters"
        message = f"{reason}: {text!r}" if needed.strip() else "an empty text cannot be written"
        raise UncoveredText(message, lacking)


def _layout(
    text: str, font: HandFont, size: int, generator: np.random.Generator
) -> tuple[list[Piece], list[tuple[float, float]]]:
    """Place letters and words; return also the first and last column of each word, from 0 on.

    A line with right-to-left letters is one piece: drawing it puts its words in order and joins its letters.
    """
    if has_right_to_left(text):
        return [Piece(text, 0.0, 0.0, size)], [(0.0, font.at(size).getlength(text))]
    shape = font.shape
    usual = max(shape.x_height, font.advance(" "))  # faces with long tails between words have a wide space
    gap = size * usual * min(1.9, max(0.6, generator.normal(1.0, 0.25)))
    uneven = float(generator.uniform(0.05, 0.3))
    by_letter = not shape.joined and generator.random() < _SET_BY_LETTER
    tracking = size * shape.x_height * min(0.4, max(-0.06, generator.normal(0.05, 0.09))) if by_letter else 0.0
    pieces: list[Piece] = []
    words: list[tuple[float, float]] = []
    x = 0.0
    for word in text.split(" "):
        start = x
        if by_letter:
            x = _set_letters(word, x, font, size, tracking, pieces, generator)
        else:
            pieces.append(Piece(word, x, 0.0, size))
            x += font.at(size).getlength(word)
        words.append((start, x))
        x += tracking + gap * max(0.55, 1 + uneven * float(generator.standard_normal()))
    return pieces, words


def _set_letters(
    word: str,
    x: float,
    font: HandFont,
    size: int,
    tracking: float,
    pieces: list[Piece],
    generator: np.random.Generator,
) -> float:
    """Set a word letter by letter, each slightly displaced; return the column where it ends."""
    letter = size * font.shape.x_height
    drawn = generator.standard_normal((3, len(word))) * [[0.035 * letter], [0.04 * letter], [0.04 * size]]
    moves: list[list[float]] = np.clip(drawn, -2, 2).tolist()
    for character, aside, up, grown in zip(word, *moves, strict=True):
        own = size + 2 * round(grown / 2)  # few sizes: each font object stays in memory
        pieces.append(Piece(character, x + aside, up, own))
        x += font.advance(character) * own + tracking
    return x - tracking


def _high_enough(ink: Ink) -> Ink:
    lacking = max(0, _MIN_ROWS - ink.shape[0])
    return np.pad(ink, ((lacking // 2, lacking - lacking // 2), (0, 0))) if lacking else ink


def _draw(pieces: Sequence[Piece], font: HandFont) -> tuple[Ink, float, float]:
    """Draw the pieces; return the ink cut to its box, the column of the box's left side, and the baseline's row."""
    layout = ImageFont.Layout.BASIC if len(pieces) > 1 and len(pieces[0].text) == 1 else ImageFont.Layout.RAQM
    direction = Alphabet.of([pieces[0].text]).direction if has_right_to_left(pieces[0].text) else None
    boxes = [font.at(piece.size, layout).getbbox(piece.text, direction=direction, anchor="ls") for piece in pieces]
    left = 2 - math.floor(min(piece.x + box[0] for piece, box in zip(pieces, boxes, strict=True)))
    base = 2 - math.floor(min(piece.y + box[1] for piece, box in zip(pieces, boxes, strict=True)))
    right = max(piece.x + box[2] for piece, box in zip(pieces, boxes, strict=True))
    bottom = max(piece.y + box[3] for piece, box in zip(pieces, boxes, strict=True))
    canvas = empty_image(left + math.ceil(right) + 2, base + math.ceil(bottom) + 2)
    drawing = ImageDraw.Draw(canvas)
    for piece in pieces:
        used = font.at(piece.size, layout)
        place = left + piece.x, base + piece.y
        drawing.text(place, piece.text, fill=255, font=used, anchor="ls", direction=direction)
    box = canvas.getbbox()
    if box is None:
        raise UncoveredText(f"the font {font.name} draws nothing for {''.join(piece.text for piece in pieces)!r}")
    return np.asarray(canvas.crop(box), dtype=np.uint8), float(box[0] - left), float(base - box[1])
