"""Handwriting fonts: the characters that each covers, its size and the width of its strokes."""

import csv
import io
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hwr.errors import DataError, InputError
from hwr.files.texts import decode_text
from hwr.files.tree import read_file

SUFFIXES = (".ttf", ".otf", ".ttc")

STYLE_TABLE = "coverage.tsv"
"""Table next to the fonts with the columns `font` (file name without its ending) and `style`; it may be missing."""

_PROBE_SIZE = 40  # pixels per em: large enough to distinguish glyphs
_MAX_FACES = 256
_PROBE_CANVAS = 128
_PROBE_ORIGIN = (40, 84)
_UNMAPPED = "\U0010fffe"  # a noncharacter: fonts show .notdef for it
_LETTERS = ("aenox", "AENOX")  # a font must have one of these sets to be of use

_MEASURE_SIZE = 128
_MAX_TABLE_BYTES = 2**20
_EXTENT_TARGET = 64.0  # pixels from ascender to descender ...
_X_HEIGHT_TARGET = 24.0  # ... and of small letters, for a font of usual proportions
_BROKEN = (OSError, ValueError, SyntaxError)  # raised by Pillow on a broken font or another file
_MAX_ROWS, _MAX_COLUMNS = 2_000, 20_000  # of a drawing: OpenCV cannot bend an image wider than 32,767 pixels


