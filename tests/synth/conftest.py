"""A font that every installation has, and fonts made from it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import ImageFont

from helpers.font_files import read_character_map, read_tables, write_font


@pytest.fixture(scope="session")
def aileron() -> bytes:
    """The TrueType font that Pillow carries: Latin letters, digits and punctuation without accents."""
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.font_bytes


@pytest.fixture
def font_folder(tmp_path: Path, aileron: bytes) -> Path:
    """A folder with one font."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    (folder / "aileron.ttf").write_bytes(aileron)
    return folder


@pytest.fixture
def remapped(aileron: bytes, tmp_path: Path) -> Callable[[str, Mapping[str, str | None]], Path]:
    """Makes a font in which characters show the glyph of others, or have none."""

    def make(name: str, changes: Mapping[str, str | None]) -> Path:
        tables = read_tables(aileron)
        mapping = read_character_map(tables[b"cmap"])
        changed = dict(mapping)
        for character, other in changes.items():
            changed.pop(ord(character), None)
            if other is not None:
                changed[ord(character)] = mapping[ord(other)]
        path = tmp_path / f"{name}.ttf"
        path.write_bytes(write_font(tables, changed))
        return path

    return make
