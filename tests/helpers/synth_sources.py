"""Fonts and texts for tests of synthesis, from what every installation has."""

from pathlib import Path

from PIL import ImageFont

from hwr.synth.options import PaperOptions

PROSE = (
    "The quick brown fox jumps over the lazy dog, and nobody in the village wondered at it any more.",
    "Well, said she, it is a remarkable thing that so many people write letters and so few answer them.",
)


def write_font(folder: Path, name: str = "aileron.ttf") -> Path:
    """The font that Pillow carries: Latin letters, digits and punctuation without accents. Gives the folder."""
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(font.font_bytes)
    return folder


def write_broken_font(folder: Path, name: str = "broken.ttf") -> Path:
    """A file that has the name of a font but is not one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"\0\1\0\0 this is no font")
    return path


def write_text(path: Path, *paragraphs: str) -> Path:
    """A text file with a paragraph a line."""
    path.write_text("\n".join(paragraphs or PROSE) + "\n", encoding="utf-8")
    return path


def only(options: PaperOptions, *kinds: str) -> PaperOptions:
    """The options with some kinds of paper for every line and without all others."""
    return options.with_probabilities(dict.fromkeys(options.kinds(), 0.0) | dict.fromkeys(kinds, 1.0))