class UncoveredText(DataError):
    """No font has all characters of a text; `lacking` are those that not one font has."""

    def __init__(self, message: str, lacking: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lacking = lacking


@dataclass(frozen=True)
class FontShape:
    """Measures of a font, per pixel of its em size.

    Attributes:
        size: em size in pixels at which its lines are about 64 pixels high.
        stroke: mean width of strokes.
        x_height: height of small letters.
        joined: the letters of a word touch, so they must be drawn together.
    """

    size: float
    stroke: float
    x_height: float
    joined: bool


class HandFont:
    """One font of a file. FreeType objects are made when they are first needed and kept.

    Attributes:
        shape: measures of the font, taken from a few letters drawn large.

    Raises:
        InputError: not a font, broken, or with neither the letters a to z nor A to Z.
    """

    def __init__(self, path: Path, style: str = "", face: int = 0) -> None:
        """Open font `face` of a file; a collection has several, from 0 on."""
        self.name = f"{path.stem}-{face + 1}" if face else path.stem
        self.style = style
        self._face = face
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
        self._sizes: dict[tuple[int, ImageFont.Layout], ImageFont.FreeTypeFont] = {}
        self._covered: dict[str, bool] = {" ": True}
        self._advances: dict[str, float] = {}
        try:
            self._missing = self._glyph(_UNMAPPED)
            usable = any(all(self.covers(letter) for letter in letters) for letters in _LETTERS)
            self.shape = _measure(self)
        except _BROKEN as error:
            raise InputError(f"{path}: not a font that can be used, or broken ({error})") from None
        if not usable:
            raise InputError(f"{path}: the font has neither all letters a to z nor all of A to Z")

    def covers(self, text: str) -> bool:
        """Return whether the font has a visible glyph of its own for every character of `text`."""
        return all(self._has(character) for character in text)

    def at(self, size: int, layout: ImageFont.Layout = ImageFont.Layout.RAQM) -> ImageFont.FreeTypeFont:
        """Return the font at an em size in pixels; one object for each size."""
        key = (size, layout)
        if key not in self._sizes:
            self._sizes[key] = ImageFont.truetype(io.BytesIO(self._data), size, self._face, layout_engine=layout)
        return self._sizes[key]

    def advance(self, character: str) -> float:
        """Return the distance in pixels from one letter to the next at an em of one pixel, without kerning."""
        if character not in self._advances:
            length = self.at(_MEASURE_SIZE, ImageFont.Layout.BASIC).getlength(character)
            self._advances[character] = length / _MEASURE_SIZE
        return self._advances[character]

    def _has(self, character: str) -> bool:
        """Draw a character and compare: if it is empty or equal to .notdef or to its plain relative, the font lacks it.

        Plain layout asks only the font's own character map; shaping would compose accents.
        """
        if character not in self._covered:
            try:
                glyph = self._glyph(character)
                relatives = {unicodedata.normalize("NFD", character)[0], character.upper()[:1]} - {character}
                others = [self._missing, *(self._glyph(relative) for relative in relatives)]
                self._covered[character] = any(glyph) and glyph not in others
            except _BROKEN:
                self._covered[character] = False
        return self._covered[character]

    def _glyph(self, character: str) -> bytes:
        canvas = Image.new("L", (_PROBE_CANVAS, _PROBE_CANVAS))
        font = self.at(_PROBE_SIZE, ImageFont.Layout.BASIC)
        ImageDraw.Draw(canvas).text(_PROBE_ORIGIN, character, fill=255, font=font, anchor="ls")
        return canvas.tobytes()


def find_fonts(paths: Iterable[Path]) -> list[Path]:
    """Return the font files among `paths`, those in folders included, sorted within a folder.

    Raises:
        InputError: a path is missing, or a folder contains no font.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise InputError(f"{path}: no font ({', '.join(SUFFIXES)}) in this folder")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: no such font or folder of fonts")
    return found


def load_fonts(paths: Sequence[Path], report: Callable[[str], None]) -> tuple[HandFont, ...]:
    """Open the fonts in `paths` (files and folders); `report` is called with one line for each that cannot be used.

    Raises:
        InputError: a path is missing, or no font is left.
    """
    fonts: list[HandFont] = []
    reasons: list[str] = []
    for file in find_fonts(paths):
        for face in range(_count_faces(file)):
            try:
                fonts.append(HandFont(file, _styles(file.parent / STYLE_TABLE).get(file.stem, ""), face))
            except InputError as error:
                reasons.append(str(error))
                report(reasons[-1])
    if not fonts:
        raise InputError(f"no usable font: {'; '.join([*dict.fromkeys(reasons)][:3]) or 'the list is empty'}")
    return tuple(fonts)


def _count_faces(path: Path) -> int:
    """Return the number of fonts in a file: 1, or that which the header of a collection states (OpenType: TTC)."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        if head.startswith(b"ttcf"):
            return min(int.from_bytes(head[8:]), _MAX_FACES)
    return 1


@cache
def _styles(table: Path) -> dict[str, str]:
    """Read the style of each font from a `STYLE_TABLE`: font -> style. Without the file there are none.

    Raises:
        InputError: it cannot be read.
    """
    if not table.exists():
        return {}
    text = decode_text(read_file(table, _MAX_TABLE_BYTES), str(table))
    try:
        rows = csv.DictReader(text.splitlines(), delimiter="\t")
        return {row["font"]: row["style"] for row in rows}
    except (csv.Error, KeyError):
        return {}


def empty_image(width: int, height: int) -> Image.Image:
    """Return an image without ink.

    Raises:
        ValueError: it is larger than any line: the font states sizes that cannot be right.
    """
    if width > _MAX_COLUMNS or height > _MAX_ROWS:
        raise ValueError(f"a drawing of {width} x {height} pixels is too large")
    return Image.new("L", (width, height))


def _measure(font: HandFont) -> FontShape:
    small = font.covers(string.ascii_lowercase)
    height = _drawn(font, "xnuo" if small else "XNUO").shape[0]
    extent = _drawn(font, "dbhkgpy" if small else "DBHKGPYJ").shape[0]
    word = "minumeand" if small else "MINUMEAND"
    mask = (_drawn(font, word) > 127).astype(np.uint8)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    # Over a bar of width w the distance to its edge is w / 4 in the mean; half a pixel for pixel centres.
    stroke = 4 * (float(depth[depth > 0].mean()) - 0.5) if mask.any() else 0.05 * _MEASURE_SIZE
    parts, _, statistics, _ = cv2.connectedComponentsWithStats(mask)
    large = int((statistics[1:parts, cv2.CC_STAT_HEIGHT] > 0.4 * height).sum())
    scale = float(np.sqrt(_X_HEIGHT_TARGET / height * _EXTENT_TARGET / extent))
    return FontShape(
        size=scale * _MEASURE_SIZE,
        stroke=max(stroke, 1.0) / _MEASURE_SIZE,
        x_height=height / _MEASURE_SIZE,
        joined=large <= 0.67 * len(word),
    )


def _drawn(font: HandFont, text: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return the ink of a text at _MEASURE_SIZE, cut to its box."""
    sized = font.at(_MEASURE_SIZE)
    left, top, right, bottom = (int(side) for side in sized.getbbox(text, anchor="ls"))
    canvas = empty_image(max(1, right - left), max(1, bottom - top))
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=sized, anchor="ls")
    box = canvas.getbbox()
    return np.asarray(canvas.crop(box) if box else canvas, dtype=np.uint8)
